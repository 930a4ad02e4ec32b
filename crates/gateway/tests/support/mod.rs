//! Backends that do what a test tells them, a gateway in front of them, and clients that write bytes.

#![allow(dead_code, unreachable_pub, reason = "each test file uses its own part")]

use std::collections::BTreeMap;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use edge::accept_key::accept_key;
use gateway::events::{Ended, Event, Events};
use gateway::route::{Named, RouteSpec, RoutesSpec, compile};
use gateway::{Config, Gateway};
use ports::memory::registry::MemoryRegistry;
use ports::registry::{Announcement, Instance};
use ports::{Ambient, Registry};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::timeout;

/// Longer than anything here may take; who waits this long has failed.
pub const PATIENCE: Duration = Duration::from_secs(10);
pub const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
pub const SERVICE: &str = "websocket-demo";

/// A node, as far as a gateway can tell: it counts, remembers the heads of requests, and answers as the test says.
pub struct Backend {
    pub address: SocketAddr,
    heads: Arc<Mutex<Vec<String>>>,
    _tasks: JoinSet<()>,
}

impl Backend {
    /// `serve` gets each connection together with the request head that was read from it.
    pub async fn start<F>(serve: impl Fn(String, TcpStream) -> F + Send + Sync + 'static) -> Backend
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let heads = Arc::new(Mutex::new(Vec::new()));
        let (seen, serve) = (Arc::clone(&heads), Arc::new(serve));
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                let (mut stream, _) = listener.accept().await.expect("accepted");
                let (seen, serve) = (Arc::clone(&seen), Arc::clone(&serve));
                connections.spawn(async move {
                    let Some(head) = read_head(&mut stream).await else { return };
                    seen.lock().expect("lock").push(head.clone());
                    serve(head, stream).await;
                });
            }
        });
        Backend { address, heads, _tasks: tasks }
    }

    /// Upgrades properly, says `greeting` in the same write, and echoes.
    pub async fn echo(greeting: &'static str) -> Backend {
        Backend::start(move |head, mut stream| async move {
            let answer = format!("{}\r\n{greeting}", accepted(&head, ""));
            stream.write_all(answer.as_bytes()).await.expect("answered");
            echo(stream).await;
        })
        .await
    }

    /// Answers every request with these bytes, and closes once the other side has.
    pub async fn answering(answer: impl Into<String>) -> Backend {
        let answer: String = answer.into();
        Backend::start(move |_, mut stream| {
            let answer = answer.clone();
            async move {
                stream.write_all(answer.as_bytes()).await.expect("answered");
                let mut nothing = Vec::new();
                stream.read_to_end(&mut nothing).await.ok();
            }
        })
        .await
    }

    /// The request heads so far.
    pub fn heads(&self) -> Vec<String> {
        self.heads.lock().expect("lock").clone()
    }

    pub fn instance(&self, weight: f64) -> Instance {
        instance(self.address.port(), weight)
    }
}

pub async fn echo(mut stream: TcpStream) {
    let (mut from, mut to) = stream.split();
    tokio::io::copy(&mut from, &mut to).await.ok();
    to.shutdown().await.ok();
}

/// The head of a proper 101 for the request `head`, without its last empty line.
pub fn accepted(head: &str, more: &str) -> String {
    let key = line(head, "sec-websocket-key").expect("a key");
    format!(
        "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Accept: {}\r\n{more}",
        accept_key(key.as_bytes())
    )
}

/// The value of the header `name`.
pub fn line<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.lines()
        .find_map(|line| line.split_once(": ").filter(|(key, _)| key.eq_ignore_ascii_case(name)))
        .map(|(_, value)| value)
}

pub fn status(head: &str) -> u16 {
    head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or_default()
}

pub fn instance(port: u16, weight: f64) -> Instance {
    Instance {
        service: SERVICE.to_owned(),
        host: "127.0.0.1".to_owned(),
        port,
        weight,
        metadata: BTreeMap::new(),
    }
}

/// The article's route, and one without a filter.
pub fn routes() -> RoutesSpec {
    let named = |name: &str, value: &str| Named {
        name: name.to_owned(),
        args: vec![("_genkey_0".to_owned(), value.to_owned())],
        at: "test".to_owned(),
    };
    let route = |id: &str, path: &str, filters| RouteSpec {
        id: id.to_owned(),
        uri: format!("lb:ws://{SERVICE}"),
        order: 0,
        predicates: vec![named("Path", path)],
        filters,
        metadata: Vec::new(),
        at: "test".to_owned(),
    };
    let stripped = route("wsRouter", "/websocket-demo/**", vec![named("StripPrefix", "1")]);
    RoutesSpec { routes: vec![stripped, route("plain", "/ws/**", Vec::new())], ..RoutesSpec::default() }
}

