//! What a cluster with these settings is held to, and how much must have happened under this schedule.

use std::collections::BTreeMap;
use std::time::Duration;

use testkit::judge::{Bounds, Least, Patience, Slot};

use crate::fault::Fault;
use crate::schedule::Schedule;
use crate::settings::Settings;

/// What a debug build on two cores adds to anything, beside a Java broker and a test that reads along.
const BUSY: Duration = Duration::from_secs(3);
/// After the end of an outage until what was held up has been told: the longest back-off of a seam, and its catch-up.
const HEALING: Duration = Duration::from_secs(10);
/// A sender's node that dies may have committed what it never posted: the others sweep within this time after its lease.
const SWEEP_AFTER_CRASH: Duration = Duration::from_secs(30);
/// A fault shorter than this need not have seen somebody send.
const FAULT_WITH_TRAFFIC: Duration = Duration::from_secs(2);
/// The close of a session whose slot another login took.
const REPLACED: u16 = 4500;
/// The close of a session whose node drains.
const DRAINING: u16 = 1001;

/// The bounds of a run.
pub(crate) fn of(settings: &Settings, schedule: &Schedule) -> Bounds {
    let renewal = settings.renew + BUSY;
    let crash = settings.lease + SWEEP_AFTER_CRASH;
    let healed = settings.lease + HEALING;
    Bounds {
        slot: Slot::Device,
        overlap: Patience::new(renewal, healed),
        answer: Patience::new(Duration::from_secs(10), healed),
        delivery: Patience::new(Duration::from_secs(5) + BUSY, healed)
            .after("kill", crash)
            .after("pause", crash),
        least: least(schedule),
    }
}

fn least(schedule: &Schedule) -> Least {
    let mut faults = BTreeMap::new();
    let all = || schedule.big.iter().chain(&schedule.small).map(|planned| planned.fault);
    for fault in all() {
        let name = fault.to_string();
        let kind = name.split(' ').next().unwrap_or_default();
        *faults.entry(kind.to_owned()).or_insert(0) += 1;
    }
    let mut closed = BTreeMap::from([(REPLACED, 1)]);
    if all().any(|fault| matches!(fault, Fault::DrainNode(_))) {
        closed.insert(DRAINING, 1);
    }
    Least {
        receipts: 1000,
        old_receipts: 1,
        caught_up: 1,
        closed,
        said: BTreeMap::from([("caught_up".to_owned(), 1), ("sessions_displaced".to_owned(), 1)]),
        faults,
        fault_with_traffic: FAULT_WITH_TRAFFIC,
    }
}
