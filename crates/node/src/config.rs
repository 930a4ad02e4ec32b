//! What a node is told at its start. Where it comes from (a file, a flag, a test) is not this crate's affair.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use edge::{Origin, TrustedProxies};
use wire::id::NodeName;
use wire::limits::Limits;
use wire::policy::{DevicePolicy, DialectChoice};

use crate::admission::auth::Auth;
use crate::api::MetricsText;

/// Everything that a node can be told.
#[derive(Debug, Clone)]
pub struct Config {
    /// The node's stable name.
    pub name: NodeName,
    /// The cluster's name (`ws.name`): the service in the registry, and what envelopes carry.
    pub service: Arc<str>,
    /// Where the WebSocket listener binds; port 0 picks one.
    pub listen: SocketAddr,
    /// The host that others reach it by.
    pub advertise: String,
    /// The path below which user ids stand, as in `/ws`.
    pub path: String,
    /// Which dialects are spoken.
    pub dialects: DialectChoice,
    /// How many sessions a user may have.
    pub devices: DevicePolicy,
    /// Origins that may connect; empty where only the rules of the mode count.
    pub origins: Vec<Origin>,
    /// Peers whose `X-Forwarded-For` is believed.
    pub trusted_proxies: TrustedProxies,
    /// How users prove who they are.
    pub auth: Auth,
    /// How far clocks may differ: from a token's end to the end of its session.
    pub token_leeway: Duration,
    /// Serve off loopback without keys.
    pub insecure: bool,
    /// The HTTP interface.
    pub api: Api,
    /// Clients may join and leave groups.
    pub client_join: bool,
    /// Clients may send to everyone.
    pub everyone_from_clients: bool,
    /// What classic clients are told and where their groups go.
    pub classic: Classic,
    /// The limits of section `limits`.
    pub limits: Arc<Limits>,
    /// How the directory is kept true.
    pub lease: LeaseTimes,
    /// Group messages are always broadcast, and every node filters.
    pub broadcasts: bool,
    /// How lost and repeated messages are found.
    pub healing: Healing,
    /// The weight in the registry.
    pub weight: f64,
    /// How long the start waits for directory, bus and store; `None` is for ever.
    pub start_wait: Option<Duration>,
    /// Delivery tasks; one per runtime worker.
    pub workers: usize,
}

/// The HTTP interface of a node.
#[derive(Debug, Clone)]
pub struct Api {
    /// Where it binds; port 0 picks one; `None` where another listener serves it.
    pub listen: Option<SocketAddr>,
    /// The keys that open it; without any, it is open in development mode and closed elsewhere.
    pub keys: Vec<ApiKey>,
    /// What `/metrics` says.
    pub metrics: MetricsText,
}

/// A key of the HTTP interface. Never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct ApiKey(pub Arc<[u8]>);

impl std::fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("***")
    }
}

/// How classic clients are treated.
#[derive(Debug, Clone)]
pub struct Classic {
    /// They are told of errors, which the original never did.
    pub errors: bool,
    /// What they are told before they are replaced; `None` tells nothing.
    pub note: Option<Arc<str>>,
    /// `msgType` 20 goes to the members of the group, not to everybody.
    pub group_members: bool,
}

/// How the directory is kept true.
#[derive(Debug, Clone, Copy)]
pub struct LeaseTimes {
    /// The life of a lease without renewal.
    pub ttl: Duration,
    /// How often it is renewed.
    pub renew: Duration,
    /// How long a claim may take.
    pub claim_limit: Duration,
    /// How long sessions outlive the directory; zero is for ever.
    pub outage_grace: Duration,
    /// Each binding is verified once in this time; zero is never.
    pub verify_every: Duration,
    /// Bindings that are written again in a second after the lease was lost; 0 is all at once.
    pub rewrites_per_second: u32,
    /// From the last member's leaving to the withdrawal of interest in a group: people come back.
    pub interest_linger: Duration,
    /// How often absent keys of the older service are written again; zero is never.
    pub classic_refresh: Duration,
}

/// How lost and repeated messages are found.
#[derive(Debug, Clone, Copy)]
pub struct Healing {
    /// How long a message waits for the one before it until the store is read.
    pub hole_wait: Duration,
    /// An outage of inbox or directory shorter than this has cost nothing.
    pub outage_tolerated: Duration,
    /// Every session is swept once in this time; zero is never.
    pub sweep_every: Duration,
    /// For how long repeats are known where nothing is kept.
    pub repeat_window: Duration,
    /// How many are known.
    pub repeat_ids_max: usize,
}

impl Default for Healing {
    fn default() -> Self {
        Healing {
            hole_wait: Duration::from_millis(50),
            outage_tolerated: Duration::from_secs(1),
            sweep_every: Duration::from_secs(5 * 60),
            repeat_window: Duration::from_secs(5 * 60),
            repeat_ids_max: 100_000,
        }
    }
}

impl Default for LeaseTimes {
    fn default() -> Self {
        LeaseTimes {
            ttl: Duration::from_secs(15),
            renew: Duration::from_secs(5),
            claim_limit: Duration::from_secs(2),
            outage_grace: Duration::from_secs(5 * 60),
            verify_every: Duration::from_secs(10 * 60),
            rewrites_per_second: 2_000,
            interest_linger: Duration::from_secs(30),
            classic_refresh: Duration::from_secs(30),
        }
    }
}
