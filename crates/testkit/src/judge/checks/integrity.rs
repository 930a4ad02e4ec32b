//! `invented`, `corrupted`, `leaked`: what came is what was sent, where it was sent, to whom it concerned.

use super::super::case::Case;
use super::super::verdict::{Check, Finding};

/// Everything that came, was receipted or is kept was tried before, in that conversation.
pub(super) fn invented(case: &Case<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut hold = |who: &str, id: &str, conversation: &str, sent: Option<(&str, u64)>, at_us: u64| {
        let what = match sent {
            None => format!("{who}, and nobody sent it"),
            Some((_, tried_us)) if tried_us > at_us => format!("{who}, and it was sent only later"),
            Some((to, _)) if to != conversation => {
                format!("{who} in {conversation}, and it was sent to {to}")
            }
            Some(_) => return,
        };
        findings.push(case.about_send(Check::Invented, id, what));
    };
    for arrival in case.intact_arrivals() {
        let who = format!("it reached {} as {}", arrival.user, arrival.stamp.seq);
        hold(&who, arrival.key.1, arrival.stamp.conversation, tried(case, arrival.key), arrival.at_us);
    }
    for (key, send) in &case.sends {
        for receipt in &send.receipts {
            hold("it was receipted", key.1, receipt.stamp.conversation, tried(case, *key), receipt.at_us);
        }
    }
    for row in &case.rows {
        hold("it is in the store", row.key.1, row.stamp.conversation, tried(case, row.key), u64::MAX);
    }
    findings
}

/// Where and when it was sent first.
fn tried<'a>(case: &Case<'a>, key: (&'a str, &'a str)) -> Option<(&'a str, u64)> {
    let send = case.sends.get(&key)?;
    send.tries.first().map(|first| (send.conversation, first.at_us))
}

/// Every content's sum is right.
pub(super) fn corrupted(case: &Case<'_>) -> Vec<Finding> {
    let wrong = case.arrivals.iter().filter(|arrival| !arrival.intact);
    wrong
        .map(|arrival| {
            let what = format!("what came to {} is not what was sent", arrival.user);
            case.about_place(Check::Corrupted, Some(arrival.session), arrival.stamp.place(), what)
        })
        .collect()
}

/// Whoever was shown a message may have been a member while it was written.
pub(super) fn leaked(case: &Case<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for arrival in case.intact_arrivals() {
        let Some(send) = case.sends.get(&arrival.key) else { continue };
        let (Some(first), Some(known_us)) = (send.tries.first(), send.known_us) else { continue };
        // In another conversation than it was sent to: that is `invented`.
        let there = send.conversation == arrival.stamp.conversation;
        if there && !case.members.perhaps(send.conversation, arrival.user, first.at_us, known_us) {
            let what =
                format!("it reached {}, who was no member of {} then", arrival.user, send.conversation);
            findings.push(case.about_send(Check::Leaked, arrival.key.1, what));
        }
    }
    findings
}
