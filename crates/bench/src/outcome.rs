//! What the program `load` has seen.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::histogram::Quantiles;

/// One measurement.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Outcome {
    /// How long was counted.
    pub window_ns: u64,
    /// Messages that reached all that they were for; of idle sessions, handshakes.
    pub messages: u64,
    /// Messages times recipients.
    pub deliveries: u64,
    /// CPU of the watched, user and system, by name.
    pub cpu_ns: BTreeMap<String, u64>,
    /// CPU of the load itself.
    pub load_cpu_ns: u64,
    /// CPU of everybody else, in cores.
    pub others_cores: f64,
    /// From when a message was due to its arrival.
    pub arrived: Quantiles,
    /// From when a message was due to its answer, where there are answers.
    pub answered: Quantiles,
    /// Memory of the watched, of idle sessions.
    pub memory: Option<Memory>,
}

/// Bytes that the watched hold in user space, all together, at four times.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub struct Memory {
    /// Before anybody came.
    pub before: u64,
    /// While all were there.
    pub held: u64,
    /// After all had left.
    pub left: u64,
    /// While all were there for the second time.
    pub held_again: u64,
}

impl Outcome {
    /// CPU of one of the watched.
    pub fn cpu_of(&self, name: &str) -> f64 {
        self.cpu_ns.get(name).copied().unwrap_or_default() as f64
    }
}
