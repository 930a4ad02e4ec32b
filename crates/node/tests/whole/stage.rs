//! Nodes that share one thread, one clock and the four seams in memory; no system below them.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use edge::{Dialer, Life, Listener, TrustedProxies};
use node::admission::auth::Auth;
use node::api::MetricsText;
use node::config::{Api, Classic, Config, Healing, LeaseTimes};
use node::events::Events;
use node::{Doors, Launch, Node, Seams};
use ports::directory::{Binding, Directory};
use ports::memory::bus::MemoryBus;
use ports::memory::directory::MemoryDirectory;
use ports::memory::registry::MemoryRegistry;
use ports::memory::store::MemoryStore;
use ports::store::{PageQuery, Reader};
use ports::{Ambient, Chance, Store};
use serde_json::Value;
use testkit::client::{Handshake, RawClient, V1Client};
use tokio::runtime::{Builder, Runtime};
use wire::frame::Range;
use wire::policy::{DevicePolicy, DialectChoice};

/// When it all begins, in milliseconds since 1970.
const BEGINNING_MS: u64 = 1_700_000_000_000;
/// What a connection holds each way.
const SOCKET_BYTES_MAX: usize = 16 * 1024;

/// One thread, whose clock moves when nobody has anything to do; no driver of sockets, so that nothing can come from outside.
pub(crate) fn runtime() -> Runtime {
    Builder::new_current_thread().enable_time().start_paused(true).build().expect("a runtime")
}

/// What nodes share.
pub(crate) struct Stage {
    pub(crate) directory: Arc<MemoryDirectory>,
    pub(crate) store: Arc<MemoryStore>,
    bus: Arc<MemoryBus>,
    registry: Arc<MemoryRegistry>,
    ambient: Ambient,
    seed: u64,
    pub(crate) notes: Notes,
}

/// What was seen, in the order in which it was.
#[derive(Clone, Default)]
pub(crate) struct Notes(Arc<Mutex<Vec<String>>>);

impl Notes {
    pub(crate) fn add(&self, line: String) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(line);
    }

    pub(crate) fn all(&self) -> Vec<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// A node that runs.
pub(crate) struct Running {
    // Held: whoever drops it lets go of what the node is.
    _node: Node,
    pub(crate) life: Life,
    pub(crate) dialer: Dialer,
}

impl Stage {
    pub(crate) fn new(seed: u64) -> Stage {
        let ambient = Ambient::simulated(BEGINNING_MS, seed);
        Stage {
            directory: Arc::new(MemoryDirectory::new(ambient.clone())),
            store: Arc::new(MemoryStore::new(&ambient)),
            bus: Arc::new(MemoryBus::new()),
            registry: Arc::new(MemoryRegistry::new()),
            ambient,
            seed,
            notes: Notes::default(),
        }
    }

    /// Starts a node.
    pub(crate) async fn node(&self, number: u8) -> Running {
        self.node_with(number, |launch| launch).await
    }

    /// Starts a node, changed by `change`.
    pub(crate) async fn node_with(&self, number: u8, change: impl FnOnce(Launch) -> Launch) -> Running {
        let address = SocketAddr::from(([10, 0, 0, number], 80));
        let (ws, dialer) = Listener::memory(address, SOCKET_BYTES_MAX);
        let chance = Chance::seeded(self.seed ^ u64::from(number) << 56);
        let ambient = Ambient { clock: self.ambient.clock, chance };
        let (notes, clock) = (self.notes.clone(), ambient.clock);
        let record = move |name: &str, text: &str| {
            notes.add(format!("{} node-{number} {name}: {text}", clock.unix_ms()));
        };
        let events = Events::recorded(Arc::new(record));
        let life = Life::new();
        let launch = Launch::new(config(number), self.seams(), ambient, events)
            .behind(Doors { ws, api: None })
            .living(life.clone());
        let node = change(launch).start().await.expect("the node starts");
        Running { _node: node, life, dialer }
    }

    /// Where the directory has a user's sessions.
    pub(crate) async fn bindings(&self, user: &str) -> Vec<Binding> {
        let located = self.directory.locate(&[user.parse().unwrap()]).await.unwrap();
        located.into_iter().flatten().collect()
    }

    /// How many messages of a conversation are kept.
    pub(crate) async fn head(&self, conversation: &str) -> u64 {
        let query = PageQuery {
            conversation: conversation.parse().unwrap(),
            reader: Reader::All,
            range: Range::Latest,
            items_max: 1,
            bytes_max: 1,
        };
        let pages = self.store.pages(&[query]).await.unwrap();
        pages.into_iter().flatten().next().map_or(0, |page| page.head)
    }

    fn seams(&self) -> Seams {
        Seams {
            registry: self.registry.clone(),
            directory: self.directory.clone(),
            bus: self.bus.clone(),
            store: Some(self.store.clone()),
        }
    }
}

impl Running {
    /// Ends it as `kill -9` does.
    pub(crate) fn crash(self) {
        self.life.end();
    }

    /// Logs a user in.
    pub(crate) async fn client(&self, user: &str) -> V1Client {
        let mut client = self.knock(user).await.expect("a 101");
        client.welcome = client.expect_type("welcome").await;
        client
    }

    /// Shakes hands; `None` when that comes to no 101.
    pub(crate) async fn knock(&self, user: &str) -> Option<V1Client> {
        let stream = self.dialer.connect(SocketAddr::from(([10, 0, 1, 1], 4_711))).ok()?;
        let mut raw = RawClient::over(stream);
        let handshake = Handshake::new("node", &format!("/ws/{user}")).protocols("trunkline.v1");
        let answer = raw.shake_hands(&handshake).await.ok()?;
        (answer.status == 101).then(|| V1Client::over(raw, user))
    }
}

/// What a client that waits for this long has not been sent; nobody waits in truth.
pub(crate) const SILENCE: Duration = Duration::from_secs(2);

/// The next frame, or `None` when nothing comes any more.
pub(crate) async fn next(client: &mut V1Client) -> Option<Value> {
    client.try_next(SILENCE).await.ok()
}

/// Lets everybody do what there is to do.
pub(crate) async fn settle() {
    tokio::time::sleep(Duration::from_millis(1)).await;
}

fn config(number: u8) -> Config {
    Config {
        name: format!("node-{number}").parse().unwrap(),
        service: "trunkline".into(),
        listen: SocketAddr::from(([10, 0, 0, number], 80)),
        advertise: format!("10.0.0.{number}"),
        path: "/ws".to_owned(),
        dialects: DialectChoice::Both,
        devices: DevicePolicy::PerDevice,
        origins: Vec::new(),
        trusted_proxies: TrustedProxies::neighbours(),
        auth: Auth::Path,
        token_leeway: Duration::from_secs(60),
        insecure: true,
        api: Api { listen: None, keys: Vec::new(), metrics: MetricsText::default() },
        client_join: true,
        everyone_from_clients: true,
        classic: Classic { errors: false, note: None, group_members: false },
        limits: Arc::default(),
        lease: LeaseTimes::default(),
        broadcasts: false,
        healing: Healing::default(),
        weight: 1.0,
        start_wait: Some(Duration::from_secs(5)),
        workers: 2,
    }
}
