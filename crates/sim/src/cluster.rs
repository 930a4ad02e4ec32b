//! The nodes of a run: started, crashed at once or at a point of their code, drained, and started again under their names.
//!
//! A crash ends a life: no task of it is polled again, and all its memory and sockets are gone. What lies on the way to a server stays on its way.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use edge::{Dialer, Life, Listener, MemorySocket};
use node::events::Events;
use node::{Doors, Launch, Node};
use ports::{Ambient, Clock};
use testkit::judge::{Fact, Facts};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::dice::Dice;
use crate::fault::node_name;
use crate::plan::Plan;
use crate::points;
use crate::seams::SimSeams;
use crate::settings;

/// Bytes that a connection holds each way: little, so that a client that does not read is felt soon.
const SOCKET_BYTES_MAX: usize = 4_096;
/// How long a supervisor waits until it starts a process again that ended by itself.
const SUPERVISOR_WAIT: Duration = Duration::from_secs(1);
/// How far a node's clock is off at most.
const SKEW_MS_MAX: i64 = 20_000;

/// The nodes. Clones are the same ones.
#[derive(Debug, Clone)]
pub struct Cluster(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    plan: Plan,
    seams: Arc<SimSeams>,
    places: Vec<Mutex<Place>>,
    skews_ms: Vec<i64>,
    supervisors: TaskTracker,
    said: Mutex<BTreeMap<(usize, String), u64>>,
}

/// Where a node is, or is not.
#[derive(Debug, Default)]
struct Place {
    boots: u64,
    /// How often it has moved to another port.
    moves: u16,
    process: Option<Process>,
    /// A point at which it is to crash.
    armed: Option<usize>,
}

/// A process that is wanted: it is started again when it ends by itself.
#[derive(Debug, Clone)]
struct Process {
    life: Life,
    dialer: Option<Dialer>,
    killed: CancellationToken,
    drain: CancellationToken,
    changed: Arc<Notify>,
    ended: bool,
}

impl Cluster {
    /// No node runs yet.
    pub fn new(plan: &Plan, seams: &Arc<SimSeams>) -> Cluster {
        let dice = Dice::of(plan.seed, "clocks");
        let skew = |_| dice.ms(0, 2 * SKEW_MS_MAX.unsigned_abs()).as_millis() as i64 - SKEW_MS_MAX;
        Cluster(Arc::new(Inner {
            plan: plan.clone(),
            seams: seams.clone(),
            places: (0..plan.nodes).map(|_| Mutex::default()).collect(),
            skews_ms: (0..plan.nodes).map(skew).collect(),
            supervisors: TaskTracker::new(),
            said: Mutex::default(),
        }))
    }

    /// Starts all nodes and waits until each listens.
    pub async fn start(&self) {
        for node in 0..self.0.places.len() {
            self.come_back(node, false).await;
        }
    }

