//! A cluster for one test: real nodes on loopback, with the four seams in memory that they share.
//!
//! Every node runs on a runtime of its own, so one can be crashed as a process is: at once, with nothing said to anybody.
//! Times that a story would wait for are short; `with` changes any setting.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use edge::TrustedProxies;
use node::admission::auth::Auth;
use node::api::MetricsText;
use node::config::{Api, Classic, Config, Healing, LeaseTimes};
use node::events::Events;
use node::{Node, Seams, StartError};
use ports::directory::{Binding, Directory};
use ports::memory::bus::MemoryBus;
use ports::memory::directory::MemoryDirectory;
use ports::memory::registry::MemoryRegistry;
use ports::{Ambient, Clock, Store};
use testkit::client::{ClassicClient, V1Client};
use testkit::http::Http;
use testkit::poll;
use tokio::runtime::Runtime;
use wire::limits::Limits;
use wire::policy::{DevicePolicy, DialectChoice};

use crate::faulty_store::FaultyStore;

/// For conditions that come true on their own: far beyond what a healthy cluster needs on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(15);

/// The life of a lease here; renewed at a third of it.
const LEASE: Duration = Duration::from_secs(3);

/// Changes what a node is told.
type Change = Box<dyn Fn(&mut Config)>;

/// What a cluster is to be. `Setup::of(3).start().await` is three nodes that keep messages.
pub(crate) struct Setup {
    nodes: usize,
    store: bool,
    bus: MemoryBus,
    changes: Vec<Change>,
}

impl Setup {
    /// So many nodes, in development mode, with a store, that speak both dialects.
    pub(crate) fn of(nodes: usize) -> Setup {
        Setup { nodes, store: true, bus: MemoryBus::new(), changes: Vec::new() }
    }

    /// `store: none`.
    pub(crate) fn keeping_nothing(self) -> Setup {
        Setup { store: false, ..self }
    }

    /// On another bus: one with smaller inboxes, or one that keeps copies.
    pub(crate) fn on_bus(self, bus: MemoryBus) -> Setup {
        Setup { bus, ..self }
    }

    /// Changes what every node is told.
    pub(crate) fn with(mut self, change: impl Fn(&mut Config) + 'static) -> Setup {
        self.changes.push(Box::new(change));
        self
    }

    /// Changes the limits of every node.
    pub(crate) fn limits(self, change: impl Fn(&mut Limits) + 'static) -> Setup {
        self.with(move |config| change(Arc::make_mut(&mut config.limits)))
    }

    /// Starts the nodes, one after the other, and waits until each sees all of them.
    pub(crate) async fn start(self) -> Cluster {
        let ambient = Ambient::system();
        let store = self.store.then(|| Arc::new(FaultyStore::new(&ambient)));
        let mut cluster = Cluster {
            directory: Arc::new(MemoryDirectory::new(ambient.clone())),
            bus: Arc::new(self.bus),
            registry: Arc::new(MemoryRegistry::new()),
            store,
            changes: self.changes,
            nodes: Vec::new(),
        };
        for idx in 0..self.nodes {
            let started = cluster.start_node(idx).await;
            let started = started.unwrap_or_else(|error| panic!("{}: {error}", name(idx)));
            cluster.nodes.push(Some(started));
        }
        cluster
    }
}

/// Nodes that share their seams. They end with it.
pub(crate) struct Cluster {
    /// The directory, to be cut, mended and wiped.
    pub(crate) directory: Arc<MemoryDirectory>,
    /// The bus, to be cut and mended.
    pub(crate) bus: Arc<MemoryBus>,
    /// The registry, to be cut and mended.
    pub(crate) registry: Arc<MemoryRegistry>,
    /// The store, where something is kept, to be cut, mended and slowed down.
    pub(crate) store: Option<Arc<FaultyStore>>,
    changes: Vec<Change>,
    nodes: Vec<Option<Running>>,
}

impl Cluster {
    /// A node, by its place: the first is 0 and called `node-1`.
    pub(crate) fn node(&self, idx: usize) -> &Running {
        self.nodes[idx].as_ref().unwrap_or_else(|| panic!("{} does not run", name(idx)))
    }

