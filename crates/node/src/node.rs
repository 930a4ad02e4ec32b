//! The assembled node: started room by room, drained politely, or ended.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use edge::{AddressQuota, HandshakeLimits, Host, Listener, Places, Policy};
use hyper::service::service_fn;
use ports::directory::Fingerprint;
use ports::registry::{Announcement, Instance, METADATA_NODE, METADATA_NONCE, METADATA_VERSION};
use ports::{Ambient, Bus, Directory, PortError, Registry, Retry, Store};
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use wire::CloseCode;
use wire::envelope::{VERSION, VERSION_MIN};
use wire::id::Boot;

use crate::admission::Admission;
use crate::admission::auth::Auth;
use crate::api::{self, ApiState};
use crate::arrivals::Arrivals;
use crate::arrive::Arriving;
use crate::bindings::Bindings;
use crate::catchup::CatchUp;
use crate::config::Config;
use crate::delivery::Delivery;
use crate::dispatch::{Dispatch, Parts};
use crate::events::{Event, Events};
use crate::groups::Groups;
use crate::health::Health;
use crate::heartbeat::{Heartbeat, Ousted, TakeError};
use crate::hub::Hub;
use crate::inbox::InboxTask;
use crate::lease::View;
use crate::pace;
use crate::post::Post;
use crate::requests::Desk;
use crate::session::Roads;
use crate::sweep::Sweep;
use crate::watch::Watch;
use crate::wheel::Wheel;

/// How often a start that waits says so, and tries again.
const WAIT_LINE_EVERY: Duration = Duration::from_secs(5);
/// Between two tries of a back end at the start.
const WAIT_RETRY: Duration = Duration::from_millis(500);
/// Leases after which a start that found its name held gives up.
const NAME_WAIT_LEASES: u32 = 2;
/// How long the last posts of a drain may take: a bus that is well needs a hundredth of it.
const LAST_POSTS_LIMIT: Duration = Duration::from_secs(3);
/// How long the last releases of a drain may take.
const LAST_CHORES_LIMIT: Duration = Duration::from_secs(5);

/// The servers that a node stands on.
#[derive(Clone)]
pub struct Seams {
    /// Where nodes say that they are here.
    pub registry: Arc<dyn Registry>,
    /// Which session holds which user.
    pub directory: Arc<dyn Directory>,
    /// What nodes say to each other.
    pub bus: Arc<dyn Bus>,
    /// What was said; `None` where nothing is kept.
    pub store: Option<Arc<dyn Store>>,
}

/// Why a node did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A port is taken, or an address is not ours.
    #[error("cannot listen on {address}")]
    Bind {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        source: std::io::Error,
    },
    /// Something that the node needs never came up, or refuses it.
    #[error("{}", .0.chain())]
    Port(PortError),
    /// The node must not be here.
    #[error(transparent)]
    Ousted(#[from] Ousted),
}

/// A running node.
pub struct Node {
    rooms: Rooms,
    ws: SocketAddr,
    api: Option<SocketAddr>,
    ousted: watch::Receiver<Option<Ousted>>,
}

/// What the parts of a running node share.
#[derive(Clone)]
struct Rooms {
    config: Arc<Config>,
    seams: Seams,
    hub: Arc<Hub>,
    view: Arc<View>,
    events: Events,
    draining: Arc<AtomicBool>,
    closed: Arc<AtomicBool>,
    announcement: Arc<Mutex<Option<Arc<dyn Announcement>>>>,
    api: ApiState,
    /// Accepting, and what belongs to sessions.
    front: Crew,
    /// Lease, inbox, posting: what lives until the last session is gone.
    back: Crew,
}

/// Tasks that end together.
#[derive(Debug, Clone, Default)]
struct Crew {
    tasks: TaskTracker,
    stop: CancellationToken,
}

