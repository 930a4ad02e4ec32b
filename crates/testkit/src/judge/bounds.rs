//! What a cluster is held to: how long things may take, and how much must have happened for the run to prove anything.

use std::collections::BTreeMap;
use std::time::Duration;

/// The times and counts of one kind of run.
#[derive(Debug, Clone)]
pub struct Bounds {
    /// What only one session of a user may hold (`ws.devices`).
    pub slot: Slot,
    /// How long two sessions may hold one slot.
    pub overlap: Patience,
    /// How long a send may go without a receipt or an error while its session lives.
    pub answer: Patience,
    /// How long a message may take to a live session that it concerns.
    pub delivery: Patience,
    /// What must have happened.
    pub least: Least,
}

/// What only one session of a user may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Slot {
    /// The whole user.
    User,
    /// A device.
    Device,
    /// Itself: any number of sessions may live side by side.
    Session,
}

/// How long something may take, and how much longer while something is broken.
#[derive(Debug, Clone)]
pub struct Patience {
    /// With no fault about.
    pub within: Duration,
    /// After the end of a fault, by its kind: the first word of its name.
    pub after: BTreeMap<String, Duration>,
    /// After the end of a fault of any other kind.
    pub after_any: Duration,
}

/// How much must have happened at least: a run in which nothing was at stake proves nothing.
#[derive(Debug, Clone, Default)]
pub struct Least {
    /// Messages with a receipt.
    pub receipts: u64,
    /// Sends repeated after their message was there, which got the first receipt again.
    pub old_receipts: u64,
    /// Messages pushed to a session that resumed and was opened after they were there.
    pub caught_up: u64,
    /// Sessions closed, by the code of the close.
    pub closed: BTreeMap<u16, u64>,
    /// What nodes said of themselves, by event.
    pub said: BTreeMap<String, u64>,
    /// Faults that began and ended, by kind.
    pub faults: BTreeMap<String, u64>,
    /// A fault that lasts so long must have seen somebody send.
    pub fault_with_traffic: Duration,
}

impl Patience {
    /// The same patience after a fault of whatever kind.
    pub fn new(within: Duration, after_any: Duration) -> Patience {
        Patience { within, after: BTreeMap::new(), after_any }
    }

    /// Another patience after faults of one kind.
    #[must_use]
    pub fn after(mut self, kind: &str, longer: Duration) -> Patience {
        self.after.insert(kind.to_owned(), longer);
        self
    }

    /// How long after the end of a fault of this name things may still be slow.
    pub(super) fn after_fault(&self, name: &str) -> Duration {
        let kind = kind(name);
        self.after.get(kind).copied().unwrap_or(self.after_any)
    }
}

impl Default for Bounds {
    /// What the pages promise with the settings as they come.
    fn default() -> Bounds {
        /// A lease, and the sweep after a boot has vanished.
        const CRASH: Duration = Duration::from_secs(15 + 30);
        /// A renewal brings what an envelope did not; a second for the way.
        const RENEWAL: Duration = Duration::from_secs(5 + 1);
        /// The sweep of each session, and as much again for a cluster that has just healed.
        const SWEEP: Duration = Duration::from_secs(2 * 5 * 60);
        Bounds {
            slot: Slot::Device,
            overlap: Patience::new(RENEWAL, CRASH),
            answer: Patience::new(Duration::from_secs(10), CRASH),
            delivery: Patience::new(Duration::from_secs(5), SWEEP),
            least: Least { receipts: 1, fault_with_traffic: Duration::from_secs(1), ..Least::default() },
        }
    }
}

/// The kind of a fault: the first word of its name.
pub(super) fn kind(name: &str) -> &str {
    name.split(' ').next().unwrap_or(name)
}
