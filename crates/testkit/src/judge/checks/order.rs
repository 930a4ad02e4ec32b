//! `out_of_order`, `holes`: everybody sees 1, 2, 3.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use super::super::case::{Arrival, Case, Place, Send, SendKey};
use super::super::verdict::{Check, Finding};

/// What one session was pushed of one conversation, in the order in which it came, each place once.
fn pushed<'c, 'a>(case: &'c Case<'a>) -> BTreeMap<(&'a str, &'a str), Vec<&'c Arrival<'a>>> {
    let mut logs: BTreeMap<(&'a str, &'a str), Vec<&'c Arrival<'a>>> = BTreeMap::new();
    let mut seen: HashSet<(&str, Place<'_>)> = HashSet::new();
    for arrival in case.arrivals.iter().filter(|arrival| !arrival.fetched) {
        if seen.insert((arrival.session, arrival.stamp.place())) {
            logs.entry((arrival.session, arrival.stamp.conversation)).or_default().push(arrival);
        }
    }
    logs
}

/// Within a session the numbers of a conversation ascend, and one sender's messages stand as they were sent.
pub(super) fn out_of_order(case: &Case<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for log in pushed(case).values() {
        for pair in log.windows(2) {
            let [one, next] = pair else { continue };
            if next.stamp.seq < one.stamp.seq && !was_set_back(case, one, next) {
                let what = format!(
                    "session {} of {} was pushed {} after {}",
                    next.session, next.user, next.stamp.seq, one.stamp.seq
                );
                findings.push(case.about_place(
                    Check::OutOfOrder,
                    Some(next.session),
                    next.stamp.place(),
                    what,
                ));
            }
        }
    }
    findings.extend(senders_out_of_order(case));
    findings
}

/// True when between the two the session was told that its log begins anew below.
fn was_set_back(case: &Case<'_>, one: &Arrival<'_>, next: &Arrival<'_>) -> bool {
    let gaps = case.sessions.get(one.session).map_or(&[][..], |session| session.behind.as_slice());
    gaps.iter().any(|gap| {
        gap.conversation == one.stamp.conversation
            && (one.at_us..=next.at_us).contains(&gap.at_us)
            && gap.head < next.stamp.seq
    })
}

/// What one sender sent to one conversation, and the place of each.
type Stream<'c, 'a> = Vec<(SendKey<'a>, &'c Send<'a>, u64)>;

/// A sender's messages in one conversation, where it is certain in which order they had to be taken.
fn senders_out_of_order(case: &Case<'_>) -> Vec<Finding> {
    let mut streams: BTreeMap<(&str, &str), Stream<'_, '_>> = BTreeMap::new();
    for (key, rows) in &case.rows_of {
        let ([row], Some(send)) = (rows.as_slice(), case.sends.get(key)) else { continue };
        if !send.tries.is_empty() && row.stamp.conversation == send.conversation {
            streams.entry((key.0, send.conversation)).or_default().push((*key, send, row.stamp.seq));
        }
    }
    streams.into_values().flat_map(|stream| misplaced(case, stream)).collect()
}

/// What stands before something that had to be taken earlier.
fn misplaced<'a>(case: &Case<'a>, mut stream: Stream<'_, 'a>) -> Vec<Finding> {
    stream.sort_by_key(|(_, send, _)| send.tries.first().map(|first| first.at_us));
    let receipts = stream
        .iter()
        .filter_map(|(key, send, seq)| send.receipts.first().map(|receipt| (receipt.at_us, *seq, key.1)));
    let mut receipts: Vec<(u64, u64, &str)> = receipts.collect();
    receipts.sort_unstable();
    let mut receipts = receipts.into_iter().peekable();
    // The highest place so far of what was receipted, and of what went unrepeated through one session.
    let mut receipted: Option<(u64, &str)> = None;
    let mut went: BTreeMap<&str, (u64, &str)> = BTreeMap::new();
    let mut findings = Vec::new();
    for (key, send, seq) in &stream {
        let Some(first) = send.tries.first() else { continue };
        while let Some((_, seq, id)) = receipts.next_if(|(at_us, ..)| *at_us <= first.at_us) {
            receipted = receipted.max(Some((seq, id)));
        }
        let went_once = send.tries.len() == 1 && send.refusals_us.is_empty();
        let before = went_once.then(|| went.get(first.session)).flatten().copied();
        if let Some((other_seq, other)) = before.max(receipted)
            && other_seq > *seq
        {
            let what =
                format!("{} was sent after {other} and is kept as {seq}, before it ({other_seq})", key.1);
            findings.push(case.about_place(Check::OutOfOrder, None, (send.conversation, *seq), what));
        }
        if went_once {
            let highest = went.entry(first.session).or_insert((*seq, key.1));
            *highest = (*highest).max((*seq, key.1));
        }
    }
    findings
}

/// The store counts 1, 2, 3, and a session that was pushed a message was pushed all between it and the one before.
pub(super) fn holes(case: &Case<'_>) -> Vec<Finding> {
    let mut findings = store_holes(case);
    let rows: BTreeMap<Place<'_>, SendKey<'_>> =
        case.rows.iter().map(|row| (row.stamp.place(), row.key)).collect();
    for log in pushed(case).values() {
        let all: BTreeSet<u64> = log.iter().map(|arrival| arrival.stamp.seq).collect();
        let mut highest: Option<u64> = None;
        for next in log {
            let from = highest.map_or(next.stamp.seq, |highest| highest + 1);
            // What came later after all is `out_of_order`.
            for seq in (from..next.stamp.seq).filter(|seq| !all.contains(seq)) {
                let place = (next.stamp.conversation, seq);
                if rows.get(&place).is_some_and(|key| !is_excused(case, next, place, *key)) {
                    let what = format!(
                        "session {} of {} was pushed {} and never {seq}",
                        next.session, next.user, next.stamp.seq
                    );
                    findings.push(case.about_place(Check::Holes, Some(next.session), place, what));
                }
            }
            highest = highest.max(Some(next.stamp.seq));
        }
    }
    findings
}

/// A session is not pushed its own messages, what it was told to fetch, and what was said while its user was perhaps no member.
fn is_excused(case: &Case<'_>, next: &Arrival<'_>, place: Place<'_>, key: SendKey<'_>) -> bool {
    let Some(send) = case.sends.get(&key) else { return true };
    let is_own = key.0 == next.user && send.tries.iter().any(|tried| tried.session == next.session);
    let was_told = case.sessions.get(next.session).is_some_and(|session| session.was_told_behind(place));
    let was_member = send
        .tries
        .first()
        .is_some_and(|first| case.members.surely(place.0, next.user, first.at_us, next.at_us));
    is_own || was_told || !was_member
}

fn store_holes(case: &Case<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut last: Option<Place<'_>> = None;
    for row in &case.rows {
        let (conversation, seq) = row.stamp.place();
        let expected = match last {
            Some((of, last)) if of == conversation => last + 1,
            _ => 1,
        };
        if seq > expected {
            let what = format!("the store has {seq} and not {expected}");
            findings.push(case.about_place(Check::Holes, None, (conversation, expected), what));
        }
        last = Some((conversation, seq));
    }
    findings
}
