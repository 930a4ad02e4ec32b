//! `twice_stored`, `twice_pushed`: once is once.

use std::collections::{BTreeMap, HashSet};

use super::super::case::{Case, Place};
use super::super::verdict::{Check, Finding};

/// One row for each send, one send at each place.
pub(super) fn twice_stored(case: &Case<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for ((_, id), rows) in case.rows_of.iter().filter(|(_, rows)| rows.len() > 1) {
        let places: Vec<String> =
            rows.iter().map(|row| format!("{} {}", row.stamp.conversation, row.stamp.seq)).collect();
        findings.push(case.about_send(
            Check::TwiceStored,
            id,
            format!("it is kept as {}", places.join(" and as ")),
        ));
    }
    for pair in case.rows.windows(2) {
        let [one, other] = pair else { continue };
        if one.stamp.place() == other.stamp.place() && one.key != other.key {
            let what = format!("{} and {} are kept in one place", one.key.1, other.key.1);
            findings.push(case.about_place(Check::TwiceStored, None, one.stamp.place(), what));
        }
    }
    findings
}

/// No session is pushed a message twice, nor one of its own after it was told that it is kept.
pub(super) fn twice_pushed(case: &Case<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut seen: HashSet<(&str, Place<'_>)> = HashSet::new();
    let own = own_receipts(case);
    for arrival in case.intact_arrivals().filter(|arrival| !arrival.fetched) {
        let place = arrival.stamp.place();
        if is_behind_zero(case, arrival.session, place) {
            continue;
        }
        if !seen.insert((arrival.session, place)) {
            let what = format!("session {} of {} was pushed it twice", arrival.session, arrival.user);
            findings.push(case.about_send(Check::TwicePushed, arrival.key.1, what));
        } else if own
            .get(&(arrival.session, place))
            .is_some_and(|&arrivals_before| arrivals_before <= arrival.number)
        {
            let what =
                format!("session {} sent it, was told that it is kept, and was pushed it", arrival.session);
            findings.push(case.about_send(Check::TwicePushed, arrival.key.1, what));
        }
    }
    findings
}

/// What a session sent, once, and how many messages had reached clients when it heard that it is kept.
///
/// Shortly before that it may have been pushed it: a page of the store that was read just then has it already.
///
/// A repeated send is left out: between `welcome` and `ready` the repeat may be answered before the gap is pushed that holds it.
fn own_receipts<'a>(case: &Case<'a>) -> BTreeMap<(&'a str, Place<'a>), usize> {
    let once = case.sends.values().filter(|send| send.tries.len() == 1);
    let receipts = once.flat_map(|send| &send.receipts);
    receipts.map(|receipt| ((receipt.session, receipt.stamp.place()), receipt.arrivals_before)).collect()
}

/// True when the session was told to forget what it holds of the conversation: then it may be pushed anything again.
fn is_behind_zero(case: &Case<'_>, session: &str, (conversation, _): Place<'_>) -> bool {
    let session = case.sessions.get(session);
    session.is_some_and(|session| {
        session.behind.iter().any(|gap| gap.conversation == conversation && gap.after == 0)
    })
}
