//! A process to be abused, its neighbours, and what it may come to hold.

use std::time::Duration;

use testkit::client::V1Client;
use testkit::cluster::Instance;
use testkit::http::Http;
use testkit::process::{Footprint, open_files_up_to};
use testkit::{poll, ports};

use crate::neighbours::Neighbours;

/// The built binary.
pub(crate) const TRUNKLINE: &str = env!("CARGO_BIN_EXE_trunkline");

/// One mebibyte.
pub(crate) const MIB: u64 = 1024 * 1024;

/// Sockets of the largest crowd, here and in the process, with room for two tests at once.
const FILES: u64 = 15_000;
/// What the neighbours may wait for a message, all but one in a hundred. A debug build on two quiet cores comes to half a second at most,
/// beside eight compilers to a second and a half.
const WAIT_MAX: Duration = Duration::from_secs(5);
/// Fewer messages say nothing about the neighbours.
const MESSAGES_MIN: usize = 50;
/// From the end of the abuse until the process is as it was before: the goodbyes and lingering closes of 2 s, on a busy machine.
const CALM: Duration = Duration::from_secs(15);
/// Sockets of our own questions that may be open at one moment or not.
const SOCKETS_SLACK: usize = 4;
/// Sessions that came and went before anything is measured, so that the allocator and the program's pages are warm.
const WARM_UP: usize = 50;

/// What a process may hold beyond what it held before.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ceilings {
    /// At any moment.
    pub(crate) peak: u64,
    /// When the abuse is over. The allocator gives back what is free after a second; this leaves room for what it has not given back yet.
    pub(crate) after: u64,
}

/// A process under abuse: a node, or a gateway before one.
pub(crate) struct Bed {
    abused: Instance,
    /// The node behind it, where the abused one is a gateway.
    _node: Option<Instance>,
    /// Where clients come in.
    port: u16,
    /// The node's HTTP interface.
    api_port: u16,
    before: Footprint,
    neighbours: Neighbours,
}

impl Bed {
    /// A node with these lines under `limits:`, and two people who talk through it.
    pub(crate) async fn start(limits: &str) -> Bed {
        open_files_up_to(FILES);
        let (node, port, api_port) = node(limits).await;
        Bed::of(node, None, port, api_port).await
    }

    /// A gateway before a node with these lines under `limits:`, and two people who talk through both.
    pub(crate) async fn start_gateway(limits: &str) -> Bed {
        open_files_up_to(FILES);
        let (node, node_port, api_port) = node(limits).await;
        let (port, probes) = (ports::free(), ports::free());
        let base = format!("http://127.0.0.1:{probes}");
        let gateway =
            Instance::start(TRUNKLINE, "gateway", &gateway_yml(port, probes, node_port), &base).await;
        Bed::of(gateway, Some(node), port, api_port).await
    }

    async fn of(abused: Instance, node: Option<Instance>, port: u16, api_port: u16) -> Bed {
        let url = |user: &str| format!("ws://127.0.0.1:{port}/ws/{user}");
        for nth in 0..WARM_UP {
            V1Client::connect(&url(&format!("early-{nth}"))).await.close().await;
        }
        let neighbours = Neighbours::start([url("neighbour-1"), url("neighbour-2")]).await;
        poll::until("only the neighbours are there", CALM, async || sessions(api_port).await == 2).await;
        let before = abused.process().footprint();
        Bed { abused, _node: node, port, api_port, before, neighbours }
    }

    /// Live sessions, as the node counts them.
    pub(crate) async fn sessions(&self) -> usize {
        sessions(self.api_port).await
    }

    /// Where a user logs in.
    pub(crate) fn url(&self, user: &str) -> String {
        format!("ws://127.0.0.1:{}/ws/{user}", self.port)
    }

    /// Where its WebSockets are opened.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Its HTTP interface.
    pub(crate) fn api(&self) -> Http {
        Http::at(&format!("http://127.0.0.1:{}", self.api_port))
    }

    /// Where that is.
    pub(crate) fn api_port(&self) -> u16 {
        self.api_port
    }

    /// What it holds now beyond what it held before the abuse.
    pub(crate) fn own_growth(&self) -> u64 {
        self.abused.process().footprint().own_bytes.saturating_sub(self.before.own_bytes)
    }

    /// The abuse is over, its clients are gone: holds the process against its ceilings, and asks the neighbours.
    pub(crate) async fn holds(self, what: &str, ceilings: Ceilings) {
        let process = self.abused.process();
        let grown = |footprint: Footprint| footprint.own_bytes.saturating_sub(self.before.own_bytes);
        let calm = poll::try_until(CALM, async || {
            let now = process.footprint();
            let spare = now.sockets.saturating_sub(self.before.sockets);
            if grown(now) <= ceilings.after && spare <= SOCKETS_SLACK {
                return Ok(now);
            }
            Err(format!(
                "{} KiB of {} KiB, {spare} sockets too many",
                grown(now) / 1024,
                ceilings.after / 1024
            ))
        })
        .await;
        self.neighbours.have_said(MESSAGES_MIN, CALM).await;
        let talk = self.neighbours.stop();
        let last = process.footprint();
        let peak = last.peak_bytes.saturating_sub(self.before.peak_bytes);
        println!(
            "{what}: at most {} KiB more (ceiling {}), afterwards {} KiB more (ceiling {}); \
             {} messages of the neighbours, p99 {:.0?}, slowest {:.0?}",
            peak / 1024,
            ceilings.peak / 1024,
            grown(last) / 1024,
            ceilings.after / 1024,
            talk.messages(),
            talk.p99(),
            talk.slowest(),
        );
        assert!(peak <= ceilings.peak, "{what}: the process grew by {peak} bytes");
        calm.unwrap_or_else(|seen| panic!("{what}: not given back: {seen}"));
        assert!(talk.p99() <= WAIT_MAX, "{what}: the neighbours waited {:?}", talk.p99());
    }
}

async fn sessions(api_port: u16) -> usize {
    let metrics = Http::at(&format!("http://127.0.0.1:{api_port}")).metrics().await;
    metrics.sum("trunkline_node_sessions", &[]) as usize
}

/// Starts a node; its ports.
async fn node(limits: &str) -> (Instance, u16, u16) {
    let (port, api_port) = (ports::free(), ports::free());
    let base = format!("http://127.0.0.1:{api_port}");
    let node = Instance::start(TRUNKLINE, "node", &node_yml(port, api_port, limits), &base).await;
    (node, port, api_port)
}

/// A node that shares nothing with anybody, and keeps what is said.
pub(crate) fn node_yml(port: u16, api_port: u16, limits: &str) -> String {
    let limits: String = limits.lines().map(|line| format!("  {}\n", line.trim())).collect();
    format!(
        "node: {{ name: node-1 }}\n\
         ws: {{ port: {port} }}\n\
         api: {{ listen: \"127.0.0.1:{api_port}\" }}\n\
         store: sqlite:kept.db\n\
         limits:\n  sessions_per_address_max: 0\n{limits}"
    )
}

/// A gateway that knows one node, for good.
fn gateway_yml(port: u16, probes: u16, node_port: u16) -> String {
    format!(
        "registry: \"fixed:trunkline=127.0.0.1:{node_port}\"\n\
         gateway: {{ listen: \"127.0.0.1:{port}\", api: \"127.0.0.1:{probes}\", state: instances }}\n\
         spring.cloud.gateway.routes:\n  - {{ id: all, uri: \"lb:ws://trunkline\", predicates: [\"Path=/ws/**\"] }}\n"
    )
}
