//! What the judge asks, a file a question.
//!
//! Each takes the whole case and gives what is wrong, the earliest first.
//! A question leaves to another one what that one is for, so that one fault trips one check wherever that can be.

mod conservation;
mod eviction;
mod integrity;
mod liveness;
mod order;
mod receipts;
mod sessions;
mod uniqueness;
mod vacuity;

use super::case::Case;
use super::verdict::{Counts, Finding};

/// Asks everything.
pub(super) fn all(case: &Case<'_>, counts: &Counts) -> Vec<Finding> {
    let mut findings = Vec::new();
    findings.extend(conservation::lost(case));
    findings.extend(integrity::invented(case));
    findings.extend(integrity::corrupted(case));
    findings.extend(integrity::leaked(case));
    findings.extend(uniqueness::twice_stored(case));
    findings.extend(uniqueness::twice_pushed(case));
    findings.extend(order::out_of_order(case));
    findings.extend(order::holes(case));
    findings.extend(receipts::receipts_differ(case));
    findings.extend(sessions::two_sessions(case));
    findings.extend(eviction::wrongly_evicted(case));
    findings.extend(liveness::stuck(case));
    findings.extend(vacuity::vacuous(case, counts));
    findings
}