impl Node {
    /// Starts a node: sees that its name is free, opens the inbox, takes the lease, listens, and only then announces itself.
    pub async fn start(
        config: Config,
        seams: Seams,
        ambient: Ambient,
        events: Events,
    ) -> Result<Node, StartError> {
        let config = Arc::new(config);
        let listener = bind(config.listen)?;
        let api_listener = config.api.listen.map(bind).transpose()?;
        let ws = listener.address();
        let api = api_listener.as_ref().map(Listener::address);

        let front = Crew::default();
        let back = Crew::default();
        let boot = Boot { node: config.name.clone(), nonce: ambient.nonce() };
        let view = Arc::new(View::new(boot.clone(), ambient.clock));
        let hub = Arc::new(Hub::default());
        let post = Post::new(seams.bus.clone(), view.clone(), config.service.clone(), events.clone());
        let delivery = Delivery::start(config.workers, &back.tasks, &back.stop);
        let catchup = Arc::new(CatchUp::default());
        if let Some(store) = &seams.store {
            catchup.start(store, &config.limits, &events, &back.tasks, &back.stop);
        }
        let groups = Arc::new(Groups::new(
            seams.directory.clone(),
            view.clone(),
            hub.clone(),
            !config.broadcasts,
            config.lease.interest_linger,
            ambient.clock.unix_ms().saturating_mul(1_000),
        ));
        let bindings = Bindings::new(
            seams.directory.clone(),
            view.clone(),
            hub.clone(),
            post.clone(),
            events.clone(),
            back.tasks.clone(),
            config.lease,
            config.limits.devices_max,
        );
        let arrivals = Arrivals::new(
            hub.clone(),
            groups.clone(),
            seams.store.clone(),
            events.clone(),
            back.tasks.clone(),
            config.healing.hole_wait,
        );
        let dispatch = Dispatch::start(
            Parts {
                ambient: ambient.clone(),
                hub: hub.clone(),
                groups: groups.clone(),
                arrivals: arrivals.clone(),
                bindings: bindings.clone(),
                view: view.clone(),
                post: post.clone(),
                events: events.clone(),
                broadcasts: config.broadcasts,
                healing: config.healing,
            },
            seams.store.clone(),
            seams.directory.clone(),
            &back.tasks,
            &back.stop,
        );
        let sweep = Sweep::new(
            seams.store.clone(),
            seams.directory.clone(),
            hub.clone(),
            groups.clone(),
            view.clone(),
            events.clone(),
            config.healing.sweep_every,
        );
        let arriving = Arriving::new(
            ambient.clone(),
            hub.clone(),
            groups.clone(),
            bindings.clone(),
            view.clone(),
            seams.store.clone(),
            events.clone(),
            config.token_leeway,
        );
        let desk = Arc::new(Desk {
            config: config.clone(),
            store: seams.store.clone(),
            dispatch: dispatch.clone(),
            groups: groups.clone(),
            arriving: arriving.clone(),
            events: events.clone(),
        });
        let draining = Arc::new(AtomicBool::new(false));
        let closed = Arc::new(AtomicBool::new(false));
        let health = Health::new(
            seams.directory.clone(),
            seams.bus.clone(),
            seams.registry.clone(),
            seams.store.clone(),
            draining.clone(),
        );
        let heartbeat = Heartbeat {
            ambient: ambient.clone(),
            directory: seams.directory.clone(),
            view: view.clone(),
            hub: hub.clone(),
            groups: groups.clone(),
            bindings: bindings.clone(),
            sweep: sweep.clone(),
            events: events.clone(),
            tasks: back.tasks.clone(),
            times: config.lease,
            outage_tolerated: config.healing.outage_tolerated,
            spread: config.limits.drain_spread,
            address: format!("{}:{}", config.advertise, ws.port()),
            fingerprint: fingerprint(&config, &seams),
            draining: draining.clone(),
        };

        let waits = Waits { limit: config.start_wait, began: Instant::now() };
        let name_wait = Instant::now() + config.lease.ttl * NAME_WAIT_LEASES;
        waits.until_free(&config, name_wait, async || heartbeat.look_first().await).await?;
        let inbox = waits.until(async || seams.bus.open_inbox(&boot).await).await?;
        waits.until_free(&config, name_wait, async || heartbeat.take().await).await?;

        let inbox_task = Arc::new(InboxTask {
            service: config.service.clone(),
            directory: seams.directory.clone(),
            hub: hub.clone(),
            groups: groups.clone(),
            arrivals: arrivals.clone(),
            bindings: bindings.clone(),
            dispatch: dispatch.clone(),
            view: view.clone(),
            sweep: sweep.clone(),
            events: events.clone(),
            tasks: back.tasks.clone(),
            envelope_life: config.limits.envelope_life,
            keeps: seams.store.is_some(),
            classic_members: config.classic.group_members,
        });
        back.run(async move { inbox_task.run(inbox).await });
        let (tell_ousted, ousted) = watch::channel(None);
        back.run(async move {
            let why = heartbeat.run().await;
            // Nobody listens when the node is being dropped.
            let _nobody = tell_ousted.send(Some(why));
            std::future::pending::<()>().await;
        });
        back.run({
            let sweep = sweep.clone();
            async move { sweep.run().await }
        });
        back.run(async move { arrivals.run().await });
        let wheel = Arc::new(Wheel::new(Instant::now()));
        back.run({
            let wheel = wheel.clone();
            async move { wheel.run().await }
        });

        let policy = policy(&config, ws, api);
        let admission = Arc::new(Admission {
            config: config.clone(),
            ambient: ambient.clone(),
            hub: hub.clone(),
            arriving,
            desk: desk.clone(),
            roads: Roads { delivery, catchup, wheel },
            policy: policy.clone(),
            quota: AddressQuota::new(config.limits.sessions_per_address_max),
            places: Places::new(match config.limits.sessions_max {
                0 => usize::MAX,
                max => max,
            }),
            health: health.clone(),
            events: events.clone(),
            tasks: front.tasks.clone(),
            closed: closed.clone(),
            stop: front.stop.clone(),
            keeps: seams.store.is_some(),
        });
        let service = service_fn(move |request| admission.clone().answer(request));
        let limits = HandshakeLimits::from(&*config.limits);
        listener.serve(limits.clone(), service, &front.tasks, front.stop.clone());

        let api_state = ApiState {
            config: config.clone(),
            ambient,
            desk,
            dispatch,
            seams: seams.clone(),
            view: view.clone(),
            hub: hub.clone(),
            groups,
            bindings,
            health: health.clone(),
            policy,
            tasks: back.tasks.clone(),
        };
        if let Some(listener) = api_listener {
            api::serve(listener, limits, api_state.clone(), &back.tasks, &back.stop);
        }
        health.serve();
        let announcement = seams.registry.announce(instance(&config, &boot, ws));
        events.tell(Event::NodeReady { ws, api });
        let rooms = Rooms {
            config,
            seams,
            hub,
            view,
            events,
            draining,
            closed,
            announcement: Arc::new(Mutex::new(Some(announcement))),
            api: api_state,
            front,
            back,
        };
        Ok(Node { rooms, ws, api, ousted })
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
        self.rooms.api.clone()
    }

