//! `lost`: what was promised is there, and everybody whom it concerns has it.

use std::collections::HashSet;

use super::super::case::{Case, Place, Row, Send};
use super::super::verdict::{Check, Finding};

/// What was receipted or shown is in the store; what is in the store is in the log of every member who caught up.
///
/// So a send without an answer may be kept or not, but if it is kept, it is so for everybody.
pub(super) fn lost(case: &Case<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    // Without a single row the store was not read, which `vacuous` says.
    if !case.rows.is_empty() {
        for (key, send) in &case.sends {
            if !send.tries.is_empty() && send.known_us.is_some() && !case.rows_of.contains_key(key) {
                let seen = if send.receipts.is_empty() { "shown to somebody" } else { "receipted" };
                findings.push(case.about_send(
                    Check::Lost,
                    key.1,
                    format!("it was {seen} and is not in the store"),
                ));
            }
        }
    }
    let held = held(case);
    // What is kept twice is the business of `twice_stored`.
    let once = |row: &&Row<'_>| case.rows_of.get(&row.key).is_some_and(|rows| rows.len() == 1);
    for row in case.rows.iter().filter(once) {
        let Some(send) = case.sends.get(&row.key) else { continue };
        for user in missing(case, row, send, &held) {
            let what = format!(
                "it is kept as {} {} and never reached {user}",
                row.stamp.conversation, row.stamp.seq
            );
            findings.push(case.about_send(Check::Lost, row.key.1, what));
        }
    }
    findings
}

/// What each user has, from whichever session; a corrupted one has come too.
fn held<'a>(case: &Case<'a>) -> HashSet<(&'a str, Place<'a>)> {
    case.arrivals.iter().map(|arrival| (arrival.user, arrival.stamp.place())).collect()
}

/// Members who should have it and do not.
fn missing<'a>(
    case: &Case<'a>,
    row: &Row<'a>,
    send: &Send<'a>,
    held: &HashSet<(&'a str, Place<'a>)>,
) -> Vec<&'a str> {
    let Some(first) = send.tries.first() else { return Vec::new() };
    let mut missing = Vec::new();
    for user in case.members.ever(row.stamp.conversation) {
        // A sender has it from having written it: his position may have moved over it without a receipt.
        let Some(&caught_up_us) = case.caught_up.get(user) else { continue };
        let concerned =
            user != row.key.0 && case.members.surely(row.stamp.conversation, user, first.at_us, caught_up_us);
        if concerned && first.at_us <= caught_up_us && !held.contains(&(user, row.stamp.place())) {
            missing.push(user);
        }
    }
    missing
}
