//! A real Apache RocketMQ: Java name server and broker, each with a life of its own.

use std::net::{Ipv4Addr, SocketAddr};

use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::{Server, cache_folder, recipe, remoting};
use crate::process::{Program, Stream};
use crate::proxy::Proxy;
use crate::{ports, scratch};

/// The broker takes this port too, for clients that ask for its second listener.
const FAST_OFFSET: i32 = -2;
/// The broker's replication port, on which ours does not listen.
const REPLICATION_OFFSET: i32 = 1;
/// No test makes a topic with more; the broker says 0 for those that there are not.
const QUEUES_ASKED_FOR: u32 = 16;
/// Nothing is fetched; another process that fetches is waited for.
const FETCH_DEADLINE: Duration = Duration::from_secs(180);
/// The whole of 127/8 is loopback: a second address for a broker whose announced address belongs to a proxy.
const BEHIND_PROXY: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);

/// What a RocketMQ may be started with; [`Default`] is a broker that creates topics and groups by itself.
#[derive(Clone, Debug, Default)]
pub struct RocketMqOptions {
    /// More lines for `broker.conf`; they win: `autoCreateTopicEnable=false`.
    pub broker_lines: Vec<String>,
    /// The broker announces [`RocketMq::broker_address`] but listens on [`RocketMq::broker_listens_on`]:
    /// clients reach it only when a proxy is put between the two.
    pub broker_behind_proxy: bool,
}

/// A name server and a broker; killed when dropped.
#[derive(Debug)]
pub struct RocketMq {
    /// The broker's process: kill, stop, restart, pause, resume. Its data outlives it.
    pub broker: Server,
    /// The name server's process.
    pub name_server: Server,
    name_server_port: u16,
    broker_port: u16,
    broker_ip: Ipv4Addr,
    // Last: the processes must be gone when the folder is removed.
    _folder: TempDir,
}

impl RocketMq {
    /// Starts name server and broker, and waits until the broker is registered.
    ///
    /// # Panics
    ///
    /// When its jars were not fetched, Java is missing, or it does not start.
    pub async fn start() -> Self {
        Self::start_with(RocketMqOptions::default()).await
    }

    /// Starts name server and broker with options.
    ///
    /// # Panics
    ///
    /// When its jars were not fetched, Java is missing, or it does not start.
    pub async fn start_with(options: RocketMqOptions) -> Self {
        let folder = scratch::folder("rocketmq");
        let name_server_port = ports::free();
        let broker_port = ports::free_with(&[FAST_OFFSET, REPLICATION_OFFSET]);
        let broker_ip = if options.broker_behind_proxy { BEHIND_PROXY } else { Ipv4Addr::LOCALHOST };
        let program = |role: &str| {
            recipe_program()
                .called(format!("RocketMQ's {role}"))
                .arg(folder.path())
                .args([name_server_port.to_string(), broker_port.to_string()])
                .env("ROCKETMQ_ROLE", role)
                .env("ROCKETMQ_GRACE", "1")
        };
        let name_server = Server::start(program("namesrv"), "READY").await;
        let broker = program("broker")
            .env("ROCKETMQ_BIND", broker_ip.to_string())
            .env("ROCKETMQ_BROKER_EXTRA", options.broker_lines.join("\n"));
        let broker = Server::start(broker, "READY").await;
        Self { broker, name_server, name_server_port, broker_port, broker_ip, _folder: folder }
    }

    /// Where the name server listens; clients are given this address.
    pub fn address(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.name_server_port).into()
    }

    /// The broker's address as the name server tells it to clients.
    pub fn broker_address(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.broker_port).into()
    }

    /// Where the broker listens; another address than it announces where it stands behind a proxy.
    pub fn broker_listens_on(&self) -> SocketAddr {
        (self.broker_ip, self.broker_port).into()
    }

    /// The proxy between the address that the broker announces and the one on which it listens.
    ///
    /// # Panics
    ///
    /// When the broker was not started with [`RocketMqOptions::broker_behind_proxy`].
    pub fn broker_proxy(&self) -> Proxy {
        assert_eq!(self.broker_ip, BEHIND_PROXY, "start it with broker_behind_proxy");
        Proxy::start_on(self.broker_address(), self.broker_listens_on())
    }

    /// How many messages the broker has taken on `topic` so far, over all its queues; 0 for a topic that it does not know.
    ///
    /// # Panics
    ///
    /// When the broker does not answer.
    pub async fn messages_on(&self, topic: &str) -> u64 {
        let mut sum = 0;
        for queue in 0..QUEUES_ASKED_FOR {
            let fields = json!({ "topic": topic, "queueId": queue.to_string() });
            let answer = self.ask_broker(remoting::MAX_OFFSET, &fields).await;
            let offset = answer["extFields"]["offset"].as_str().and_then(|offset| offset.parse::<u64>().ok());
            sum += offset.unwrap_or_else(|| panic!("the broker's answer on {topic}: {answer}"));
        }
        sum
    }

    /// Creates a topic as an operator does it; the name server knows it a few milliseconds later.
    ///
    /// # Panics
    ///
    /// When the broker refuses.
    pub async fn create_topic(&self, topic: &str, queues: u32) {
        assert!(queues <= QUEUES_ASKED_FOR, "messages_on would miss some");
        let queues = queues.to_string();
        let fields = json!({
            "topic": topic, "defaultTopic": "TBW102", "readQueueNums": queues, "writeQueueNums": queues, "perm": "6",
            "topicFilterType": "SINGLE_TAG", "topicSysFlag": "0", "order": "false",
        });
        let answer = self.ask_broker(remoting::CREATE_TOPIC, &fields).await;
        assert_eq!(answer["code"], 0, "{answer}");
    }

    async fn ask_broker(&self, code: u32, fields: &Value) -> Value {
        let answer = remoting::ask(self.broker_listens_on(), code, fields).await;
        answer.unwrap_or_else(|error| panic!("the broker does not answer: {error}\n{}", self.broker.tail()))
    }

    /// `rocketmq://127.0.0.1:PORT` of the name server.
    pub fn url(&self) -> String {
        format!("rocketmq://{}", self.address())
    }

    /// Ends broker and name server.
    ///
    /// # Panics
    ///
    /// When one of them does not end.
    pub async fn stop(&self) {
        self.broker.stop().await;
        self.name_server.stop().await;
    }
}

/// The folder with RocketMQ's jars, its official Java client among them.
///
/// # Panics
///
/// When they were not fetched.
pub async fn rocketmq_jars() -> PathBuf {
    let folder = scratch::folder("jars");
    let asked =
        recipe_program().called("RocketMQ's jars").arg(folder.path()).env("ROCKETMQ_FETCH_ONLY", "1").start();
    let code = asked.exit_code(FETCH_DEADLINE).await;
    let lines = asked.lines(Stream::Out);
    match lines.last() {
        Some(path) if code == 0 => PathBuf::from(path),
        _ => panic!("RocketMQ's jars cannot be used\n{}", asked.tail()),
    }
}

/// The start script with its cache; it never fetches anything in the middle of a test.
fn recipe_program() -> Program {
    Program::new(recipe("rocketmq/start-rocketmq.sh"))
        .env("ROCKETMQ_CACHE", cache_folder().join("rocketmq"))
        .env("ROCKETMQ_FETCH_NEVER", "1")
}
