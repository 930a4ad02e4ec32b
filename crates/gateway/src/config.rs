//! What a gateway is told at its start. Where it comes from (a file, a flag, a test) is not this crate's affair.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use edge::{Policy, TrustedProxies};
use http::HeaderName;
use wire::limits::Limits;

use crate::balance::BalanceLimits;
use crate::events::Events;
use crate::page::Pages;
use crate::route::Routes;
use crate::tunnel::TunnelLimits;

/// Gives the text of `/metrics`.
pub type Metrics = Arc<dyn Fn() -> String + Send + Sync>;

/// Everything that a gateway can be told.
#[derive(Clone)]
pub struct Config {
    /// Where clients connect; port 0 picks one.
    pub listen: SocketAddr,
    /// Where `/healthz`, `/readyz` and `/metrics` are answered; `None` where nobody asks.
    pub api: Option<SocketAddr>,
    /// Which paths lead where.
    pub routes: Routes,
    /// The proxies in front whose `X-Forwarded-*` is believed and handed on.
    pub trusted_proxies: TrustedProxies,
    /// Headers that name a user to the nodes (`auth.user_header`); only trusted proxies may send them.
    pub identity_headers: Vec<HeaderName>,
    /// The rule about `Host`; [`Policy::open`] but for development mode. `Origin` is the node's affair.
    pub policy: Policy,
    /// The folder of the last good lists of instances; `None` keeps none.
    pub state: Option<PathBuf>,
    /// The limits of section `limits`; of the handshake, of sessions by address, and the hard stop of a drain.
    pub limits: Arc<Limits>,
    /// The limits of choosing an instance.
    pub balance: BalanceLimits,
    /// The limits of reaching it.
    pub tunnel: TunnelLimits,
    /// Pages to serve where no WebSocket is asked for.
    pub pages: Option<Pages>,
    /// What `/metrics` answers.
    pub metrics: Option<Metrics>,
    /// Where events go besides log and metrics.
    pub events: Events,
}

impl Config {
    /// A gateway with these routes at `listen`, and the defaults for everything else.
    pub fn new(listen: SocketAddr, routes: Routes) -> Config {
        Config {
            listen,
            api: None,
            routes,
            trusted_proxies: TrustedProxies::none(),
            identity_headers: vec![HeaderName::from_static("x-user-id")],
            policy: Policy::open(),
            state: None,
            limits: Arc::default(),
            balance: BalanceLimits::default(),
            tunnel: TunnelLimits::default(),
            pages: None,
            metrics: None,
            events: Events::default(),
        }
    }
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config").field("listen", &self.listen).field("api", &self.api).finish_non_exhaustive()
    }
}

/// A client without an instance comes back after one to three seconds: spread, so that all of them do not come at once.
pub(crate) const NO_INSTANCE_RETRY: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(3));
/// A client whose address has its share of sessions has to close one first.
pub(crate) const QUOTA_RETRY: Duration = Duration::from_secs(10);