    /// A client's end of a connection to a node, and the name of the host; `None` when nobody listens there.
    pub fn dial(&self, node: usize) -> Option<(MemorySocket, String)> {
        let place = self.place(node);
        let dialer = place.process.as_ref()?.dialer.as_ref()?;
        let socket = dialer.connect(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 50_000)).ok()?;
        Some((socket, address(node, place.moves).to_string()))
    }

    /// Ends a node at once, if it runs.
    pub fn crash(&self, node: usize) {
        let process = self.place(node).process.take();
        if let Some(process) = process {
            process.life.end();
            process.killed.cancel();
        }
    }

    /// Stops a node where it is, if it runs. Whatever ends it meanwhile ends that too.
    pub fn stand_still(&self, node: usize) {
        if let Some(process) = &self.place(node).process {
            process.life.stand_still();
        }
    }

    /// A node goes on, if it stands still.
    pub fn go_on(&self, node: usize) {
        let life = self.place(node).process.as_ref().map(|process| process.life.clone());
        if let Some(life) = life {
            life.go_on();
        }
    }

    /// Has a node crash when it next passes a point.
    pub fn arm(&self, node: usize, point: usize) {
        self.place(node).armed = Some(point);
    }

    /// It no longer crashes there.
    pub fn disarm(&self, node: usize) {
        self.place(node).armed = None;
    }

    /// A node passes a point. True when it crashes there.
    fn strikes(&self, node: usize, point: usize) -> bool {
        let is_armed = self.place(node).armed.take_if(|armed| *armed == point).is_some();
        if is_armed {
            self.heard(node, "crashed_at_a_point");
            self.crash(node);
        }
        is_armed
    }

    /// Empties a node politely, and ends it.
    pub async fn drain(&self, node: usize) {
        let process = self.place(node).process.clone();
        let Some(process) = process else { return };
        process.drain.cancel();
        self.until(node, |process| process.is_none_or(|process| process.ended)).await;
        self.crash(node);
    }

    /// Starts a node that does not run, and waits until it listens.
    pub async fn come_back(&self, node: usize, moves: bool) {
        let process = {
            let mut place = self.place(node);
            if place.process.is_some() {
                return;
            }
            place.moves += u16::from(moves);
            let process = Process {
                life: Life::new(),
                dialer: None,
                killed: CancellationToken::new(),
                drain: CancellationToken::new(),
                changed: Arc::new(Notify::new()),
                ended: false,
            };
            place.process = Some(process.clone());
            process
        };
        let (cluster, supervised) = (self.clone(), process.clone());
        self.0.supervisors.spawn_local(async move {
            let killed = supervised.killed.clone();
            killed.run_until_cancelled(cluster.supervise(node, supervised)).await;
        });
        self.until(node, |process| process.is_none_or(|process| process.dialer.is_some())).await;
    }

    /// Writes down what the nodes have said of themselves.
    pub fn tell(&self, facts: &Facts) {
        for ((node, event), amount) in lock(&self.0.said).iter() {
            facts.record(Fact::Said { node: node_name(*node), event: event.clone(), amount: *amount });
        }
    }

    /// The same over all nodes, by event.
    pub fn said(&self) -> BTreeMap<String, u64> {
        let mut all = BTreeMap::new();
        for ((_, event), amount) in lock(&self.0.said).iter() {
            *all.entry(event.clone()).or_default() += amount;
        }
        all
    }

    /// Ends all nodes.
    pub fn end(&self) {
        for node in 0..self.0.places.len() {
            self.crash(node);
        }
    }

    /// Starts the node again whenever it ends by itself.
    async fn supervise(&self, node: usize, process: Process) {
        loop {
            let life = Life::new();
            self.change(node, |place| place.life = life.clone());
            // Boxed, because it is large.
            let has_drained = life.live(Box::pin(self.lead(node, &process, &life))).await;
            life.end();
            self.change(node, |place| (place.dialer, place.ended) = (None, has_drained));
            if has_drained {
                return;
            }
            tokio::time::sleep(SUPERVISOR_WAIT).await;
        }
    }

    /// One life of a node, from its start to its end. True when it was to drain.
    async fn lead(&self, node: usize, process: &Process, life: &Life) -> bool {
        let Some(started) = self.launch(node, life).await else { return false };
        tokio::select! {
            biased;
            () = process.drain.cancelled() => {
                started.drain().await;
                true
            }
            _ousted = started.ousted() => {
                started.abandon().await;
                false
            }
        }
    }

    async fn launch(&self, node: usize, life: &Life) -> Option<Node> {
        let (boot, moves) = {
            let mut place = self.place(node);
            place.boots += 1;
            (place.boots, place.moves)
        };
        let (listener, dialer) = Listener::memory(address(node, moves), SOCKET_BYTES_MAX);
        let doors = Doors { ws: listener, api: None };
        let launch = Launch::new(
            settings::of_node(node, &self.0.plan),
            self.0.seams.of_node(node),
            self.ambient(node, boot),
            self.events(node),
        );
        let launch = points::sabotaged(launch, self.0.plan.sabotage.as_deref());
        let cluster = self.clone();
        let launch = points::watched(launch, move |point| cluster.strikes(node, point));
        let started = launch.behind(doors).living(life.clone()).start().await;
        match started {
            Ok(started) => {
                self.change(node, |place| place.dialer = Some(dialer));
                Some(started)
            }
            Err(_) => {
                self.heard(node, "start_failed");
                None
            }
        }
    }

    fn ambient(&self, node: usize, boot: u64) -> Ambient {
        let skew_ms = self.0.skews_ms.get(node).copied().unwrap_or(0);
        let clock = match self.0.seams.ambient.clock {
            Clock::Simulated { start, unix_ms } => {
                Clock::Simulated { start, unix_ms: unix_ms.saturating_add_signed(skew_ms) }
            }
            clock @ Clock::System => clock,
        };
        Ambient { clock, chance: Dice::chance(self.0.plan.seed, &format!("node {node} boot {boot}")) }
    }

    fn events(&self, node: usize) -> Events {
        let cluster = self.clone();
        Events::recorded(Arc::new(move |event, _text| cluster.heard(node, event)))
    }

    fn heard(&self, node: usize, event: &str) {
        *lock(&self.0.said).entry((node, event.to_owned())).or_default() += 1;
    }

    fn change(&self, node: usize, change: impl FnOnce(&mut Process)) {
        if let Some(process) = &mut self.place(node).process {
            change(process);
            process.changed.notify_waiters();
        }
    }

    async fn until(&self, node: usize, is_so: impl Fn(Option<&Process>) -> bool) {
        loop {
            let changed = {
                let place = self.place(node);
                if is_so(place.process.as_ref()) {
                    return;
                }
                place.process.as_ref().map(|process| (process.changed.clone(), process.killed.clone()))
            };
            let Some((changed, killed)) = changed else { return };
            tokio::select! {
                biased;
                () = killed.cancelled() => {}
                () = changed.notified() => {}
            }
        }
    }

    fn place(&self, node: usize) -> MutexGuard<'_, Place> {
        lock(&self.0.places[node])
    }
}

/// Where a node says that it listens.
fn address(node: usize, moves: u16) -> SocketAddr {
    let port = 7_000 + u16::try_from(node).unwrap_or(0) * 100 + moves;
    SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
