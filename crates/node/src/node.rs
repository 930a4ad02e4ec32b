//! The assembled node: started step by step, drained politely, or ended.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use edge::{HandshakeLimits, Listener};
use hyper::service::service_fn;
use ports::bus::Inbox;
use ports::registry::Announcement;
use ports::{Ambient, PortError};
use tokio::sync::watch;
use tokio::time::Instant;
use wire::CloseCode;

use crate::api::{self, ApiState};
use crate::config::Config;
use crate::events::{Event, Events};
use crate::heartbeat::{Heartbeat, Ousted};
use crate::launch::{Doors, Launch};
use crate::pace;
use crate::rooms::Rooms;
use crate::seams::Seams;
use crate::start::{StartError, Waits};
use crate::turn::in_turns;
use crate::watch::Watch;

/// Leases after which a start that found its name held gives up.
const NAME_WAIT_LEASES: u32 = 2;
/// How long what was kept may take to be posted, when everything else has ended.
const LAST_POSTS_LIMIT: Duration = Duration::from_secs(3);
/// How long the last releases of a drain may take.
const LAST_CHORES_LIMIT: Duration = Duration::from_secs(5);

/// A running node.
pub struct Node {
    rooms: Rooms,
    ws: SocketAddr,
    api: Option<SocketAddr>,
    api_state: ApiState,
    announcement: Arc<dyn Announcement>,
    ousted: watch::Receiver<Option<Ousted>>,
}

impl Node {
    /// Starts a node: sees that its name is free, opens the inbox, takes the lease, listens, and only then announces itself.
    ///
    /// # Errors
    /// Nothing of the node runs then.
    pub async fn start(
        config: Config,
        seams: Seams,
        ambient: Ambient,
        events: Events,
    ) -> Result<Node, StartError> {
        Launch::new(config, seams, ambient, events).start().await
    }

    pub(crate) async fn launch(launch: Launch, doors: Doors) -> Result<Node, StartError> {
        let ws = doors.ws.address();
        let api = doors.api.as_ref().map(Listener::address);

        let rooms = Rooms::new(launch);
        let ended_unless_started = rooms.back.stop.clone().drop_guard();
        let heartbeat = rooms.heartbeat(ws);
        let inbox = settle(&rooms, &heartbeat).await?;
        let ousted = run_back(&rooms, heartbeat, inbox);

        let policy = rooms.policy(ws, api);
        let admission = rooms.admission(policy.clone());
        let service = service_fn(move |request| admission.clone().answer(request));
        let limits = HandshakeLimits::from(&*rooms.config.limits);
        doors.ws.serve(limits.clone(), service, &rooms.front.tasks, rooms.front.stop.clone());
        let api_state = rooms.api(policy);
        if let Some(listener) = doors.api {
            api::serve(listener, limits, api_state.clone(), &rooms.back.tasks, &rooms.back.stop);
        }
        rooms.health.serve();
        let announcement = rooms.seams.registry.announce(rooms.instance(ws));
        rooms.events.tell(Event::NodeReady { ws, api });
        ended_unless_started.disarm();
        Ok(Node { rooms, ws, api, api_state, announcement, ousted })
    }

    /// Where its WebSocket listener is.
    pub fn ws_address(&self) -> SocketAddr {
        self.ws
    }

    /// Where its HTTP interface is, if it has a listener of its own.
    pub fn api_address(&self) -> Option<SocketAddr> {
        self.api
    }

    /// Its HTTP interface, for another listener.
    pub fn api(&self) -> ApiState {
        self.api_state.clone()
    }

    /// Looks at it for metrics.
    pub fn watch(&self) -> Watch {
        let (node, hub) = (self.rooms.config.name.clone(), self.rooms.hub.clone());
        Watch { node, hub, health: self.rooms.health.clone() }
    }

    /// Live sessions.
    pub fn sessions(&self) -> usize {
        self.rooms.hub.len()
    }

