//! `two_sessions`: one slot, one session, but for as long as word needs to get around.

use std::collections::BTreeMap;
use std::time::Duration;

use super::super::bounds::Slot;
use super::super::case::{Case, Session};
use super::super::verdict::{Check, Finding};

/// No two sessions held a slot at once for longer than may be.
///
/// A client that did not read could not hear that it had lost; its sessions are left out.
pub(super) fn two_sessions(case: &Case<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for sessions in by_slot(case).values() {
        for (at, (newer, later)) in sessions.iter().enumerate() {
            let at_once = sessions.iter().take(at).filter(|(_, earlier)| earlier.lives_at(later.opened_us));
            for (older, earlier) in at_once.filter(|(_, earlier)| !earlier.deaf && !later.deaf) {
                let end = |session: &Session<'_>| session.closed.map_or(case.ended_us, |(closed, _)| closed);
                let until = end(earlier).min(end(later));
                let deadline = case.weather.deadline_us(later.opened_us, &case.bounds.overlap);
                if deadline.is_some_and(|deadline| until > deadline) {
                    let held = Duration::from_micros(until - later.opened_us);
                    let what = format!("{older} and {newer} held one slot for {held:?}");
                    findings.push(case.about_sessions(Check::TwoSessions, later.user, &[older, newer], what));
                }
            }
        }
    }
    findings
}

/// The sessions of each slot in the order of their logins.
pub(super) fn by_slot<'c, 'a>(
    case: &'c Case<'a>,
) -> BTreeMap<(&'a str, &'a str), Vec<(&'a str, &'c Session<'a>)>> {
    let mut slots: BTreeMap<(&'a str, &'a str), Vec<(&'a str, &'c Session<'a>)>> = BTreeMap::new();
    for (name, session) in &case.sessions {
        let Some(slot) = slot(case, session.user, session.device) else { continue };
        slots.entry(slot).or_default().push((name, session));
    }
    for sessions in slots.values_mut() {
        sessions.sort_by_key(|(_, session)| session.opened_us);
    }
    slots
}

/// The slot of a login; `None` where each session is its own.
pub(super) fn slot<'a>(case: &Case<'_>, user: &'a str, device: &'a str) -> Option<(&'a str, &'a str)> {
    match case.bounds.slot {
        Slot::User => Some((user, "")),
        Slot::Device => Some((user, device)),
        Slot::Session => None,
    }
}
