//! The works that are measured, in the order of the table in `docs/benchmarks.md`.

mod clusters;
mod gateway;
mod groups;
mod pairs;
mod sessions;
mod startup;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use serde_json::json;

use crate::job::{Job, Peer, Work};
use crate::suite::{Centrifuge, Contestant, Figure, Limit, Node, Options, Who, secret};
use crate::usage::Watched;

/// A work that gives one figure or several.
pub(crate) struct Measured {
    /// As the command line calls it.
    pub(crate) name: &'static str,
    /// What it is, in a line.
    pub(crate) about: &'static str,
    /// Does it.
    pub(crate) run: fn(Arc<Options>) -> Running,
}

type Running = Pin<Box<dyn Future<Output = Vec<Figure>>>>;

/// All of them.
pub(crate) const WORKS: &[Measured] = &[
    Measured {
        name: "group",
        about: "a group of 1,000 on one node, one message at a time",
        run: |options| Box::pin(groups::one_at_a_time(options)),
    },
    Measured {
        name: "group-16",
        about: "the same, 16 messages in flight",
        run: |options| Box::pin(groups::sixteen_in_flight(options)),
    },
    Measured {
        name: "pairs",
        about: "1:1 on one node, nothing kept, 500 pairs",
        run: |options| Box::pin(pairs::unkept(options)),
    },
    Measured {
        name: "pairs-sqlite",
        about: "1:1 on one node, receipt after commit, SQLite with full synchronisation, 500 pairs",
        run: |options| Box::pin(pairs::sqlite(options)),
    },
    Measured {
        name: "rocketmq",
        about: "1:1 over two nodes and RocketMQ, nothing kept: at full speed, and at 200/s",
        run: |options| Box::pin(clusters::rocketmq(options)),
    },
    Measured {
        name: "rabbitmq",
        about: "the same over RabbitMQ",
        run: |options| Box::pin(clusters::rabbitmq(options)),
    },
    Measured {
        name: "rocketmq-nodes",
        about: "what 3, 10 and 30 nodes cost RocketMQ's broker, of which two talk at 200/s",
        run: |options| Box::pin(clusters::rocketmq_by_nodes(options)),
    },
    Measured {
        name: "rocketmq-postgres",
        about: "1:1 over two nodes, RocketMQ and PostgreSQL, receipt after commit",
        run: |options| Box::pin(clusters::rocketmq_postgres(options)),
    },
    Measured {
        name: "sessions",
        about: "5,000 log in, stay and leave: a handshake's CPU, a session's memory",
        run: |options| Box::pin(sessions::sessions(options)),
    },
    Measured {
        name: "tunnels",
        about: "5,000 idle tunnels at the gateway: memory of each",
        run: |options| Box::pin(sessions::tunnels(options)),
    },
    Measured {
        name: "gateway",
        about: "round trips of 128 bytes through the gateway, beside nginx",
        run: |options| Box::pin(gateway::round_trips(options)),
    },
    Measured {
        name: "latency",
        about: "from send to delivery, 1:1 on one node at 1,000/s",
        run: |options| Box::pin(pairs::latency(options)),
    },
    Measured {
        name: "startup",
        about: "from the start of `trunkline node` to ready, its memory then, and the size of the binary",
        run: |options| Box::pin(startup::startup(options)),
    },
];

/// A node, and the references that can do the same work.
struct Field {
    node: Node,
    limit: Option<Limit>,
    centrifuge: Option<Centrifuge>,
}

impl Field {
    /// Who takes part, each with its job.
    fn contestants(&self, options: &Options, work: Work) -> Vec<Contestant> {
        let mut all = vec![contestant(options, Who::Trunkline, self.node.door, self.node.watched(), work)];
        if let Some(limit) = &self.limit {
            all.push(contestant(options, Who::Limit, limit.door, limit.watched(), work));
        }
        if let Some(centrifuge) = &self.centrifuge {
            all.push(contestant(options, Who::Centrifuge, centrifuge.door, centrifuge.watched(), work));
        }
        all
    }
}

fn contestant(
    options: &Options,
    who: Who,
    door: std::net::SocketAddr,
    watched: Watched,
    work: Work,
) -> Contestant {
    let peer = match who {
        Who::Trunkline => Peer::Trunkline,
        Who::Centrifuge => Peer::Centrifuge,
        Who::Limit | Who::Nginx => Peer::Limit,
    };
    Contestant { who, job: job(options, peer, vec![door], vec![watched], work) }
}

fn job(
    options: &Options,
    peer: Peer,
    doors: Vec<std::net::SocketAddr>,
    watched: Vec<Watched>,
    work: Work,
) -> Job {
    let (warm_up_ms, window_ms) = (options.warm_up_ms(), options.window_ms());
    Job { peer, doors, secret: secret(), work, warm_up_ms, window_ms, watched }
}

/// What the first contestant's settings are, with what else matters.
fn settings(contestants: &[Contestant], store: &str) -> serde_json::Value {
    contestants.first().map(|ours| ours.settings(json!({ "store": store }))).unwrap_or_default()
}