/// A gateway on a registry of its own.
pub struct Front {
    pub gateway: Gateway,
    pub registry: MemoryRegistry,
    pub ended: Arc<Mutex<Vec<Ended>>>,
    pub failed: Arc<Mutex<Vec<String>>>,
    announcements: Vec<Arc<dyn Announcement>>,
}

pub fn config() -> Config {
    let routes = compile(&routes()).expect("routes");
    let mut config = Config::new("127.0.0.1:0".parse().expect("an address"), routes);
    config.api = Some("127.0.0.1:0".parse().expect("an address"));
    config
}

impl Front {
    pub async fn before(backends: &[&Backend]) -> Front {
        Front::start(config(), &backends.iter().map(|backend| backend.instance(1.0)).collect::<Vec<_>>())
            .await
    }

    pub async fn start(config: Config, instances: &[Instance]) -> Front {
        Front::over(MemoryRegistry::new(), config, instances).await
    }

    pub async fn over(registry: MemoryRegistry, mut config: Config, instances: &[Instance]) -> Front {
        let (ended, failed) = (Arc::new(Mutex::new(Vec::new())), Arc::new(Mutex::new(Vec::new())));
        let (ends, failures) = (Arc::clone(&ended), Arc::clone(&failed));
        config.events = Events::watched(Arc::new(move |event: &Event<'_>| match event {
            Event::Closed { how, .. } => ends.lock().expect("lock").push(*how),
            Event::InstanceFailed { instance, why, .. } => {
                failures.lock().expect("lock").push(format!("{instance}: {why}"));
            }
            _ => {}
        }));
        let announcements = instances.iter().map(|instance| registry.announce(instance.clone())).collect();
        let gateway =
            Gateway::start(config, Arc::new(registry.clone()), Ambient::system()).await.expect("started");
        let front = Front { gateway, registry, ended, failed, announcements };
        front.wait_for_list(instances.len()).await;
        front
    }

    pub fn announce(&mut self, instance: Instance) {
        self.announcements.push(self.registry.announce(instance));
    }

    async fn wait_for_list(&self, instances: usize) {
        if self.registry.state().up && instances > 0 {
            let wanted = format!("\"instances\":{instances}");
            testkit::poll::until("the gateway has its list", PATIENCE, async || {
                let answer = self.inside("/readyz").await;
                answer.contains(&wanted).then_some(()).ok_or(answer)
            })
            .await;
        }
    }

    pub async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.gateway.addresses().listen).await.expect("connected")
    }

    /// What `gateway.api` answers.
    pub async fn inside(&self, path: &str) -> String {
        let address = self.gateway.addresses().api.expect("an address");
        let mut stream = TcpStream::connect(address).await.expect("connected");
        let request = format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.expect("sent");
        rest(&mut stream).await
    }

    /// Sends bytes and reads until the gateway closes.
    pub async fn exchange(&self, request: impl AsRef<[u8]>) -> String {
        let mut stream = self.connect().await;
        stream.write_all(request.as_ref()).await.expect("sent");
        rest(&mut stream).await
    }

    /// Opens a tunnel.
    pub async fn open(&self, path: &str) -> TcpStream {
        let mut stream = self.connect().await;
        stream.write_all(get(path, "").as_bytes()).await.expect("sent");
        let head = head(&mut stream).await;
        assert_eq!(status(&head), 101, "{head}");
        stream
    }

    pub async fn until_ended(&self, how: &[Ended]) {
        testkit::poll::until("the tunnels have ended", PATIENCE, async || {
            let ended = self.ended.lock().expect("lock").clone();
            if ended == how { Ok(()) } else { Err(format!("{ended:?}")) }
        })
        .await;
        assert_eq!(self.gateway.tunnels(), 0);
    }
}

pub fn get(path: &str, more: &str) -> String {
    format!(
        "GET {path} HTTP/1.1\r\nHost: gateway.example\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {KEY}\r\n{more}\r\n"
    )
}

async fn read_head(stream: &mut TcpStream) -> Option<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    String::from_utf8(head).ok()
}

/// Reads exactly one head.
pub async fn head(stream: &mut TcpStream) -> String {
    timeout(PATIENCE, read_head(stream)).await.expect("in time").expect("a head")
}

/// Reads to the end; a reset is no proper end.
pub async fn rest(stream: &mut TcpStream) -> String {
    let mut answer = Vec::new();
    timeout(PATIENCE, stream.read_to_end(&mut answer)).await.expect("closed in time").expect("no reset");
    String::from_utf8(answer).expect("text")
}

/// Reads exactly `wanted`.
pub async fn expect(stream: &mut TcpStream, wanted: &[u8]) {
    let mut read = vec![0; wanted.len()];
    timeout(PATIENCE, stream.read_exact(&mut read)).await.expect("in time").expect("read");
    assert!(read == wanted, "{}", String::from_utf8_lossy(&read[..read.len().min(200)]));
}
