//! What can be broken, and for how long.

use std::fmt;
use std::time::Duration;

/// Something that is broken. `node` is the place of a node; `None` is all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// A node ends as by `kill -9`, and comes back at the end.
    Crash {
        /// Which.
        node: usize,
        /// It comes back at another port, so that it has to wait until its old lease is gone.
        moves: bool,
    },
    /// A node ends the next time that it passes a point of its code, and comes back at the end.
    CrashAt {
        /// Which.
        node: usize,
        /// The place of the point in the list of them.
        point: usize,
    },
    /// A node empties itself politely, and comes back at the end.
    Drain {
        /// Which.
        node: usize,
    },
    /// A node stands still as by `SIGSTOP`, and goes on at the end.
    StandStill {
        /// Which.
        node: usize,
    },
    /// The directory does not answer: what it was asked is carried out at the end, or never.
    DirectoryHangs {
        /// For whom.
        node: Option<usize>,
    },
    /// The directory refuses every call.
    DirectoryAway {
        /// For whom.
        node: Option<usize>,
    },
    /// Some calls on the directory fail, before or after they were carried out, and others are slow.
    DirectoryFlaky {
        /// How many of a hundred.
        percent: u64,
    },
    /// The directory has forgotten everything at the beginning, and once more at the end.
    DirectoryWiped,
    /// At the end a replica takes over that has heard of nothing since the beginning.
    DirectoryFailsOver,
    /// The bus takes nothing, and nobody hears anything.
    BusAway,
    /// The bus takes nothing from a node.
    BusRefuses {
        /// Which.
        node: usize,
    },
    /// A node hears nothing.
    InboxDead {
        /// Which.
        node: usize,
    },
    /// Some envelopes are taken and never arrive.
    BusLoses {
        /// How many of a hundred.
        percent: u64,
    },
    /// Some envelopes arrive twice, or although the bus said that it did not take them.
    BusRepeats {
        /// How many of a hundred.
        percent: u64,
    },
    /// Some envelopes arrive later than those after them, a few after they have expired.
    BusDelays {
        /// How many of a hundred.
        percent: u64,
    },
    /// The store refuses every call.
    StoreAway,
    /// The store does not answer: what it was asked is carried out at the end, or never.
    StoreHangs,
    /// Some writes are carried out and their answers are lost; some calls fail before.
    StoreFlaky {
        /// How many of a hundred.
        percent: u64,
    },
    /// Every answer of the store comes late.
    StoreSlow,
}

/// A fault with its time, counted from the beginning of the run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Planned {
    /// When it begins.
    pub begin: Duration,
    /// When it is undone.
    pub end: Duration,
    /// What it is.
    pub fault: Fault,
}

impl Fault {
    /// Its kind, one word.
    pub fn kind(&self) -> &'static str {
        match self {
            Fault::Crash { .. } => "crash",
            Fault::CrashAt { .. } => "crash-at",
            Fault::Drain { .. } => "drain",
            Fault::StandStill { .. } => "stand-still",
            Fault::DirectoryHangs { .. } => "directory-hangs",
            Fault::DirectoryAway { .. } => "directory-away",
            Fault::DirectoryFlaky { .. } => "directory-flaky",
            Fault::DirectoryWiped => "directory-wiped",
            Fault::DirectoryFailsOver => "directory-fails-over",
            Fault::BusAway => "bus-away",
            Fault::BusRefuses { .. } => "bus-refuses",
            Fault::InboxDead { .. } => "inbox-dead",
            Fault::BusLoses { .. } => "bus-loses",
            Fault::BusRepeats { .. } => "bus-repeats",
            Fault::BusDelays { .. } => "bus-delays",
            Fault::StoreAway => "store-away",
            Fault::StoreHangs => "store-hangs",
            Fault::StoreFlaky { .. } => "store-flaky",
            Fault::StoreSlow => "store-slow",
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind())?;
        match self {
            Fault::Crash { node, moves: false }
            | Fault::Drain { node }
            | Fault::StandStill { node }
            | Fault::BusRefuses { node }
            | Fault::InboxDead { node }
            | Fault::DirectoryHangs { node: Some(node) }
            | Fault::DirectoryAway { node: Some(node) } => write!(f, " {}", node_name(*node)),
            Fault::Crash { node, moves: true } => write!(f, " {} to another port", node_name(*node)),
            Fault::CrashAt { node, point } => write!(f, " {} point {point}", node_name(*node)),
            Fault::DirectoryFlaky { percent }
            | Fault::BusLoses { percent }
            | Fault::BusRepeats { percent }
            | Fault::BusDelays { percent }
            | Fault::StoreFlaky { percent } => write!(f, " {percent}%"),
            _ => Ok(()),
        }
    }
}

impl fmt::Display for Planned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:7.1} to {:7.1} s  {}", self.begin.as_secs_f64(), self.end.as_secs_f64(), self.fault)
    }
}

/// The name of a node, by its place.
pub fn node_name(idx: usize) -> String {
    format!("node-{}", idx + 1)
}