    /// Looks at it for metrics.
    pub fn watch(&self) -> Watch {
        let (node, hub) = (self.rooms.config.name.clone(), self.rooms.hub.clone());
        Watch { node, hub, health: self.rooms.api.health.clone() }
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
            let announcement = self.rooms.announcement();
            if let Some(announcement) = &announcement {
                self.report(announcement.drain().await);
            }
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
            if let Some(announcement) = self.rooms.announcement() {
                self.report(announcement.withdraw().await);
            }
            let mut pause = Duration::from_millis(20);
            while !self.rooms.hub.is_empty() {
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(Duration::from_millis(500));
            }
            let dispatch = &self.rooms.api.dispatch;
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

impl Rooms {
    fn announcement(&self) -> Option<Arc<dyn Announcement>> {
        self.announcement.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Crew {
    /// Runs something until the crew stops.
    fn run(&self, work: impl Future<Output = ()> + Send + 'static) {
        let stop = self.stop.clone();
        self.tasks.spawn(async move { stop.run_until_cancelled(work).await });
    }
}

/// Waiting for back ends at the start.
struct Waits {
    limit: Option<Duration>,
    began: Instant,
}

impl Waits {
    /// Tries until it succeeds; a refusal, or the limit, ends it.
    async fn until<T>(&self, call: impl AsyncFn() -> Result<T, PortError>) -> Result<T, StartError> {
        let mut line_at = Instant::now();
        loop {
            let error = match call().await {
                Ok(value) => return Ok(value),
                Err(error) => error,
            };
            let over = self.limit.is_some_and(|limit| self.began.elapsed() >= limit);
            if over || error.retry == Retry::Never {
                return Err(StartError::Port(error));
            }
            if Instant::now() >= line_at {
                line_at = Instant::now() + WAIT_LINE_EVERY;
                tracing::warn!("waiting: {}", error.chain());
            }
            tokio::time::sleep(WAIT_RETRY).await;
        }
    }

    /// Tries until the node's name is nobody else's; at `give_up` it is this node that has to go.
    async fn until_free(
        &self,
        config: &Config,
        give_up: Instant,
        call: impl AsyncFn() -> Result<Option<Ousted>, TakeError>,
    ) -> Result<(), StartError> {
        loop {
            let held = self
                .until(async || match call().await {
                    Ok(held) => Ok(Ok(held)),
                    Err(TakeError::Ousted(ousted)) => Ok(Err(ousted)),
                    Err(TakeError::Port(error)) => Err(error),
                })
                .await??;
            let Some(held) = held else { return Ok(()) };
            if Instant::now() >= give_up {
                return Err(held.into());
            }
            tracing::warn!("another process has this node's name; waiting until it is gone: {held}");
            tokio::time::sleep(WAIT_LINE_EVERY.min(config.lease.ttl / 3)).await;
        }
    }
}

fn bind(address: SocketAddr) -> Result<Listener, StartError> {
    Listener::bind(address).map_err(|source| StartError::Bind { address, source })
}

fn fingerprint(config: &Config, seams: &Seams) -> Fingerprint {
    Fingerprint {
        wire_min: VERSION_MIN,
        wire_max: VERSION,
        devices: config.devices.as_str().to_owned(),
        store: seams.store.as_ref().map_or_else(|| "none".to_owned(), |store| store.epoch().to_string()),
    }
}

fn instance(config: &Config, boot: &Boot, ws: SocketAddr) -> Instance {
    let metadata = [
        (METADATA_NODE, boot.node.to_string()),
        (METADATA_NONCE, boot.nonce.to_string()),
        (METADATA_VERSION, env!("CARGO_PKG_VERSION").to_owned()),
    ];
    Instance {
        service: config.service.to_string(),
        host: config.advertise.clone(),
        port: ws.port(),
        weight: config.weight,
        metadata: metadata.into_iter().map(|(key, value)| (key.to_owned(), value)).collect(),
    }
}

fn policy(config: &Config, ws: SocketAddr, api: Option<SocketAddr>) -> Policy {
    let mut own = vec![Host::new(&config.advertise, ws.port())];
    own.extend(api.map(|api| Host::new(&config.advertise, api.port())));
    Policy {
        development: matches!(config.auth, Auth::Path) && !config.insecure,
        own,
        origins: config.origins.clone(),
        proxies: config.trusted_proxies.clone(),
    }
}
