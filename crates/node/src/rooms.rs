//! The rooms of a node, furnished: each is handed its neighbours here and nowhere else.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use edge::{AddressQuota, Host, Places, Policy};
use ports::Ambient;
use ports::directory::Fingerprint;
use ports::registry::{Instance, METADATA_NODE, METADATA_NONCE, METADATA_VERSION};
use tokio::time::Instant;
use wire::envelope::{VERSION, VERSION_MIN};
use wire::id::Boot;

use crate::admission::Admission;
use crate::admission::auth::Auth;
use crate::api::ApiState;
use crate::arrivals::Arrivals;
use crate::arrive::Arriving;
use crate::bindings::Bindings;
use crate::catchup::CatchUp;
use crate::config::Config;
use crate::crew::Crew;
use crate::delivery::Delivery;
use crate::dispatch::{Dispatch, Parts};
use crate::events::Events;
use crate::groups::Groups;
use crate::health::Health;
use crate::heartbeat::Heartbeat;
use crate::hub::Hub;
use crate::inbox::InboxTask;
use crate::launch::Launch;
use crate::lease::View;
use crate::post::Post;
use crate::requests::Desk;
use crate::seams::Seams;
use crate::session::Roads;
use crate::sweep::Sweep;
use crate::trial::Trial;
use crate::wheel::Wheel;

/// What the parts of a node share.
pub(crate) struct Rooms {
    pub(crate) config: Arc<Config>,
    pub(crate) seams: Seams,
    pub(crate) ambient: Ambient,
    pub(crate) events: Events,
    pub(crate) boot: Boot,
    pub(crate) view: Arc<View>,
    pub(crate) hub: Arc<Hub>,
    pub(crate) wheel: Arc<Wheel>,
    pub(crate) arrivals: Arc<Arrivals>,
    pub(crate) dispatch: Arc<Dispatch>,
    pub(crate) sweep: Arc<Sweep>,
    pub(crate) health: Arc<Health>,
    pub(crate) draining: Arc<AtomicBool>,
    pub(crate) closed: Arc<AtomicBool>,
    /// Accepting, and what belongs to sessions.
    pub(crate) front: Crew,
    /// Lease, inbox, posting: what lives until the last session is gone.
    pub(crate) back: Crew,
    pub(crate) delivery: Arc<Delivery>,
    catchup: Arc<CatchUp>,
    groups: Arc<Groups>,
    bindings: Arc<Bindings>,
    arriving: Arc<Arriving>,
    desk: Arc<Desk>,
    trial: Trial,
}

