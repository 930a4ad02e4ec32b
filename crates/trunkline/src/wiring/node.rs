//! What a node is told, from the configuration.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use http::HeaderName;
use node::admission::auth::Auth;
use node::api::MetricsText;
use node::config::{Api, ApiKey, Classic, Config as NodeConfig, Healing, LeaseTimes};
use node::token::{BadKey, Verifier, VerifierSettings};
use wire::id::NodeName;

use crate::config::scalar::{ClassicGroup, FanOut};
use crate::config::{Config, TokenKey};

/// What tells the nodes of one process apart.
#[derive(Debug, Clone)]
pub struct Place {
    /// The node's name.
    pub name: NodeName,
    /// Where its WebSocket listener binds.
    pub listen: SocketAddr,
    /// The host that others reach it by.
    pub advertise: String,
    /// Whether it has an HTTP listener of its own.
    pub has_api: bool,
}

impl Place {
    /// The place of `trunkline node`; name and address were filled in when the configuration was read.
    pub fn of_config(config: &Config) -> Option<Place> {
        let advertise = config.node.advertise.as_ref()?;
        Some(Place {
            name: config.node.name.as_ref()?.0.clone(),
            listen: SocketAddr::new(config.ws.host.0, config.ws.port.0),
            advertise: advertise.0.to_string(),
            has_api: true,
        })
    }

    /// The place of the nth node of `trunkline up`: a free port on loopback.
    pub fn of_up(nth: usize) -> Option<Place> {
        Some(Place {
            name: format!("node-{nth}").parse().ok()?,
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            advertise: Ipv4Addr::LOCALHOST.to_string(),
            has_api: false,
        })
    }
}

/// What a configuration says that a node cannot take.
#[derive(Debug, thiserror::Error)]
pub enum Unfit {
    /// A key that cannot be one of its algorithm.
    #[error("auth.keys: {0}")]
    Key(#[from] BadKey),
    /// Not the name of a header.
    #[error("auth.user_header: is not the name of a header")]
    Header,
}

/// What a node at `place` is told.
///
/// # Errors
/// A key that cannot be one of its algorithm.
pub fn config(
    config: &Config,
    place: Place,
    workers: usize,
    metrics: MetricsText,
) -> Result<NodeConfig, Unfit> {
    let limits = Arc::new(config.limits.to_wire());
    let (directory, node) = (&config.directory, &config.node);
    Ok(NodeConfig {
        name: place.name,
        service: config.ws.name.0.as_str().into(),
        listen: place.listen,
        advertise: place.advertise,
        path: config.ws.path.0.clone(),
        dialects: config.ws.dialect.as_ref().map(|dialect| dialect.0).unwrap_or_default(),
        devices: config.ws.devices.0,
        origins: config.origins(),
        trusted_proxies: config.node_proxies(),
        auth: auth(config)?,
        insecure: config.insecure,
        api: Api {
            listen: place.has_api.then_some(config.api.listen.0),
            keys: config.api_keys.iter().map(|key| ApiKey(key.expose().into())).collect(),
            metrics,
        },
        client_join: config.groups.client_join == Some(true),
        everyone_from_clients: config.clients_write_to_everyone(),
        classic: Classic {
            errors: config.ws.classic_errors,
            note: Some(config.ws.classic_note.0.as_str()).filter(|note| !note.is_empty()).map(Into::into),
            group_members: config.ws.classic_group == ClassicGroup::Members,
        },
        lease: LeaseTimes {
            ttl: directory.lease.0,
            renew: directory.renew.0,
            claim_limit: directory.claim_deadline.0,
            outage_grace: directory.outage_grace.0,
            verify_every: directory.verify_every.0,
            rewrites_per_second: directory.rewrites_per_second.0,
            interest_linger: directory.interest_linger.0,
            classic_refresh: directory.classic_refresh.0,
        },
        broadcasts: config.bus.fan_out == FanOut::Broadcast,
        healing: Healing {
            hole_wait: node.hole_wait.0,
            outage_tolerated: node.outage_tolerated.0,
            sweep_every: node.sweep_every.0,
            repeat_window: node.repeat_window.0,
            repeat_ids_max: node.repeat_ids_max.0 as usize,
        },
        weight: node.weight.0,
        token_leeway: config.auth.leeway.0,
        start_wait: Some(config.top.start_wait.0).filter(|wait: &Duration| !wait.is_zero()),
        workers,
        limits,
    })
}

fn auth(config: &Config) -> Result<Auth, Unfit> {
    if let Some(header) = &config.auth.user_header {
        let name = HeaderName::try_from(header.0.as_str());
        return name.map(Auth::Header).map_err(|_| Unfit::Header);
    }
    if config.token_keys.is_empty() {
        return Ok(Auth::Path);
    }
    let settings = VerifierSettings {
        keys: config.token_keys.iter().map(TokenKey::spec).collect(),
        user_claim: config.auth.user_claim.0.clone(),
        require_exp: config.auth.require_exp,
        audience: config.auth.audience.iter().map(|audience| audience.0.clone()).collect(),
        leeway: config.auth.leeway.0,
    };
    Ok(Auth::Tokens(Arc::new(Verifier::new(settings)?)))
}
