//! One to one over two nodes: the sender is on one, the recipient on the other, and real servers are between them.

use std::sync::Arc;

use serde_json::json;
use testkit::servers::{Postgres, RabbitMq, Redis, RocketMq, Server};

use super::job;
use crate::job::{Pace, Peer, Work};
use crate::outcome::Outcome;
use crate::suite::{Aim, Backends, Contestant, Figure, Node, Options, Who, in_turns};
use crate::usage::Watched;

/// As the Java original was measured with.
const PAIRS: usize = 100;
/// The rate at which it is asked how long a message takes, as the Java original was.
const LATENCY_PER_SECOND: u32 = 200;
/// Nodes of the clusters that are compared.
const CLUSTER_NODES: [usize; 3] = [3, 10, 30];
/// As the broker makes them for a Java service that finds no topic.
const QUEUES: u32 = 4;

/// What a pair of nodes is measured as.
struct Names {
    cpu: &'static str,
    cpu_aim: f64,
    p50: Option<(&'static str, f64)>,
    settings: serde_json::Value,
}

/// Two nodes and RocketMQ, nothing kept.
pub(super) async fn rocketmq(options: Arc<Options>) -> Vec<Figure> {
    let (redis, rocketmq) = tokio::join!(Redis::start(), started_rocketmq());
    let backends = Backends { directory: redis.url(), bus: rocketmq.url(), store: "none".to_owned() };
    let behind = vec![server("redis", redis.server()), server("broker", &rocketmq.broker)];
    let names = Names {
        cpu: "rocketmq_message_cpu",
        cpu_aim: 40.0,
        p50: Some(("rocketmq_200_p50", 1_800.0)),
        settings: json!({ "store": "none", "bus": "rocketmq", "directory": "redis" }),
    };
    two_nodes(&options, &backends, behind, &names).await
}

/// Two nodes and RabbitMQ, nothing kept.
pub(super) async fn rabbitmq(options: Arc<Options>) -> Vec<Figure> {
    let (redis, rabbitmq) = tokio::join!(Redis::start(), RabbitMq::start());
    let backends = Backends { directory: redis.url(), bus: rabbitmq.url(), store: "none".to_owned() };
    let behind = vec![server("redis", redis.server()), server("broker", rabbitmq.server())];
    let names = Names {
        cpu: "rabbitmq_message_cpu",
        cpu_aim: 40.0,
        p50: Some(("rabbitmq_200_p50", 800.0)),
        settings: json!({ "store": "none", "bus": "rabbitmq", "directory": "redis" }),
    };
    two_nodes(&options, &backends, behind, &names).await
}

/// Two nodes, RocketMQ and PostgreSQL, receipt after commit.
pub(super) async fn rocketmq_postgres(options: Arc<Options>) -> Vec<Figure> {
    let (redis, rocketmq, postgres) = tokio::join!(Redis::start(), started_rocketmq(), Postgres::start());
    let store = postgres.create_database("bench").await;
    let backends = Backends { directory: redis.url(), bus: rocketmq.url(), store };
    let behind = vec![server("redis", redis.server()), server("broker", &rocketmq.broker)];
    let names = Names {
        cpu: "rocketmq_postgres_message_cpu",
        cpu_aim: 60.0,
        p50: None,
        settings: json!({ "store": "postgres", "bus": "rocketmq", "directory": "redis" }),
    };
    two_nodes(&options, &backends, behind, &names).await
}

/// Two nodes that talk, beside more and more that only listen: RocketMQ filters `SINGLE` by tag, so what is meant for one passes before all.
pub(super) async fn rocketmq_by_nodes(options: Arc<Options>) -> Vec<Figure> {
    let (redis, rocketmq) = tokio::join!(Redis::start(), started_rocketmq());
    let backends = Backends { directory: redis.url(), bus: rocketmq.url(), store: "none".to_owned() };
    let mut nodes: Vec<Node> = Vec::new();
    let mut figures = Vec::new();
    for count in CLUSTER_NODES {
        while nodes.len() < count {
            let name = format!("bench-{}", nodes.len() + 1);
            nodes.push(Node::start(&options, &name, &backends).await);
        }
        let [one, other, listening @ ..] = nodes.as_slice() else { continue };
        let pids = |nodes: &[Node]| nodes.iter().map(Node::pid).collect();
        let talking = Watched { name: Who::Trunkline.name().to_owned(), pids: vec![one.pid(), other.pid()] };
        let others = Watched { name: "nodes that listen".to_owned(), pids: pids(listening) };
        let watched = vec![talking, server("broker", &rocketmq.broker), others];
        let work = Work::Pairs { pairs: PAIRS, pace: Pace::PerSecond(LATENCY_PER_SECOND) };
        let job = job(&options, Peer::Trunkline, vec![one.door, other.door], watched, work);
        let contestant = Contestant { who: Who::Trunkline, job };
        let settings = contestant.settings(json!({ "bus": "rocketmq", "nodes": count }));
        let series = in_turns(&options, &[contestant]).await;
        let cpu = |name: &str, outcome: &Outcome| outcome.cpu_of(name) / outcome.messages as f64 / 1_000.0;
        let name = format!("rocketmq_{count}_nodes_broker_cpu");
        let broker = |outcome: &Outcome| cpu("broker", outcome);
        let mut figure = series.figure(&name, "us/message", Aim::default(), settings, broker);
        let listening = series.median(|outcome| cpu("nodes that listen", outcome));
        figure.behind.insert("nodes that listen".to_owned(), listening);
        figures.push(figure);
    }
    figures
}

async fn started_rocketmq() -> RocketMq {
    let rocketmq = RocketMq::start().await;
    for topic in ["SINGLE", "GROUP", "TRUNKLINE"] {
        rocketmq.create_topic(topic, QUEUES).await;
    }
    rocketmq
}

fn server(name: &str, server: &Server) -> Watched {
    Watched { name: name.to_owned(), pids: server.pid().into_iter().collect() }
}

async fn two_nodes(
    options: &Options,
    backends: &Backends,
    behind: Vec<Watched>,
    names: &Names,
) -> Vec<Figure> {
    let (one, other) =
        tokio::join!(Node::start(options, "bench-1", backends), Node::start(options, "bench-2", backends));
    let nodes = Watched { name: Who::Trunkline.name().to_owned(), pids: vec![one.pid(), other.pid()] };
    let watched: Vec<Watched> = std::iter::once(nodes).chain(behind).collect();
    let contestant = |pace: Pace| {
        let work = Work::Pairs { pairs: PAIRS, pace };
        let job = job(options, Peer::Trunkline, vec![one.door, other.door], watched.clone(), work);
        Contestant { who: Who::Trunkline, job }
    };
    let aim = |value: f64| Aim { value: Some(value), ratios: &[] };
    let fast = contestant(Pace::OneInFlight);
    let settings = fast.settings(names.settings.clone());
    let series = in_turns(options, std::slice::from_ref(&fast)).await;
    let cpu = |name: &str, outcome: &Outcome| outcome.cpu_of(name) / outcome.messages as f64 / 1_000.0;
    let rate = |outcome: &Outcome| outcome.messages as f64 / (outcome.window_ns as f64 / 1e9);
    let ours = |outcome: &Outcome| cpu(Who::Trunkline.name(), outcome);
    let mut figure = series.figure(names.cpu, "us/message", aim(names.cpu_aim), settings.clone(), ours);
    for name in watched.iter().skip(1).map(|watched| &watched.name) {
        figure.behind.insert(name.clone(), series.median(|outcome| cpu(name, outcome)));
    }
    let rate_name = names.cpu.replace("message_cpu", "messages_per_second");
    let mut figures = vec![figure, series.figure(&rate_name, "1/s", Aim::default(), settings, rate)];
    if let Some((name, value)) = names.p50 {
        let steady = contestant(Pace::PerSecond(LATENCY_PER_SECOND));
        let settings = steady.settings(names.settings.clone());
        let series = in_turns(options, &[steady]).await;
        figures.push(series.figure(name, "us", aim(value), settings, |outcome| outcome.arrived.p50_us));
    }
    figures
}
