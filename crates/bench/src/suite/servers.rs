//! The servers that take part, each started on free ports and ended with its owner.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use tempfile::TempDir;
use testkit::cluster::Instance;
use testkit::process::{Process, Program};
use testkit::{poll, ports, scratch};
use tokio::net::TcpStream;

use super::options::{Options, beside};
use crate::usage::Watched;

/// A small server on a busy machine; a free one needs a hundredth of it.
const READY_DEADLINE: Duration = Duration::from_secs(20);

/// Who takes part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Who {
    Trunkline,
    Limit,
    Centrifuge,
    Nginx,
}

impl Who {
    /// As figures call it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Who::Trunkline => "trunkline",
            Who::Limit => "limit",
            Who::Centrifuge => "centrifuge",
            Who::Nginx => "nginx",
        }
    }
}

/// The key of all tokens here. It guards nothing: every server here lives for seconds, on loopback.
pub(crate) fn secret() -> String {
    "a-key-of-the-benchmark-that-guards-nothing".to_owned()
}

fn loopback(port: u16) -> SocketAddr {
    ([127, 0, 0, 1], port).into()
}

/// What is behind the seams of a node, as lines of its configuration.
#[derive(Debug, Clone)]
pub(crate) struct Backends {
    pub(crate) directory: String,
    pub(crate) bus: String,
    pub(crate) store: String,
}

impl Backends {
    /// Everything in the node itself, nothing kept.
    pub(crate) fn none() -> Backends {
        Backends { directory: "memory".to_owned(), bus: "memory".to_owned(), store: "none".to_owned() }
    }
}

/// A `trunkline node`.
#[derive(Debug)]
pub(crate) struct Node {
    instance: Instance,
    pub(crate) door: SocketAddr,
}

impl Node {
    /// Starts one; no client of the benchmark is slowed down by limits that are there for strangers.
    pub(crate) async fn start(options: &Options, name: &str, backends: &Backends) -> Node {
        let (port, api) = (ports::free(), ports::free());
        let Backends { directory, bus, store } = backends;
        let secret = secret();
        let config = format!(
            r#"node: {{ name: {name} }}
ws: {{ port: {port} }}
api: {{ listen: "127.0.0.1:{api}" }}
auth: {{ keys: [ {{ algorithm: HS256, key: "{secret}" }} ] }}
groups: {{ client_join: true }}
limits: {{ sends_per_second: 0, sessions_per_address_max: 0 }}
directory: "{directory}"
bus: "{bus}"
store: "{store}"
"#
        );
        let base = format!("http://127.0.0.1:{port}");
        let instance = Instance::start(options.trunkline(), "node", &config, &base).await;
        Node { instance, door: loopback(port) }
    }

    /// Its process.
    pub(crate) fn pid(&self) -> u32 {
        self.instance.process().pid()
    }

    /// To be watched as `name`.
    pub(crate) fn watched(&self) -> Watched {
        Watched { name: Who::Trunkline.name().to_owned(), pids: vec![self.pid()] }
    }
}

/// A `trunkline gateway` before one address.
#[derive(Debug)]
pub(crate) struct Gateway {
    instance: Instance,
    pub(crate) door: SocketAddr,
}

