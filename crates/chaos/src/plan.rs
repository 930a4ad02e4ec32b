//! What a run is to be.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::path::PathBuf;
use std::time::Duration;

/// What the nodes talk over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Bus {
    /// RocketMQ.
    #[value(name = "rocketmq")]
    RocketMq,
    /// RabbitMQ.
    #[value(name = "rabbitmq")]
    RabbitMq,
}

/// What a run is to be.
#[derive(Clone, Debug)]
pub struct Plan {
    /// What the faults and the users' whims are drawn from.
    pub seed: u64,
    /// How long the cluster is under load.
    pub time: Duration,
    /// What the nodes talk over.
    pub bus: Bus,
    /// The built `trunkline`.
    pub binary: PathBuf,
    /// Where the run keeps its facts and logs.
    pub folder: PathBuf,
}

/// Seeds are drawn below this, so that a person can copy one.
const SEEDS: u64 = 1_000_000;

impl Plan {
    /// A seed and seconds whose schedule holds every kind of fault.
    pub const EVERY_KIND: (u64, u64) = (7, 90);

    /// A seed by chance.
    pub fn any_seed() -> u64 {
        // The standard library draws the keys of its hash maps from the system's randomness.
        RandomState::new().build_hasher().finish() % SEEDS
    }

    /// The command that makes a run of the same schedule.
    pub(crate) fn command(&self) -> String {
        let bus = match self.bus {
            Bus::RocketMq => "rocketmq",
            Bus::RabbitMq => "rabbitmq",
        };
        format!("cargo xtask chaos --seed {} --secs {} --bus {bus}", self.seed, self.time.as_secs())
    }
}
