//! The processes under test: three nodes and two gateways of the built binary, with their logs.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use testkit::cluster::Instance;
use testkit::http::Http;
use testkit::process::Stream;
use testkit::{poll, ports};

use crate::links::{GatewayLinks, Links, NodeLinks};
use crate::settings::Settings;
use crate::{GATEWAYS, NODES};

/// After the last fault: the longest back-off of what waits for a server, and a lease.
const HEALTHY_DEADLINE: Duration = Duration::from_secs(60);

/// One process under test.
#[derive(Debug)]
pub(crate) struct Part {
    /// As facts name it: `node-1`.
    pub(crate) name: String,
    /// The process.
    pub(crate) instance: Instance,
    /// Its HTTP interface.
    pub(crate) api: Http,
    log: PathBuf,
}

/// All processes under test.
#[derive(Debug)]
pub(crate) struct Cluster {
    /// Their links.
    pub(crate) links: Links,
    /// The nodes.
    pub(crate) nodes: Vec<Part>,
    /// The gateways.
    pub(crate) gateways: Vec<Part>,
}

impl Cluster {
    /// Starts the nodes and the gateways, and waits until all are ready and know of each other.
    pub(crate) async fn start(binary: &Path, links: Links, settings: &Settings, folder: &Path) -> Self {
        let node = |nth: usize| Part::node(binary, nth, &links.nodes[nth], settings, folder);
        let gateway = |nth: usize| Part::gateway(binary, nth, &links.gateways[nth], folder);
        let (nodes, gateways) =
            ((0..NODES).map(node).collect::<Vec<_>>(), (0..GATEWAYS).map(gateway).collect::<Vec<_>>());
        for part in nodes.iter().chain(&gateways) {
            part.instance.launch();
        }
        for part in nodes.iter().chain(&gateways) {
            part.instance.wait_until_ready().await;
        }
        let cluster = Self { links, nodes, gateways };
        cluster.becomes_healthy().await.unwrap_or_else(|seen| panic!("the cluster did not start: {seen}"));
        cluster
    }

    /// Waits until every process is ready, every node sees every node, and every gateway lists every node.
    pub(crate) async fn becomes_healthy(&self) -> Result<(), String> {
        poll::try_until(HEALTHY_DEADLINE, async || self.look().await).await
    }

    /// Keeps what all processes have printed.
    pub(crate) fn keep_logs(&self) {
        for part in self.parts() {
            part.keep_log();
        }
    }

    /// All processes.
    pub(crate) fn parts(&self) -> impl Iterator<Item = &Part> {
        self.nodes.iter().chain(&self.gateways)
    }

    async fn look(&self) -> Result<(), String> {
        for part in self.parts() {
            if !part.instance.is_running() {
                return Err(format!("{} has ended by itself", part.name));
            }
            let ready = part.api.try_request("GET", "/readyz", None).await;
            let ready = ready.map_err(|ended| format!("{}: {ended}", part.name))?;
            if ready.status != 200 {
                return Err(format!("{} is not ready: {}", part.name, ready.text()));
            }
        }
        for node in &self.nodes {
            let answer = node.api.try_request("GET", "/api/v1/nodes", None).await;
            let answer = answer.map_err(|ended| format!("{}: {ended}", node.name))?;
            let seen = answer.json()["nodes"].as_array().map_or(0, Vec::len);
            if seen != NODES {
                return Err(format!("{} sees {seen} nodes: {}", node.name, answer.text()));
            }
        }
        for gateway in &self.gateways {
            let listed = gateway.api.metrics().await.sum("trunkline_gateway_instances", &[]);
            if listed as usize != NODES {
                return Err(format!("{} lists {listed} nodes", gateway.name));
            }
        }
        Ok(())
    }
}

impl Part {
    fn node(binary: &Path, nth: usize, links: &NodeLinks, settings: &Settings, folder: &Path) -> Self {
        let name = format!("node-{}", nth + 1);
        let api = format!("127.0.0.1:{}", ports::free());
        let (ip, port) = (links.ip, links.port);
        let (lease, renew) = (settings.lease.as_millis(), settings.renew.as_millis());
        let config = format!(
            r#"node: {{ name: {name}, advertise: 127.0.0.1 }}
ws: {{ host: {ip}, port: {port} }}
api: {{ listen: "{api}" }}
registry: {}
directory: {{ url: "{}", lease: {lease}ms, renew: {renew}ms }}
bus: "{}"
store: "{}"
limits: {}
"#,
            links.registry_url,
            links.directory_url,
            links.bus_url,
            links.store_url,
            settings.limits(),
        );
        let instance = Instance::prepare(binary, "node", &config, &format!("http://{ip}:{port}"));
        Self {
            log: folder.join(format!("{name}.log")),
            name,
            instance,
            api: Http::at(&format!("http://{api}")),
        }
    }

    fn gateway(binary: &Path, nth: usize, links: &GatewayLinks, folder: &Path) -> Self {
        let name = format!("gateway-{}", nth + 1);
        let api = format!("127.0.0.1:{}", ports::free());
        let config = format!(
            r#"registry: {}
gateway: {{ listen: "127.0.0.1:{}", api: "{api}", state: instances }}
"#,
            links.registry_url, links.port,
        );
        let base = format!("http://{api}");
        let instance = Instance::prepare(binary, "gateway", &config, &base);
        Self { log: folder.join(format!("{name}.log")), name, instance, api: Http::at(&base) }
    }

    /// `kill -9`.
    pub(crate) async fn kill_9(&self) {
        self.instance.kill_9().await;
        self.keep_log();
    }

    /// SIGTERM, and the end that it leads to.
    pub(crate) async fn drain(&self) {
        self.instance.stop().await;
        self.keep_log();
    }

    /// Where its log is kept.
    pub(crate) fn log(&self) -> &Path {
        &self.log
    }

    /// Appends what this life of it has printed; called once a life.
    fn keep_log(&self) {
        let process = self.instance.process();
        let lines = process.lines(Stream::Err).join("\n");
        let mut file = OpenOptions::new().create(true).append(true).open(&self.log);
        let written = file
            .as_mut()
            .map_err(|error| std::io::Error::from(error.kind()))
            .and_then(|file| writeln!(file, "--- {} (pid {})\n{lines}", self.name, process.pid()));
        written.unwrap_or_else(|error| panic!("cannot write {}: {error}", self.log.display()));
    }
}
