//! The article's deployment: Nacos, Redis, RocketMQ, nodes that run on the Java service's own file, gateways with the article's route.
//!
//! Nothing is kept (`store: none`), as in the article.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::Value;
use testkit::cluster::Instance;
use testkit::http::Http;
use testkit::servers::{Nacos, Redis, Reply, RocketMq};
use testkit::{poll, ports};

/// The built binary.
pub(crate) const TRUNKLINE: &str = env!("CARGO_BIN_EXE_trunkline");

/// Shorter than the default, so that a story does not wait for it; a boot is dead when it is over.
pub(crate) const LEASE: Duration = Duration::from_secs(6);
/// The lease, and a third of it.
const LEASE_SETTINGS: &str = "--set directory.lease=6s --set directory.renew=2s";
/// Nacos answers at once; a client of it asks for a connection first.
const LISTED_DEADLINE: Duration = Duration::from_secs(30);
/// As the broker makes them for a Java service that finds no topic.
const QUEUES: u32 = 4;

/// The three servers of the article.
pub(crate) struct Servers {
    /// Where nodes are found.
    pub(crate) nacos: Nacos,
    /// Who is on which node.
    pub(crate) redis: Redis,
    /// How nodes talk.
    pub(crate) rocketmq: RocketMq,
}

/// How many messages the broker has taken, topic by topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Taken {
    /// To the node of one user.
    pub(crate) single: u64,
    /// To everybody, on every node.
    pub(crate) group: u64,
}

/// One node, and where it is.
pub(crate) struct NodeProcess {
    /// The process.
    pub(crate) instance: Instance,
    /// Its name: the tag of its messages.
    pub(crate) name: String,
    /// Its WebSocket port.
    pub(crate) port: u16,
    /// Its HTTP interface.
    pub(crate) api: Http,
}

/// One gateway, and where it is.
pub(crate) struct GatewayProcess {
    /// The process.
    pub(crate) instance: Instance,
    /// Where people come in.
    pub(crate) door: Door,
}

/// Where a gateway listens.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Door(u16);

/// The whole of it.
pub(crate) struct Deployment {
    /// What it stands on.
    pub(crate) servers: Servers,
    /// The nodes.
    pub(crate) nodes: Vec<NodeProcess>,
    /// The gateways.
    pub(crate) gateways: Vec<GatewayProcess>,
}

impl Servers {
    /// Starts the three, with the topics that the article's service has, and ours.
    pub(crate) async fn start() -> Self {
        let (nacos, redis, rocketmq) = tokio::join!(Nacos::start(), Redis::start(), RocketMq::start());
        for topic in ["SINGLE", "GROUP", "TRUNKLINE"] {
            rocketmq.create_topic(topic, QUEUES).await;
        }
        Self { nacos, redis, rocketmq }
    }

    /// What the broker has taken so far.
    pub(crate) async fn taken(&self) -> Taken {
        Taken {
            single: self.rocketmq.messages_on("SINGLE").await,
            group: self.rocketmq.messages_on("GROUP").await,
        }
    }

    /// The Java original's key of a user: the name of the node to write to, as plain text that never expires.
    pub(crate) async fn classic_key(&self, user: i64) -> Option<String> {
        let key = format!("websocket-demo:userNode:{user}");
        match self.redis.command(&["GET", &key]).await {
            Reply::Bulk(node) => {
                let expires_in = self.redis.command(&["TTL", &key]).await;
                // -1: never; -2: deleted since it was read.
                assert!(matches!(expires_in, Reply::Integer(-1 | -2)), "{key} expires: {expires_in:?}");
                Some(node)
            }
            Reply::Nil => None,
            other => panic!("the key of {user}: {other:?}"),
        }
    }

    /// The ports of the instances of a service that Nacos lists, or why it lists none.
    pub(crate) async fn listed_ports(&self, service: &str) -> Result<BTreeSet<u64>, String> {
        let http = Http::at(&format!("http://{}", self.nacos.address()));
        let path = format!("/nacos/v1/ns/instance/list?serviceName={service}&healthyOnly=true");
        let answer = http.try_request("GET", &path, None).await.map_err(|ended| ended.to_string())?;
        let list: Value = serde_json::from_slice(&answer.body).map_err(|error| error.to_string())?;
        let hosts = list["hosts"].as_array().ok_or_else(|| format!("no hosts: {list}"))?;
        Ok(hosts.iter().filter_map(|host| host["port"].as_u64()).collect())
    }
}

impl NodeProcess {
    /// Starts one on the Java service's own file, with our few keys beside it.
    pub(crate) async fn start(servers: &Servers, nth: usize) -> Self {
        let (port, api, name) = (ports::free(), ports::free(), format!("node-{nth}"));
        let file = application_yml(servers, &name, port, api);
        let verb = format!("node {LEASE_SETTINGS}");
        let instance = Instance::start(TRUNKLINE, &verb, &file, &format!("http://127.0.0.1:{port}")).await;
        Self { instance, name, port, api: Http::at(&format!("http://127.0.0.1:{api}")) }
    }

