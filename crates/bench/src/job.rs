//! What the program `load` is told to do.

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

use crate::usage::Watched;

/// One measurement on servers that run.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Job {
    /// What the server speaks.
    pub peer: Peer,
    /// Where it listens: senders connect to the first, recipients to the last.
    pub doors: Vec<SocketAddr>,
    /// The key of the users' tokens.
    pub secret: String,
    /// What is done.
    pub work: Work,
    /// How long it is done before anything is counted.
    pub warm_up_ms: u64,
    /// How long it is counted.
    pub window_ms: u64,
    /// Whose CPU and memory is read.
    pub watched: Vec<Watched>,
}

/// What a server speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Peer {
    /// `trunkline.v1`.
    Trunkline,
    /// The JSON protocol of Centrifugo.
    Centrifuge,
    /// Frames without meaning.
    Limit,
}

/// What is done.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub enum Work {
    /// One writes to a group.
    Group {
        /// Members besides the one who writes.
        members: usize,
        /// Messages that are under way at once.
        in_flight: usize,
    },
    /// Half of the users write, each to one of the other half.
    Pairs {
        /// Senders.
        pairs: usize,
        /// When the next message is sent.
        pace: Pace,
    },
    /// Each connection sends, and gets the same back.
    Echo {
        /// Connections, each with one message under way.
        connections: usize,
    },
    /// Users log in, stay, and leave.
    Idle {
        /// How many.
        sessions: usize,
    },
}

/// When the next message is sent.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub enum Pace {
    /// Each sender sends when its last message has arrived and was answered.
    OneInFlight,
    /// So many a second by all senders together, whatever becomes of them.
    PerSecond(u32),
}
