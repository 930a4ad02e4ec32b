//! From facts to a verdict.

use std::collections::BTreeMap;

use super::bounds::Bounds;
use super::case::Case;
use super::checks;
use super::fact::{Entry, Fact, Phase};
use super::facts::Facts;
use super::verdict::{Counts, Verdict};

/// Judges a run. The same facts and bounds always give the same verdict.
pub fn judge(facts: &Facts, bounds: &Bounds) -> Verdict {
    // An hour of chaos is millions of facts: they are not copied.
    facts.with_entries(|entries| {
        let case = Case::of(entries, bounds);
        let counts = count(&case);
        let mut findings = checks::all(&case, &counts);
        findings.sort_by_key(|finding| (finding.check, finding.evidence.first().map(|entry| entry.at_us)));
        Verdict { counts, findings, replay: None }
    })
}

fn count(case: &Case<'_>) -> Counts {
    let mut counts = Counts {
        kept: case.rows.len() as u64,
        sessions: case.sessions.len() as u64,
        closed: BTreeMap::new(),
        caught_up: caught_up(case),
        ..Counts::default()
    };
    for send in case.sends.values().filter(|send| !send.tries.is_empty()) {
        counts.tried += 1;
        match (send.receipts.is_empty(), send.refusals_us.is_empty()) {
            (false, _) => counts.receipted += 1,
            (true, false) => counts.refused += 1,
            (true, true) => counts.unknown += 1,
        }
        for tried in send.tries.iter().filter(|tried| tried.attempt > 1) {
            counts.retried += 1;
            let was_there = send.known_us.is_some_and(|known_us| known_us <= tried.at_us);
            let is_answered = send.receipts.iter().any(|receipt| receipt.at_us >= tried.at_us);
            counts.old_receipts += u64::from(was_there && is_answered);
        }
    }
    for (_, code) in case.sessions.values().filter_map(|session| session.closed) {
        *counts.closed.entry(code).or_insert(0) += 1;
    }
    for Entry { fact, .. } in case.entries {
        match fact {
            Fact::Push { .. } => counts.pushed += 1,
            Fact::Fault { phase: Phase::Begin, .. } => counts.faults_begun += 1,
            Fact::Fault { phase: Phase::End, .. } => counts.faults_ended += 1,
            _ => {}
        }
    }
    counts
}

/// Messages pushed to a session that resumed and was opened after they were there.
fn caught_up(case: &Case<'_>) -> u64 {
    let late = case.intact_arrivals().filter(|arrival| {
        let resumed = case.sessions.get(arrival.session).filter(|session| session.resumed);
        let known_us = case.sends.get(&arrival.key).and_then(|send| send.known_us);
        let was_there = resumed.zip(known_us).is_some_and(|(session, known_us)| known_us < session.opened_us);
        !arrival.fetched && was_there
    });
    late.count() as u64
}
