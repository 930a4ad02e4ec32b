//! Finds a smaller plan that fails as a given one does: faults are left out one after the other while the same check still finds something.

use std::collections::BTreeSet;

use testkit::judge::Check;

use crate::plan::Plan;
use crate::run::{Outcome, run};

/// The places, in the seed's own schedule, of the faults that are needed; and what came of the run with these alone.
pub fn shrink(plan: &Plan, failed: &Outcome) -> (Vec<usize>, Option<Outcome>) {
    let mut needed: Vec<usize> = (0..plan.faults.len()).collect();
    let wanted = failed.verdict.caught_by();
    let mut smallest = None;
    for fault in (0..plan.faults.len()).rev() {
        let without: Vec<usize> = needed.iter().copied().filter(|other| *other != fault).collect();
        let outcome = run(&plan.only(&without), None);
        if fails_alike(&outcome, &wanted, failed) {
            needed = without;
            smallest = Some(outcome);
        }
    }
    (needed, smallest)
}

fn fails_alike(outcome: &Outcome, wanted: &BTreeSet<Check>, failed: &Outcome) -> bool {
    match wanted.first() {
        Some(check) => outcome.verdict.caught_by().contains(check),
        None => outcome.defects.is_empty() == failed.defects.is_empty() && !outcome.is_good(),
    }
}