impl Gateway {
    /// Starts one.
    pub(crate) async fn start(options: &Options, behind: SocketAddr) -> Gateway {
        let (port, api) = (ports::free(), ports::free());
        let config = format!(
            r#"spring:
  cloud:
    gateway:
      routes:
        - id: bench
          uri: lb:ws://bench
          predicates:
            - Path=/**
gateway: {{ listen: "127.0.0.1:{port}", api: "127.0.0.1:{api}", state: instances }}
registry: "fixed:bench={behind}"
limits: {{ sessions_per_address_max: 0 }}
"#
        );
        let base = format!("http://127.0.0.1:{api}");
        let instance = Instance::start(options.trunkline(), "gateway", &config, &base).await;
        Gateway { instance, door: loopback(port) }
    }

    /// To be watched.
    pub(crate) fn watched(&self) -> Watched {
        Watched { name: Who::Trunkline.name().to_owned(), pids: vec![self.instance.process().pid()] }
    }
}

/// The reference that only reads and writes frames.
#[derive(Debug)]
pub(crate) struct Limit {
    process: Process,
    pub(crate) door: SocketAddr,
}

impl Limit {
    /// Starts one.
    pub(crate) async fn start() -> Limit {
        let door = loopback(ports::free());
        let process = Program::new(beside("limit")).arg(door.to_string()).start();
        process.wait_for_line("READY", READY_DEADLINE).await;
        Limit { process, door }
    }

    /// To be watched.
    pub(crate) fn watched(&self) -> Watched {
        Watched { name: Who::Limit.name().to_owned(), pids: vec![self.process.pid()] }
    }
}

/// The reference on the library of that name.
#[derive(Debug)]
pub(crate) struct Centrifuge {
    process: Process,
    pub(crate) door: SocketAddr,
}

impl Centrifuge {
    /// Starts one, where it could be built.
    pub(crate) async fn start(options: &Options) -> Option<Centrifuge> {
        let door = loopback(ports::free());
        let program = Program::new(options.centrifuge.as_ref()?).args(["-listen", &door.to_string()]);
        let process = program.args(["-secret", &secret()]).start();
        process.wait_for_line("READY", READY_DEADLINE).await;
        Some(Centrifuge { process, door })
    }

    /// To be watched.
    pub(crate) fn watched(&self) -> Watched {
        Watched { name: Who::Centrifuge.name().to_owned(), pids: vec![self.process.pid()] }
    }
}

/// Debian's nginx before one address, as its pages say it for WebSocket.
#[derive(Debug)]
pub(crate) struct Nginx {
    process: Process,
    pub(crate) door: SocketAddr,
    _folder: TempDir,
}

impl Nginx {
    /// Starts one, in one process so that it ends with its owner; `None`, loudly, where it is not installed.
    pub(crate) async fn start(behind: SocketAddr) -> Option<Nginx> {
        let binary = ["/usr/sbin/nginx", "/usr/local/sbin/nginx", "/usr/bin/nginx"].into_iter();
        let Some(binary) = binary.map(Path::new).find(|path| path.is_file()) else {
            eprintln!("bench: NGINX IS NOT INSTALLED: no ratio to it (apt-get install nginx-light)");
            return None;
        };
        let (folder, door) = (scratch::folder("nginx"), loopback(ports::free()));
        let config = format!(
            r#"daemon off;
master_process off;
pid nginx.pid;
error_log stderr;
events {{ worker_connections 16384; }}
http {{
  access_log off;
  client_body_temp_path body;
  proxy_temp_path proxy;
  fastcgi_temp_path fastcgi;
  uwsgi_temp_path uwsgi;
  scgi_temp_path scgi;
  server {{
    listen {door};
    location / {{
      proxy_pass http://{behind};
      proxy_http_version 1.1;
      proxy_set_header Upgrade $http_upgrade;
      proxy_set_header Connection "upgrade";
    }}
  }}
}}
"#
        );
        let path = folder.path().join("nginx.conf");
        if let Err(error) = std::fs::write(&path, config) {
            panic!("cannot write {}: {error}", path.display());
        }
        let program = Program::new(binary).arg("-p").arg(folder.path()).arg("-c").arg(&path);
        let process = program.args(["-e", "stderr"]).start();
        poll::until("nginx listens", READY_DEADLINE, async || match TcpStream::connect(door).await {
            Ok(_) => Ok(()),
            Err(error) => Err(format!("{error}\n{}", process.tail())),
        })
        .await;
        Some(Nginx { process, door, _folder: folder })
    }

    /// To be watched.
    pub(crate) fn watched(&self) -> Watched {
        Watched { name: Who::Nginx.name().to_owned(), pids: vec![self.process.pid()] }
    }
}
