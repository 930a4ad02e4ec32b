//! The servers that a cluster stands on, started in parallel, each able to fail and to come back.

use testkit::servers::{Nacos, Postgres, RabbitMq, Redis, RocketMq, RocketMqOptions};

use crate::Bus;

/// As a Java service finds them made; more would only make the broker's start slower.
const QUEUES: u32 = 4;

/// The broker between the nodes.
#[derive(Debug)]
pub(crate) enum Broker {
    /// RocketMQ; it announces one address to everybody, so all nodes share a link.
    RocketMq(RocketMq),
    /// RabbitMQ; each node has a link of its own.
    RabbitMq(RabbitMq),
}

/// All servers of a run.
#[derive(Debug)]
pub(crate) struct Servers {
    /// Where nodes are found.
    pub(crate) nacos: Nacos,
    /// Who is where.
    pub(crate) redis: Redis,
    /// How nodes talk.
    pub(crate) broker: Broker,
    /// What is kept.
    pub(crate) postgres: Postgres,
}

impl Servers {
    /// Starts all of them.
    pub(crate) async fn start(bus: Bus) -> Self {
        // Every write is handed to the system before it is answered: a killed Redis forgets nothing, and a slow disk stalls nobody.
        let settings = [("appendonly", "yes"), ("appendfsync", "no")];
        let (nacos, redis, broker, postgres) =
            tokio::join!(Nacos::start(), Redis::start_with(&settings), Broker::start(bus), Postgres::start());
        Self { nacos, redis, broker, postgres }
    }
}

impl Broker {
    async fn start(bus: Bus) -> Self {
        match bus {
            Bus::RocketMq => {
                let options = RocketMqOptions { broker_behind_proxy: true, ..Default::default() };
                let rocketmq = RocketMq::start_with(options).await;
                for topic in ["SINGLE", "GROUP", "TRUNKLINE"] {
                    rocketmq.create_topic(topic, QUEUES).await;
                }
                Self::RocketMq(rocketmq)
            }
            Bus::RabbitMq => Self::RabbitMq(RabbitMq::start().await),
        }
    }

    /// Kills it.
    pub(crate) async fn kill_9(&self) {
        match self {
            Self::RocketMq(rocketmq) => rocketmq.broker.kill_9().await,
            Self::RabbitMq(rabbitmq) => rabbitmq.kill_9().await,
        }
    }

    /// Starts it again, with its data.
    pub(crate) async fn restart(&self) {
        match self {
            Self::RocketMq(rocketmq) => rocketmq.broker.restart().await,
            Self::RabbitMq(rabbitmq) => rabbitmq.restart().await,
        }
    }
}
