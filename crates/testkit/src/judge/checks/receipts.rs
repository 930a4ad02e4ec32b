//! `receipts_differ`: a send has one place and one name, whoever is asked and however often.

use super::super::case::{Case, SendKey, Stamp};
use super::super::verdict::{Check, Finding};

/// Every receipt, push, page and row of a send says the same place and the same `message_id`.
pub(super) fn receipts_differ(case: &Case<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut arrivals: Vec<(SendKey<'_>, Stamp<'_>)> =
        case.intact_arrivals().map(|arrival| (arrival.key, arrival.stamp)).collect();
    arrivals.sort_unstable();
    arrivals.dedup();
    for (key, send) in &case.sends {
        let rows = case.rows_of.get(key).map_or(&[][..], Vec::as_slice);
        let from = arrivals.partition_point(|(of, _)| of < key);
        let shown = arrivals.get(from..).unwrap_or(&[]).iter().take_while(|(of, _)| of == key);
        let said: Vec<Stamp<'_>> =
            send.receipts.iter().map(|receipt| receipt.stamp).chain(shown.map(|(_, stamp)| *stamp)).collect();
        let Some(first) = rows.first().map(|row| row.stamp).or_else(|| said.first().copied()) else {
            continue;
        };
        // Kept twice, either is right: that is `twice_stored`.
        let is_right = |stamp: &Stamp<'_>| *stamp == first || rows.iter().any(|row| row.stamp == *stamp);
        // Sent to one conversation and told in another: that is `invented`.
        let is_there = |stamp: &Stamp<'_>| stamp.conversation == send.conversation;
        if let Some(other) = said.iter().find(|stamp| is_there(stamp) && !is_right(stamp)) {
            let what = format!(
                "it is {} {} {} and was also called {} {}",
                first.conversation, first.seq, first.message_id, other.seq, other.message_id
            );
            findings.push(case.about_send(Check::ReceiptsDiffer, key.1, what));
        }
    }
    findings
}