    /// Logs a user in on a node: `client(0, "1")`, `client(1, "1?device=web")`.
    pub(crate) async fn client(&self, idx: usize, user: &str) -> V1Client {
        V1Client::connect(&self.node(idx).url(user)).await
    }

    /// Logs a user in on a node, in the older dialect.
    pub(crate) async fn classic(&self, idx: usize, user: &str) -> ClassicClient {
        let url = self.node(idx).url(user);
        let opened = ClassicClient::open(&url, |handshake| handshake.protocols("classic")).await;
        opened.unwrap_or_else(|answer| panic!("{url} answers {answer:?}"))
    }

    /// Asks a node's HTTP interface.
    pub(crate) fn http(&self, idx: usize) -> Http {
        self.node(idx).http()
    }

    /// Where the directory has a user's sessions, the oldest login first.
    pub(crate) async fn bindings(&self, user: &str) -> Vec<Binding> {
        let user = user.parse().expect("a user id");
        let located = self.directory.locate(&[user]).await.expect("the directory answers");
        let mut bindings: Vec<Binding> = located.into_iter().flatten().collect();
        bindings.sort_by_key(|binding| binding.generation);
        bindings
    }

    /// Ends a node as `kill -9` does.
    pub(crate) fn crash(&mut self, idx: usize) {
        drop(self.nodes[idx].take().unwrap_or_else(|| panic!("{} does not run", name(idx))));
    }

    /// Empties a node politely, and ends it.
    pub(crate) async fn drain(&mut self, idx: usize) {
        let running = self.nodes[idx].take().unwrap_or_else(|| panic!("{} does not run", name(idx)));
        running.node.drain().await;
    }

    /// Starts a node that was ended, on other ports, under its old name.
    pub(crate) async fn restart(&mut self, idx: usize) {
        assert!(self.nodes[idx].is_none(), "{} runs", name(idx));
        let started = self.start_node(idx).await;
        self.nodes[idx] = Some(started.unwrap_or_else(|error| panic!("{}: {error}", name(idx))));
    }

    /// Starts one more node, changed by `change`, or says why it does not start.
    pub(crate) async fn join(&mut self, change: impl Fn(&mut Config)) -> Result<&Running, StartError> {
        self.join_on(self.seams(), change).await
    }

    /// As [`Cluster::join`], on seams of its own: with a fault in them, or another store.
    pub(crate) async fn join_on(
        &mut self,
        seams: Seams,
        change: impl Fn(&mut Config),
    ) -> Result<&Running, StartError> {
        let idx = self.nodes.len();
        let mut config = self.config(idx);
        change(&mut config);
        let running = Running::start(config, seams).await?;
        self.nodes.push(Some(running));
        Ok(self.node(idx))
    }

    /// Starts one more node, whose own clock is ahead of all others.
    pub(crate) async fn join_ahead(&mut self, by: Duration) -> &Running {
        let idx = self.nodes.len();
        let ahead_ms = u64::try_from(by.as_millis()).expect("a short time");
        let clock = Clock::simulated(Clock::System.unix_ms() + ahead_ms);
        let ambient = Ambient { clock, ..Ambient::system() };
        let started = Running::start_at(self.config(idx), self.seams(), ambient).await;
        self.nodes.push(Some(started.unwrap_or_else(|error| panic!("{}: {error}", name(idx)))));
        self.node(idx)
    }

    /// The store of a cluster that keeps messages.
    pub(crate) fn kept(&self) -> &FaultyStore {
        self.store.as_ref().expect("this cluster keeps messages")
    }

    /// The seams, as nodes take them.
    pub(crate) fn seams(&self) -> Seams {
        Seams {
            registry: self.registry.clone(),
            directory: self.directory.clone(),
            bus: self.bus.clone(),
            store: self.store.clone().map(|store| store as Arc<dyn Store>),
        }
    }

    /// What a node of this cluster is told.
    pub(crate) fn config(&self, idx: usize) -> Config {
        let mut config = base(idx);
        for change in &self.changes {
            change(&mut config);
        }
        config
    }

    async fn start_node(&self, idx: usize) -> Result<Running, StartError> {
        Running::start(self.config(idx), self.seams()).await
    }
}

