//! A running gateway: what starts it, where it is, and what ends it.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use edge::{AddressQuota, Answer, HandshakeLimits, Listener, Policy};
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::service_fn;
use ports::{Ambient, Registry};
use tokio::sync::Notify;

use crate::balance::{Pools, SavedLists, follow, keep_saved};
use crate::config::Config;
use crate::drain::{Drained, Tasks};
use crate::events::{Event, Events};
use crate::front::Front;
use crate::health::Health;
use crate::tunnel::Forwarding;

/// A gateway that listens. Dropping it cuts everything at once.
#[derive(Debug)]
pub struct Gateway {
    addresses: Addresses,
    tasks: Arc<Tasks>,
    hard_stop: Duration,
    events: Events,
}

/// Where a gateway listens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Addresses {
    /// For clients.
    pub listen: SocketAddr,
    /// For probes and metrics.
    pub api: Option<SocketAddr>,
}

/// Why a gateway cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// An address cannot be listened at.
    #[error("cannot listen at {address} ({key})")]
    Listen {
        /// The key of the configuration.
        key: &'static str,
        /// The address.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
}

impl Gateway {
    /// Listens, and follows the registry from then on; it is not waited for.
    pub async fn start(
        config: Config,
        registry: Arc<dyn Registry>,
        ambient: Ambient,
    ) -> Result<Gateway, StartError> {
        let listener = bind("gateway.listen", config.listen)?;
        let inside = config.api.map(|address| bind("gateway.api", address)).transpose()?;
        let addresses = Addresses { listen: listener.address(), api: inside.as_ref().map(Listener::address) };
        let tasks = Arc::new(Tasks::new());
        let saved = saved_lists(&config).await;
        let pools = Arc::new(Pools::new(&config.routes, &saved, &config.balance, &ambient.chance));
        follow_registry(&config, &registry, &pools, &tasks);
        let health = Arc::new(Health {
            registry,
            pools: Arc::clone(&pools),
            tasks: Arc::clone(&tasks),
            metrics: config.metrics,
        });
        let limits = HandshakeLimits::from(&*config.limits);
        if let Some(inside) = inside {
            serve_inside(inside, limits.clone(), Arc::clone(&health), config.policy.clone(), &tasks);
        }
        let front = Arc::new(Front {
            routes: config.routes,
            pools,
            policy: config.policy,
            forwarding: Forwarding {
                trusted_proxies: config.trusted_proxies,
                identity_headers: config.identity_headers,
            },
            quota: AddressQuota::new(config.limits.sessions_per_address_max),
            pages: config.pages,
            health,
            limits: config.tunnel,
            tasks: Arc::clone(&tasks),
            events: config.events.clone(),
            chance: ambient.chance,
        });
        let service = service_fn(move |request| Arc::clone(&front).answer(request));
        listener.serve(limits, service, &tasks.sockets, tasks.listening.clone());
        config.events.record(Event::Started { listen: addresses.listen, api: addresses.api });
        Ok(Gateway { addresses, tasks, hard_stop: config.limits.drain_hard_stop, events: config.events })
    }

    /// Where it listens.
    pub fn addresses(&self) -> Addresses {
        self.addresses
    }

    /// Tunnels that are open.
    pub fn tunnels(&self) -> usize {
        self.tasks.tunnels.len()
    }

    /// Stops listening, waits for the tunnels up to the hard stop, and cuts what is left.
    pub async fn drain(&self) -> Drained {
        self.tasks.drain(self.hard_stop, &self.events).await
    }

    /// Ends everything at once.
    pub async fn shutdown(self) {
        self.tasks.drain(Duration::ZERO, &self.events).await;
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        self.tasks.end();
    }
}

fn bind(key: &'static str, address: SocketAddr) -> Result<Listener, StartError> {
    Listener::bind(address).map_err(|source| StartError::Listen { key, address, source })
}

async fn saved_lists(config: &Config) -> SavedLists {
    let Some(folder) = &config.state else { return SavedLists::default() };
    match SavedLists::read(folder).await {
        Ok(saved) => saved,
        Err(error) => {
            config.events.record(Event::NotRead { folder, error: &error });
            SavedLists::default()
        }
    }
}

fn follow_registry(config: &Config, registry: &Arc<dyn Registry>, pools: &Arc<Pools>, tasks: &Arc<Tasks>) {
    let news = Arc::new(Notify::new());
    for (service, pool) in pools.services() {
        let lists = registry.watch(service);
        let (pool, news, events) = (Arc::clone(pool), Arc::clone(&news), config.events.clone());
        tasks.others.spawn(follow(service.to_owned(), pool, lists, news, events, tasks.rest.clone()));
    }
    if let Some(folder) = config.state.clone() {
        let (pools, events) = (Arc::clone(pools), config.events.clone());
        tasks.others.spawn(keep_saved(folder, pools, news, events, tasks.rest.clone()));
    }
}

/// The listener for probes and metrics.
fn serve_inside(
    listener: Listener,
    limits: HandshakeLimits,
    health: Arc<Health>,
    policy: Policy,
    tasks: &Tasks,
) {
    let policy = Arc::new(policy);
    let service = service_fn(move |request: Request<Incoming>| {
        let answer = policy.check_host(request.headers()).and_then(|()| {
            let answer = health.answer_inside(request.method(), request.uri().path());
            answer.ok_or_else(|| Answer::not_found("there is /healthz, /readyz and /metrics"))
        });
        let response: Response<Full<Bytes>> = answer.unwrap_or_else(Answer::into_response);
        std::future::ready(Ok::<_, Infallible>(response))
    });
    listener.serve(limits, service, &tasks.others, tasks.rest.clone());
}
