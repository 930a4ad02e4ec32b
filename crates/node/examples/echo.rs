//! What `cargo xtask conformance` tests: a whole node, on seams in memory, whose sessions say back what they hear.
//!
//! Prints its URL, and ends when its standard input does, so that it never outlives whoever started it.

#![allow(clippy::print_stdout, reason = "it is how the caller learns the port")]

use std::error::Error;
use std::io::Read;
use std::sync::Arc;
use std::time::Duration;

use edge::TrustedProxies;
use node::admission::auth::Auth;
use node::api::MetricsText;
use node::config::{Api, Classic, Config, Healing, LeaseTimes};
use node::events::Events;
use node::{Node, Seams};
use ports::Ambient;
use ports::memory::bus::MemoryBus;
use ports::memory::directory::MemoryDirectory;
use ports::memory::registry::MemoryRegistry;
use wire::limits::Limits;
use wire::policy::{DevicePolicy, DialectChoice};

/// The longest message of the cases is 16 MiB; the node's own limit has tests of its own.
const MESSAGE_BYTES_MAX: usize = 16 * 1024 * 1024;

fn main() -> Result<(), Box<dyn Error>> {
    node::session::echo::switch_on();
    let runtime = tokio::runtime::Runtime::new()?;
    let ambient = Ambient::system();
    let seams = Seams {
        registry: Arc::new(MemoryRegistry::new()),
        directory: Arc::new(MemoryDirectory::new(ambient.clone())),
        bus: Arc::new(MemoryBus::new()),
        store: None,
    };
    let node = runtime.block_on(Node::start(config()?, seams, ambient, Events::default()))?;
    println!("ws://{}/ws/autobahn", node.ws_address());
    std::io::stdin().read_to_end(&mut Vec::new())?;
    runtime.block_on(node.drain());
    Ok(())
}

/// The classic dialect says nothing by itself, and `many` lets one user in again before it has left.
fn config() -> Result<Config, Box<dyn Error>> {
    let limits = Limits {
        frame_bytes_max: MESSAGE_BYTES_MAX,
        send_queue_bytes_max: 4 * MESSAGE_BYTES_MAX,
        // A case sends a thousand messages at once.
        sends_per_second: 0,
        drain_notice: Duration::ZERO,
        ..Limits::default()
    };
    Ok(Config {
        name: "conformance".parse()?,
        service: "conformance".into(),
        listen: "127.0.0.1:0".parse()?,
        advertise: "127.0.0.1".to_owned(),
        path: "/ws".to_owned(),
        dialects: DialectChoice::Classic,
        devices: DevicePolicy::Many,
        origins: Vec::new(),
        trusted_proxies: TrustedProxies::neighbours(),
        auth: Auth::Path,
        token_leeway: Duration::ZERO,
        insecure: false,
        api: Api { listen: None, keys: Vec::new(), metrics: MetricsText::default() },
        client_join: false,
        everyone_from_clients: false,
        classic: Classic { errors: false, note: None, group_members: false },
        limits: Arc::new(limits),
        lease: LeaseTimes::default(),
        broadcasts: false,
        healing: Healing::default(),
        weight: 1.0,
        start_wait: Some(Duration::from_secs(5)),
        workers: 1,
    })
}
