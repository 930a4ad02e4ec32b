//! A cluster on real servers, broken on a seeded schedule and judged by its facts.
//!
//! Three nodes and two gateways of the built binary stand on Nacos, Redis, PostgreSQL and RocketMQ or RabbitMQ, with a proxy in every line between two of them.
//! Forty users talk through the gateways while a nemesis breaks one thing after the other; what everybody saw is a log of facts,
//! and `testkit::judge` says whether the cluster kept its word.
//! The schedule comes again with its seed; what happens under it does not, to the microsecond.

mod bounds;
mod cluster;
mod delays;
mod dice;
mod drafts;
mod fault;
mod habits;
mod have;
mod links;
mod nemesis;
mod outcome;
mod plan;
mod probe;
mod run;
mod said;
mod schedule;
mod servers;
mod session;
mod settings;
mod user;
mod wandering;
mod workload;
mod world;

pub use outcome::Outcome;
pub use plan::{Bus, Plan};
pub use run::{judge_again, run};

/// How many nodes a cluster has.
pub(crate) const NODES: usize = 3;
/// How many gateways.
pub(crate) const GATEWAYS: usize = 2;