/// A node that runs, on a runtime of its own. Dropping it is a crash.
pub(crate) struct Running {
    /// The node.
    pub(crate) node: Node,
    told: Told,
    // After the node: it must not outlive what it runs on, which is the case for its tasks.
    _process: Process,
}

impl Running {
    async fn start(config: Config, seams: Seams) -> Result<Running, StartError> {
        Running::start_at(config, seams, Ambient::system()).await
    }

    async fn start_at(config: Config, seams: Seams, ambient: Ambient) -> Result<Running, StartError> {
        let process = Process::new();
        let told = Told::default();
        let recorder = told.clone();
        let events = Events::recorded(Arc::new(move |name, text| recorder.push(name, text)));
        let handle = process.runtime().handle().clone();
        let start = move || handle.block_on(Node::start(config, seams, ambient, events));
        let node = tokio::task::spawn_blocking(start).await.expect("a node's start does not panic")?;
        Ok(Running { node, told, _process: process })
    }

    /// Where a user logs in.
    pub(crate) fn url(&self, user: &str) -> String {
        format!("ws://{}/ws/{user}", self.node.ws_address())
    }

    /// Asks its HTTP interface.
    pub(crate) fn http(&self) -> Http {
        let address = self.node.api_address().expect("the node has an HTTP interface");
        Http::at(&format!("http://{address}"))
    }

    /// Asks its WebSocket listener, as a probe does.
    pub(crate) fn probe(&self) -> Http {
        Http::at(&format!("http://{}", self.node.ws_address()))
    }

    /// How often something has happened, by the name of the event.
    pub(crate) fn count(&self, event: &str) -> usize {
        self.told.all().iter().filter(|(name, _)| name == event).count()
    }

    /// Everything that has happened: name and text of each event.
    pub(crate) fn told(&self) -> Vec<(String, String)> {
        self.told.all()
    }

    /// Waits until something has happened so often.
    pub(crate) async fn until_told(&self, event: &str, times: usize) {
        let what = format!("{times} of {event}");
        poll::until(&what, PATIENCE, async || {
            let count = self.count(event);
            if count >= times { Ok(()) } else { Err(count) }
        })
        .await;
    }
}

impl fmt::Debug for Running {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.node.fmt(f)
    }
}

/// What a node has said.
#[derive(Clone, Default)]
struct Told(Arc<Mutex<Vec<(String, String)>>>);

impl Told {
    fn push(&self, name: &str, text: &str) {
        let mut told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        told.push((name.to_owned(), text.to_owned()));
    }

    fn all(&self) -> Vec<(String, String)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Stands for a process: with it, all that runs in it is gone at once, and its sockets are closed by the system.
struct Process(Option<Runtime>);

impl Process {
    fn new() -> Process {
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        let runtime = builder.worker_threads(1).enable_all().build().expect("a runtime");
        Process(Some(runtime))
    }

    fn runtime(&self) -> &Runtime {
        self.0.as_ref().expect("there until it is dropped")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

/// The name of a node, by its place.
fn name(idx: usize) -> String {
    format!("node-{}", idx + 1)
}

/// What a node is told unless a test says otherwise.
fn base(idx: usize) -> Config {
    let any = "127.0.0.1:0".parse().expect("an address");
    Config {
        name: name(idx).parse().expect("a node name"),
        service: "trunkline".into(),
        listen: any,
        advertise: "127.0.0.1".to_owned(),
        path: "/ws".to_owned(),
        dialects: DialectChoice::Both,
        devices: DevicePolicy::PerDevice,
        origins: Vec::new(),
        trusted_proxies: TrustedProxies::neighbours(),
        auth: Auth::Path,
        token_leeway: Duration::from_secs(60),
        insecure: false,
        api: Api { listen: Some(any), keys: Vec::new(), metrics: MetricsText::default() },
        client_join: true,
        everyone_from_clients: true,
        classic: Classic { errors: false, note: None, group_members: false },
        limits: Arc::new(Limits { drain_notice: Duration::ZERO, ..Limits::default() }),
        lease: LeaseTimes { ttl: LEASE, renew: LEASE / 3, ..LeaseTimes::default() },
        broadcasts: false,
        healing: Healing::default(),
        weight: 1.0,
        start_wait: Some(Duration::from_secs(5)),
        workers: 1,
    }
}
