//! One to one over two nodes: the sender is on one, the recipient on the other, and real servers are between them.

use std::sync::Arc;

use serde_json::json;
use testkit::servers::{Redis, RocketMq, Server};

use super::job;
use crate::job::{Pace, Peer, Work};
use crate::outcome::Outcome;
use crate::suite::{Aim, Backends, Contestant, Figure, Node, Options, Who, in_turns};
use crate::usage::Watched;

/// As the Java original was measured with.
const PAIRS: usize = 100;
/// The rate at which it is asked how long a message takes, as the Java original was.
const LATENCY_PER_SECOND: u32 = 200;
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
    let (redis, rocketmq) = tokio::join!(Redis::start(), RocketMq::start());
    for topic in ["SINGLE", "GROUP", "TRUNKLINE"] {
        rocketmq.create_topic(topic, QUEUES).await;
    }
    let backends = Backends { directory: redis.url(), bus: rocketmq.url(), store: "none".to_owned() };
    let others = vec![server("redis", redis.server()), server("broker", &rocketmq.broker)];
    let names = Names {
        cpu: "rocketmq_message_cpu",
        cpu_aim: 40.0,
        p50: Some(("rocketmq_200_p50", 1_800.0)),
        settings: json!({ "store": "none", "bus": "rocketmq", "directory": "redis" }),
    };
    two_nodes(&options, &backends, others, &names).await
}

fn server(name: &str, server: &Server) -> Watched {
    Watched { name: name.to_owned(), pids: server.pid().into_iter().collect() }
}

async fn two_nodes(
    options: &Options,
    backends: &Backends,
    others: Vec<Watched>,
    names: &Names,
) -> Vec<Figure> {
    let (one, other) =
        tokio::join!(Node::start(options, "bench-1", backends), Node::start(options, "bench-2", backends));
    let nodes = Watched { name: Who::Trunkline.name().to_owned(), pids: vec![one.pid(), other.pid()] };
    let watched: Vec<Watched> = std::iter::once(nodes).chain(others).collect();
    let contestant = |pace: Pace| {
        let work = Work::Pairs { pairs: PAIRS, pace };
        let job = job(options, Peer::Trunkline, vec![one.door, other.door], watched.clone(), work);
        [Contestant { who: Who::Trunkline, job }]
    };
    let fast = contestant(Pace::OneInFlight);
    let settings = |contestants: &[Contestant; 1]| contestants[0].settings(names.settings.clone());
    let series = in_turns(options, &fast).await;
    let cpu = |outcome: &Outcome| outcome.cpu_of(Who::Trunkline.name()) / outcome.messages as f64 / 1_000.0;
    let rate = |outcome: &Outcome| outcome.messages as f64 / (outcome.window_ns as f64 / 1e9);
    let aim = |value: f64| Aim { value: Some(value), ratios: &[] };
    let mut figures = vec![
        series.figure(names.cpu, "us/message", aim(names.cpu_aim), settings(&fast), cpu),
        series.figure(&format!("{}_rate", names.cpu), "1/s", Aim::default(), settings(&fast), rate),
    ];
    if let Some((name, value)) = names.p50 {
        let steady = contestant(Pace::PerSecond(LATENCY_PER_SECOND));
        let series = in_turns(options, &steady).await;
        figures
            .push(series.figure(name, "us", aim(value), settings(&steady), |outcome| outcome.arrived.p50_us));
    }
    figures
}
