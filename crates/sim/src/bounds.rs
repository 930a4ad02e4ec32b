//! What the judge holds a simulated cluster to.

use std::time::Duration;

use testkit::judge::{Bounds, Least, Patience, Slot};
use wire::policy::DevicePolicy;

use crate::plan::Plan;
use crate::settings::SWEEP_EVERY;

/// A lease, and as much again: until others have seen that a node is gone and have read the store.
const CRASH: Duration = Duration::from_secs(15 + 30);
/// A renewal and a second for the way.
const RENEWAL: Duration = Duration::from_secs(6);

/// The bounds of a plan.
pub fn of(plan: &Plan) -> Bounds {
    let healed = SWEEP_EVERY + CRASH;
    let least = match plan.faults.is_empty() {
        true => Least { receipts: 100, ..Least::default() },
        false => Least { receipts: 100, fault_with_traffic: Duration::from_secs(10), ..Least::default() },
    };
    Bounds {
        slot: match plan.devices {
            DevicePolicy::Single => Slot::User,
            DevicePolicy::PerDevice => Slot::Device,
            DevicePolicy::Many => Slot::Session,
        },
        overlap: Patience::new(RENEWAL, CRASH),
        answer: Patience::new(Duration::from_secs(11), CRASH),
        delivery: Patience::new(Duration::from_secs(5), healed),
        least,
    }
}