    /// A user's session on this very node, without a gateway.
    pub(crate) fn url(&self, user: i64) -> String {
        self.url_of(&user.to_string())
    }

    /// As [`NodeProcess::url`], for a user whose id need not be a number.
    pub(crate) fn url_of(&self, user: &str) -> String {
        format!("ws://127.0.0.1:{}/ws/{user}", self.port)
    }

    /// As [`NodeProcess::url`], on one of the user's devices.
    pub(crate) fn url_of_device(&self, user: i64, device: &str) -> String {
        format!("{}?device={device}", self.url(user))
    }

    /// Whether a user is online, as this node's HTTP interface says.
    pub(crate) async fn is_online(&self, user: i64) -> bool {
        let answer = self.api.get(&format!("/api/v1/users/{user}")).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.json()["online"].as_bool().unwrap()
    }

    /// The names of the nodes whose leases live, as this node's HTTP interface says.
    pub(crate) async fn live_nodes(&self) -> Vec<String> {
        let answer = self.api.get("/api/v1/nodes").await;
        assert_eq!(answer.status, 200, "{answer:?}");
        let nodes = answer.json()["nodes"].as_array().unwrap().clone();
        nodes.iter().map(|node| node["node"].as_str().unwrap().to_owned()).collect()
    }
}

impl GatewayProcess {
    /// Starts one with the article's route.
    pub(crate) async fn start(servers: &Servers) -> Self {
        let (port, api) = (ports::free(), ports::free());
        let file = gateway_yml(servers, port, api);
        let base = format!("http://127.0.0.1:{api}");
        Self { instance: Instance::start(TRUNKLINE, "gateway", &file, &base).await, door: Door(port) }
    }
}

impl Door {
    /// What the article's page opens.
    pub(crate) fn url(self, user: i64) -> String {
        format!("ws://127.0.0.1:{}/websocket-demo/ws/{user}", self.0)
    }
}

impl Deployment {
    /// Three nodes and two gateways, which know of all three.
    pub(crate) async fn start() -> Self {
        let servers = Servers::start().await;
        let (first, second, third) = tokio::join!(
            NodeProcess::start(&servers, 1),
            NodeProcess::start(&servers, 2),
            NodeProcess::start(&servers, 3),
        );
        let nodes = vec![first, second, third];
        let ports: BTreeSet<u64> = nodes.iter().map(|node| u64::from(node.port)).collect();
        listed(&servers, &ports).await;
        let gateways = tokio::join!(GatewayProcess::start(&servers), GatewayProcess::start(&servers));
        Self { servers, nodes, gateways: vec![gateways.0, gateways.1] }
    }

    /// The node of that name.
    pub(crate) fn node(&self, name: &str) -> &NodeProcess {
        self.nodes.iter().find(|node| node.name == name).unwrap()
    }

    /// The ports of all nodes.
    pub(crate) fn ports(&self) -> BTreeSet<u64> {
        self.nodes.iter().map(|node| u64::from(node.port)).collect()
    }
}

/// Waits until Nacos lists these ports and no others.
pub(crate) async fn listed(servers: &Servers, ports: &BTreeSet<u64>) {
    poll::until("Nacos lists the nodes", LISTED_DEADLINE, async || {
        match servers.listed_ports("websocket-demo").await {
            Ok(listed) if listed == *ports => Ok(()),
            other => Err(format!("{other:?}, wanted {ports:?}")),
        }
    })
    .await;
}

/// The file of the Java service, word for word but for the addresses, and below it what Trunkline wants to know besides.
fn application_yml(servers: &Servers, name: &str, port: u16, api: u16) -> String {
    let (nacos, name_server) = (servers.nacos.address(), servers.rocketmq.address());
    let (redis_host, redis_port) = (servers.redis.address().ip(), servers.redis.address().port());
    format!(
        r#"server:
  port: 8082
spring:
  application:
    name: websocket-demo-starter
  cloud:
    nacos:
      discovery:
        server-addr: {nacos}
  redis:
    host: {redis_host}
    port: {redis_port}
    database: 0
rocketmq:
  name-server: {name_server}
  producer:
    group: websocket-demo
ws:
  name: "websocket-demo"
  path: "/ws"
  port: "{port}"
  dialect: classic

node: {{ name: {name} }}
api: {{ listen: "127.0.0.1:{api}" }}
store: none
"#
    )
}

/// The article's route, unchanged, and where this gateway listens.
fn gateway_yml(servers: &Servers, port: u16, api: u16) -> String {
    let nacos = servers.nacos.address();
    format!(
        r#"spring:
  cloud:
    nacos:
      discovery:
        server-addr: {nacos}
    gateway:
      enabled: true
      routes:
        - id: wsRouter
          uri: lb:ws://websocket-demo
          predicates:
            - Path=/websocket-demo/**
          filters:
            - StripPrefix=1
gateway: {{ listen: "127.0.0.1:{port}", api: "127.0.0.1:{api}", state: instances }}
"#
    )
}
