//! What a gateway is told, from the configuration.

use std::net::SocketAddr;
use std::sync::Arc;

use edge::{Host, Policy};
use gateway::route::{RouteProblem, Routes, RoutesSpec, built_in, compile};
use gateway::{BalanceLimits, Config as GatewayConfig, TunnelLimits};
use http::HeaderName;

use crate::config::Config;

/// What a gateway is told. It has its own routes where the file names none.
///
/// # Errors
/// What is wrong with the routes; `check` says the same.
pub fn config(config: &Config) -> Result<GatewayConfig, Vec<RouteProblem>> {
    let section = &config.gateway;
    let mut told = GatewayConfig::new(section.listen.0, routes(config)?);
    told.api = Some(section.api.0);
    told.trusted_proxies = config.gateway_proxies();
    told.state = Some(section.state.0.clone());
    told.limits = Arc::new(config.limits.to_wire());
    told.balance = BalanceLimits {
        eject_first: section.eject_first.0,
        eject_max: section.eject_max.0,
        vanished_keep: section.vanished_keep.0,
    };
    told.tunnel = TunnelLimits {
        connect_timeout: section.connect_timeout.0,
        handshake_timeout: section.handshake_timeout.0,
        tries_max: section.tries_max.0 as usize,
        ..TunnelLimits::default()
    };
    let identity = config.auth.user_header.as_ref();
    told.identity_headers.extend(identity.and_then(|name| HeaderName::try_from(name.0.as_str()).ok()));
    Ok(told)
}

/// The rule about `Host` of a gateway whose nodes ask nobody who he is: names that point at loopback are refused.
pub fn development_policy(listen: SocketAddr) -> Policy {
    let own = vec![Host::new(&listen.ip().to_string(), listen.port())];
    Policy { development: true, own, ..Policy::open() }
}

fn routes(config: &Config) -> Result<Routes, Vec<RouteProblem>> {
    let spec: &RoutesSpec = &config.routes;
    if spec.routes.is_empty() {
        return compile(&built_in(&config.ws.name.0, &config.ws.path.0));
    }
    compile(spec)
}
