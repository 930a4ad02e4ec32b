//! `vacuous`: a run in which nothing was at stake proves nothing.

use std::collections::BTreeMap;

use super::super::bounds::kind;
use super::super::case::Case;
use super::super::fact::{Entry, Fact};
use super::super::verdict::{Check, Counts, Finding};
use super::super::weather::micros;

/// What should have happened and did not.
pub(super) fn vacuous(case: &Case<'_>, counts: &Counts) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut want = |subject: &str, what: String| {
        findings.push(Case::about_run(Check::Vacuous, subject, what));
    };
    let least = &case.bounds.least;
    let numbers = [
        ("receipts", counts.receipted, least.receipts),
        ("old receipts", counts.old_receipts, least.old_receipts),
        ("messages caught up", counts.caught_up, least.caught_up),
    ];
    for (subject, number, least) in numbers {
        if number < least {
            want(subject, format!("{number}, and at least {least} prove something"));
        }
    }
    if counts.kept == 0 && counts.receipted + counts.pushed > 0 {
        want("rows", "nobody read the store".to_owned());
    }
    for (code, least) in &least.closed {
        let number = counts.closed.get(code).copied().unwrap_or(0);
        if number < *least {
            want(&format!("closes with {code}"), format!("{number} of at least {least}"));
        }
    }
    let said = said(case);
    for (event, least) in &least.said {
        let number = said.get(event.as_str()).copied().unwrap_or(0);
        if number < *least {
            want(event, format!("said {number} times of at least {least}"));
        }
    }
    for (subject, what) in faults(case) {
        want(&subject, what);
    }
    findings
}

fn said<'a>(case: &Case<'a>) -> BTreeMap<&'a str, u64> {
    let mut said = BTreeMap::new();
    for Entry { fact, .. } in case.entries {
        if let Fact::Said { event, amount, .. } = fact {
            *said.entry(event.as_str()).or_insert(0) += amount;
        }
    }
    said
}

/// Faults that are missing, that never ended, during which nobody spoke; and silence after the last one.
fn faults(case: &Case<'_>) -> Vec<(String, String)> {
    let mut wrong = Vec::new();
    let least = &case.bounds.least;
    let mut ended: BTreeMap<&str, u64> = BTreeMap::new();
    let tries: Vec<u64> = {
        let tries = case.sends.values().flat_map(|send| &send.tries).map(|tried| tried.at_us);
        let mut tries: Vec<u64> = tries.collect();
        tries.sort_unstable();
        tries
    };
    let tried_between = |from: u64, to: u64| {
        let next = tries.partition_point(|&at| at < from);
        tries.get(next).is_some_and(|&at| at <= to)
    };
    for spell in &case.weather.faults {
        let Some(ended_us) = spell.ended_us else {
            wrong.push((spell.name.clone(), "it began and never ended".to_owned()));
            continue;
        };
        *ended.entry(kind(&spell.name)).or_insert(0) += 1;
        let is_long = ended_us - spell.began_us >= micros(least.fault_with_traffic);
        if is_long && !tried_between(spell.began_us, ended_us) {
            wrong.push((spell.name.clone(), "nobody sent anything while it lasted".to_owned()));
        }
    }
    for (kind, least) in &least.faults {
        let number = ended.get(kind.as_str()).copied().unwrap_or(0);
        if number < *least {
            wrong.push((kind.clone(), format!("{number} such faults began and ended, of at least {least}")));
        }
    }
    let receipts = case.sends.values().flat_map(|send| &send.receipts).map(|receipt| receipt.at_us);
    let calm_since = case.weather.calm_since_us();
    if !case.weather.faults.is_empty() && !receipts.into_iter().any(|at_us| at_us > calm_since) {
        wrong.push(("probes".to_owned(), "nothing was receipted after the last fault".to_owned()));
    }
    wrong
}
