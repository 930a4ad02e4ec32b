//! `stuck`: everything that begins comes to an end, in time.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use super::super::case::{Case, Place, Row, Send, SendKey, Session};
use super::super::verdict::{Check, Finding};

/// Sends are answered, messages arrive, users come back.
pub(super) fn stuck(case: &Case<'_>) -> Vec<Finding> {
    [unanswered(case), undelivered(case), away(case)].concat()
}

/// Every try is answered in time while its session lives.
///
/// No answer within the client's own patience is none; a session that ends excuses its tries until they are repeated,
/// and one that did not read could not hear an answer.
fn unanswered(case: &Case<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (key, send) in &case.sends {
        let mut answered_until = 0;
        for tried in &send.tries {
            let is_deaf = case.sessions.get(tried.session).is_some_and(|session| session.deaf);
            if tried.at_us < answered_until || is_deaf {
                continue;
            }
            let answer = answer_us(case, send, tried.at_us, tried.session);
            let deadline = case.weather.deadline_us(tried.at_us, &case.bounds.answer);
            if deadline.is_some_and(|deadline| answer.unwrap_or(case.ended_us) > deadline) {
                let waited = Duration::from_micros(answer.unwrap_or(case.ended_us) - tried.at_us);
                let what = format!("attempt {} had no answer for {waited:?}", tried.attempt);
                findings.push(case.about_send(Check::Stuck, key.1, what));
            }
            // Repeats before the answer wait for the same one.
            answered_until = answer.unwrap_or(u64::MAX);
        }
    }
    findings
}

/// When the wait of a try ended: a receipt, a refusal, or the end of its session.
fn answer_us(case: &Case<'_>, send: &Send<'_>, from_us: u64, session: &str) -> Option<u64> {
    let receipts = send.receipts.iter().map(|receipt| receipt.at_us);
    let closed = case.sessions.get(session).and_then(|session| session.closed).map(|(closed, _)| closed);
    let ends = receipts.chain(send.refusals_us.iter().copied()).chain(closed);
    ends.filter(|&end| end >= from_us).min()
}

/// A message reaches every session that was there before it was sent and lives on.
fn undelivered(case: &Case<'_>) -> Vec<Finding> {
    let arrived = arrived(case);
    let mut present = Present::new(case);
    let mut members: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    let mut findings = Vec::new();
    for (first_us, send, row) in owed(case) {
        present.advance_to(first_us);
        let Some(known_us) = send.known_us else { continue };
        let Some(deadline) = case.weather.deadline_us(known_us, &case.bounds.delivery) else { continue };
        if deadline > case.ended_us {
            continue;
        }
        let (conversation, place) = (row.stamp.conversation, row.stamp.place());
        for user in members.entry(conversation).or_insert_with(|| case.members.ever(conversation)).iter() {
            let lasting = present.of(user).iter().filter(|(_, session)| session.lives_at(deadline));
            for (name, _) in lasting.filter(|(name, session)| {
                !sent_by(row.key, send, user, name) && !session.was_told_behind(place)
            }) {
                let came = arrived.get(&(*name, place)).copied();
                let in_time = came.is_some_and(|came_us| came_us <= deadline);
                if !in_time && case.members.surely(conversation, user, first_us, deadline) {
                    let late = came.map_or("never came".to_owned(), |came_us| {
                        format!("came after {:?}", Duration::from_micros(came_us.saturating_sub(known_us)))
                    });
                    let what = format!("it {late} to session {name} of {user}");
                    findings.push(case.about_send(Check::Stuck, row.key.1, what));
                }
            }
        }
    }
    findings
}

/// What is kept, in the order in which it was first sent. What is kept twice is the business of `twice_stored`.
fn owed<'c, 'a>(case: &'c Case<'a>) -> Vec<(u64, &'c Send<'a>, &'c Row<'a>)> {
    let once = case.rows_of.values().filter_map(|rows| match rows.as_slice() {
        [row] => Some(row),
        _ => None,
    });
    let mut owed: Vec<_> = once
        .filter_map(|row| {
            let send = case.sends.get(&row.key)?;
            Some((send.tries.first()?.at_us, send, row))
        })
        .collect();
    owed.sort_by_key(|(first_us, ..)| *first_us);
    owed
}

/// Who is there at a moment that only moves forward.
struct Present<'c, 'a> {
    /// In the order of their openings; a client that did not read is owed nothing.
    waiting: std::iter::Peekable<std::vec::IntoIter<(&'a str, &'c Session<'a>)>>,
    by_user: BTreeMap<&'a str, Vec<(&'a str, &'c Session<'a>)>>,
}

impl<'c, 'a> Present<'c, 'a> {
    fn new(case: &'c Case<'a>) -> Present<'c, 'a> {
        let reading = case.sessions.iter().filter(|(_, session)| !session.deaf);
        let mut waiting: Vec<(&'a str, &'c Session<'a>)> =
            reading.map(|(name, session)| (*name, session)).collect();
        waiting.sort_by_key(|(_, session)| session.opened_us);
        Present { waiting: waiting.into_iter().peekable(), by_user: BTreeMap::new() }
    }

    /// Lets in who was opened before this moment.
    fn advance_to(&mut self, at_us: u64) {
        while let Some((name, session)) = self.waiting.next_if(|(_, session)| session.opened_us < at_us) {
            let sessions = self.by_user.entry(session.user).or_default();
            sessions.retain(|(_, session)| session.lives_at(at_us));
            sessions.push((name, session));
        }
    }

    /// The sessions of a user; some of them may be over.
    fn of(&self, user: &str) -> &[(&'a str, &'c Session<'a>)] {
        self.by_user.get(user).map_or(&[], Vec::as_slice)
    }
}

fn sent_by(key: SendKey<'_>, send: &Send<'_>, user: &str, session: &str) -> bool {
    key.0 == user && send.tries.iter().any(|tried| tried.session == session)
}

/// When each session first saw each place, pushed or fetched.
fn arrived<'a>(case: &Case<'a>) -> HashMap<(&'a str, Place<'a>), u64> {
    let mut arrived = HashMap::new();
    for arrival in &case.arrivals {
        arrived.entry((arrival.session, arrival.stamp.place())).or_insert(arrival.at_us);
    }
    arrived
}

/// Everybody who was ever there has come back and caught up after the last fault.
fn away(case: &Case<'_>) -> Vec<Finding> {
    let users: BTreeSet<&str> = case.sessions.values().map(|session| session.user).collect();
    let is_away =
        |user: &&str| case.caught_up.get(user).is_none_or(|&at_us| at_us < case.weather.calm_since_us());
    let away = users.into_iter().filter(is_away);
    away.map(|user| {
        let of_user = case.sessions.iter().filter(|(_, session)| session.user == user);
        let sessions: Vec<&str> = of_user.map(|(name, _)| *name).collect();
        let what = "this user has not caught up after the last fault".to_owned();
        case.about_sessions(Check::Stuck, user, &sessions, what)
    })
    .collect()
}