    /// Waits until the node has to end itself, and says why. Cancel safe.
    pub async fn ousted(&self) -> Ousted {
        let mut ousted = self.ousted.clone();
        loop {
            if let Some(why) = ousted.borrow_and_update().clone() {
                return why;
            }
            if ousted.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }

    /// Empties the node politely: not ready and weight 0; after the notice nobody is let in and sessions are closed at a pace; releases,
    /// deregistering and the inbox last. Ends within the hard stop.
    pub async fn drain(&self) {
        let limits = &self.rooms.config.limits;
        let hard_stop = Instant::now() + limits.drain_hard_stop;
        self.rooms.events.tell(Event::DrainBegan { sessions: self.rooms.hub.len() });
        self.rooms.draining.store(true, Ordering::Relaxed);
        let politely = async {
            self.report(self.announcement.drain().await);
            tokio::time::sleep(limits.drain_notice).await;
            self.rooms.closed.store(true, Ordering::Relaxed);
            let left = hard_stop.saturating_duration_since(Instant::now());
            let spread = limits.drain_spread.min(left);
            pace::close_all(&self.rooms.hub, CloseCode::Draining, spread).await;
            while !self.rooms.hub.is_empty() {
                tokio::time::sleep(Duration::from_millis(20)).await;
                // Whoever was being let in when the door was closed.
                pace::close_all(&self.rooms.hub, CloseCode::Draining, Duration::ZERO).await;
            }
        };
        let _in_time = tokio::time::timeout_at(hard_stop, politely).await;
        self.stop().await;
        self.rooms.events.tell(Event::DrainEnded);
    }

    /// Ends the node: sessions that are left are closed at once, their places are given up, and nothing of it runs afterwards.
    pub async fn stop(&self) {
        self.end(CloseCode::Draining).await;
    }

    /// The same, for a node that must not be any more: its clients are told that its lease is lost.
    pub async fn abandon(&self) {
        self.end(CloseCode::LeaseLost).await;
    }

    async fn end(&self, code: CloseCode) {
        self.rooms.draining.store(true, Ordering::Relaxed);
        self.rooms.closed.store(true, Ordering::Relaxed);
        pace::close_all(&self.rooms.hub, code, Duration::ZERO).await;
        self.rooms.front.stop.cancel();
        self.rooms.front.tasks.close();
        let _in_time = tokio::time::timeout(LAST_CHORES_LIMIT, self.rooms.front.tasks.wait()).await;
        let farewell = async {
            self.report(self.announcement.withdraw().await);
            let mut pause = Duration::from_millis(20);
            while !self.rooms.hub.is_empty() {
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(Duration::from_millis(500));
            }
            let dispatch = &self.rooms.dispatch;
            let quiet = async {
                while !dispatch.is_quiet() {
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
            };
            // A node that could not tell all that it has kept does not end as one that has drained: its lease runs out, and others look into the store.
            if tokio::time::timeout(LAST_POSTS_LIMIT, quiet).await.is_ok() {
                self.report(self.rooms.seams.directory.end_lease(&self.rooms.view.boot()).await);
            }
        };
        let _in_time = tokio::time::timeout(LAST_CHORES_LIMIT, farewell).await;
        self.rooms.back.stop.cancel();
        self.rooms.back.tasks.close();
        let _in_time = tokio::time::timeout(LAST_CHORES_LIMIT, self.rooms.back.tasks.wait()).await;
    }

    fn report(&self, result: Result<(), PortError>) {
        if let Err(error) = result {
            self.rooms.events.tell(Event::PortFailed { error: &error });
        }
    }
}

impl std::fmt::Debug for Node {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Node").field("ws", &self.ws).field("api", &self.api).finish_non_exhaustive()
    }
}

/// Waits until the node has its name, its inbox and its lease, in this order: the inbox of a name that another holds is not touched.
async fn settle(rooms: &Rooms, heartbeat: &Heartbeat) -> Result<Box<dyn Inbox>, StartError> {
    let config = &rooms.config;
    let waits = Waits::new(config.start_wait);
    let give_up = Instant::now() + config.lease.ttl * NAME_WAIT_LEASES;
    waits.until_free(config, give_up, async || heartbeat.look_first().await).await?;
    let inbox = waits.until(async || rooms.seams.bus.open_inbox(&rooms.boot).await).await?;
    waits.until_free(config, give_up, async || heartbeat.take().await).await?;
    Ok(inbox)
}

/// Runs what lives until the last session is gone. Gives the place where it is told that the node has to end itself.
fn run_back(rooms: &Rooms, heartbeat: Heartbeat, inbox: Box<dyn Inbox>) -> watch::Receiver<Option<Ousted>> {
    let (inbox_task, delivery) = (rooms.inbox_task(), rooms.delivery.clone());
    rooms.back.run(async move { in_turns(&delivery, inbox_task.run(inbox)).await });
    let (tell_ousted, ousted) = watch::channel(None);
    rooms.back.run(async move {
        let why = heartbeat.run().await;
        // Nobody listens when the node is being dropped.
        let _nobody = tell_ousted.send(Some(why));
        std::future::pending::<()>().await;
    });
    let (sweep, arrivals, wheel) = (rooms.sweep.clone(), rooms.arrivals.clone(), rooms.wheel.clone());
    rooms.back.run(async move { sweep.run().await });
    rooms.back.run(async move { arrivals.run().await });
    rooms.back.run(async move { wheel.run().await });
    ousted
}
