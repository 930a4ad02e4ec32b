//! What every node of a run is told: the defaults, but for limits that a run of ten minutes is to hit.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use edge::TrustedProxies;
use node::Config;
use node::admission::auth::Auth;
use node::api::MetricsText;
use node::config::{Api, Classic, Healing, LeaseTimes};
use wire::limits::Limits;
use wire::policy::DialectChoice;

use crate::fault::node_name;
use crate::plan::Plan;

/// Each session is swept once in this time: the last thing that helps is to be seen helping within the quiet end of a run.
pub const SWEEP_EVERY: Duration = Duration::from_secs(60);

/// What the node at this place is told.
///
/// # Panics
/// Never: the names are names.
pub fn of_node(node: usize, plan: &Plan) -> Config {
    let Ok(name) = node_name(node).parse() else { panic!("{} is no name", node_name(node)) };
    Config {
        name,
        service: "trunkline".into(),
        listen: SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0),
        advertise: "127.0.0.1".to_owned(),
        path: "/ws".to_owned(),
        dialects: DialectChoice::Both,
        devices: plan.devices,
        origins: Vec::new(),
        trusted_proxies: TrustedProxies::neighbours(),
        auth: Auth::Path,
        token_leeway: Duration::from_secs(60),
        insecure: false,
        api: Api { listen: None, keys: Vec::new(), metrics: MetricsText::default() },
        client_join: true,
        everyone_from_clients: true,
        classic: Classic { errors: false, note: None, group_members: true },
        limits: Arc::new(limits()),
        lease: LeaseTimes { verify_every: Duration::from_secs(120), ..LeaseTimes::default() },
        broadcasts: plan.broadcasts,
        healing: Healing { sweep_every: SWEEP_EVERY, ..Healing::default() },
        weight: 1.0,
        start_wait: None,
        workers: 1,
    }
}

fn limits() -> Limits {
    Limits {
        send_queue_frames_max: 48,
        sends_per_second: 5,
        sends_burst: 20,
        behind_after: 60,
        drain_notice: Duration::from_secs(2),
        drain_spread: Duration::from_secs(5),
        drain_hard_stop: Duration::from_secs(20),
        ..Limits::default()
    }
}