impl Rooms {
    /// Furnishes the rooms; the tasks that need no lease run from here on.
    pub(crate) fn new(launch: Launch) -> Rooms {
        let Launch { config, seams, ambient, events, life, trial, .. } = launch;
        let config = Arc::new(config);
        let (front, back) = (Crew::of(life.clone()), Crew::of(life));
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
            &config,
            trial.clone(),
        );
        let arrivals = Arrivals::new(
            hub.clone(),
            groups.clone(),
            seams.store.clone(),
            events.clone(),
            back.tasks.clone(),
            config.healing.hole_wait,
        );
        let parts = Parts {
            ambient: ambient.clone(),
            hub: hub.clone(),
            groups: groups.clone(),
            arrivals: arrivals.clone(),
            bindings: bindings.clone(),
            view: view.clone(),
            post,
            events: events.clone(),
            broadcasts: config.broadcasts,
            healing: config.healing,
            trial: trial.clone(),
        };
        let (store, directory) = (seams.store.clone(), seams.directory.clone());
        let dispatch = Dispatch::start(parts, store, directory, &back.tasks, &back.stop);
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
        let health = Health::new(
            seams.directory.clone(),
            seams.bus.clone(),
            seams.registry.clone(),
            seams.store.clone(),
            draining.clone(),
        );
        Rooms {
            wheel: Arc::new(Wheel::new(Instant::now())),
            closed: Arc::new(AtomicBool::new(false)),
            config,
            seams,
            ambient,
            events,
            boot,
            view,
            hub,
            arrivals,
            dispatch,
            sweep,
            health,
            draining,
            front,
            back,
            delivery,
            catchup,
            groups,
            bindings,
            arriving,
            desk,
            trial,
        }
    }

    /// What keeps the lease of a node whose WebSocket listener is at `ws`.
    pub(crate) fn heartbeat(&self, ws: SocketAddr) -> Heartbeat {
        Heartbeat {
            ambient: self.ambient.clone(),
            directory: self.seams.directory.clone(),
            view: self.view.clone(),
            hub: self.hub.clone(),
            groups: self.groups.clone(),
            bindings: self.bindings.clone(),
            sweep: self.sweep.clone(),
            events: self.events.clone(),
            tasks: self.back.tasks.clone(),
            times: self.config.lease,
            outage_tolerated: self.config.healing.outage_tolerated,
            spread: self.config.limits.drain_spread,
            address: format!("{}:{}", self.config.advertise, ws.port()),
            fingerprint: self.fingerprint(),
            draining: self.draining.clone(),
        }
    }

    /// What takes in the node's mail.
    pub(crate) fn inbox_task(&self) -> Arc<InboxTask> {
        Arc::new(InboxTask {
            service: self.config.service.clone(),
            directory: self.seams.directory.clone(),
            hub: self.hub.clone(),
            groups: self.groups.clone(),
            arrivals: self.arrivals.clone(),
            bindings: self.bindings.clone(),
            dispatch: self.dispatch.clone(),
            view: self.view.clone(),
            sweep: self.sweep.clone(),
            events: self.events.clone(),
            tasks: self.back.tasks.clone(),
            envelope_life: self.config.limits.envelope_life,
            keeps: self.seams.store.is_some(),
            classic_members: self.config.classic.group_members,
        })
    }

    /// What lets clients in.
    pub(crate) fn admission(&self, policy: Policy) -> Arc<Admission> {
        let sessions_max = self.config.limits.sessions_max;
        Arc::new(Admission {
            config: self.config.clone(),
            ambient: self.ambient.clone(),
            hub: self.hub.clone(),
            arriving: self.arriving.clone(),
            desk: self.desk.clone(),
            roads: Roads {
                delivery: self.delivery.clone(),
                catchup: self.catchup.clone(),
                wheel: self.wheel.clone(),
            },
            policy,
            quota: AddressQuota::new(self.config.limits.sessions_per_address_max),
            places: Places::new(if sessions_max == 0 { usize::MAX } else { sessions_max }),
            health: self.health.clone(),
            events: self.events.clone(),
            tasks: self.front.tasks.clone(),
            closed: self.closed.clone(),
            stop: self.front.stop.clone(),
            keeps: self.seams.store.is_some(),
            trial: self.trial.clone(),
        })
    }

    /// What the HTTP interface stands on.
    pub(crate) fn api(&self, policy: Policy) -> ApiState {
        ApiState {
            config: self.config.clone(),
            ambient: self.ambient.clone(),
            desk: self.desk.clone(),
            dispatch: self.dispatch.clone(),
            seams: self.seams.clone(),
            view: self.view.clone(),
            hub: self.hub.clone(),
            groups: self.groups.clone(),
            bindings: self.bindings.clone(),
            health: self.health.clone(),
            policy,
            tasks: self.back.tasks.clone(),
        }
    }

    /// The node as the registry is told of it.
    pub(crate) fn instance(&self, ws: SocketAddr) -> Instance {
        let metadata = [
            (METADATA_NODE, self.boot.node.to_string()),
            (METADATA_NONCE, self.boot.nonce.to_string()),
            (METADATA_VERSION, env!("CARGO_PKG_VERSION").to_owned()),
        ];
        Instance {
            service: self.config.service.to_string(),
            host: self.config.advertise.clone(),
            port: ws.port(),
            weight: self.config.weight,
            metadata: metadata.into_iter().map(|(key, value)| (key.to_owned(), value)).collect(),
        }
    }

    /// The rules about `Host` and `Origin` of the node's listeners.
    pub(crate) fn policy(&self, ws: SocketAddr, api: Option<SocketAddr>) -> Policy {
        let mut own = vec![Host::new(&self.config.advertise, ws.port())];
        own.extend(api.map(|api| Host::new(&self.config.advertise, api.port())));
        Policy {
            development: matches!(self.config.auth, Auth::Path) && !self.config.insecure,
            own,
            origins: self.config.origins.clone(),
            proxies: self.config.trusted_proxies.clone(),
        }
    }

    fn fingerprint(&self) -> Fingerprint {
        let store = self.seams.store.as_ref();
        Fingerprint {
            wire_min: VERSION_MIN,
            wire_max: VERSION,
            devices: self.config.devices.as_str().to_owned(),
            store: store.map_or_else(|| "none".to_owned(), |store| store.epoch().to_string()),
        }
    }
}
