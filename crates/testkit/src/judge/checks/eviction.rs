//! `wrongly_evicted`: who is told "another login took your place" can name the login.

use std::collections::BTreeMap;

use super::super::case::{Case, Session};
use super::super::fact::{Entry, Fact};
use super::super::verdict::{Check, EVICTED, Finding};
use super::super::weather::micros;
use super::sessions::{by_slot, slot};

/// What is known of the logins to one slot.
#[derive(Default)]
struct Logins {
    /// When somebody set out.
    arrivals: Vec<u64>,
    /// From when to when somebody has waited, and heard no `welcome`.
    in_vain: Vec<(u64, u64)>,
}

/// Every session that ended with 4500 had another login of its slot come after it, or beside it and outlive it.
pub(super) fn wrongly_evicted(case: &Case<'_>) -> Vec<Finding> {
    let (all, none) = (logins(case), Logins::default());
    let mut findings = Vec::new();
    for (slot, sessions) in by_slot(case) {
        let logins = all.get(&slot).unwrap_or(&none);
        for (name, session) in &sessions {
            let Some((closed_us, EVICTED)) = session.closed else { continue };
            let mut others = sessions.iter().filter(|(other, _)| other != name).map(|(_, other)| *other);
            let set_out_us = logins.arrivals.iter().rfind(|&&at_us| at_us <= session.opened_us).copied();
            let set_out_us = set_out_us.unwrap_or(session.opened_us);
            let lately_us = session.opened_us.saturating_sub(micros(case.bounds.answer.within));
            let replaced = others.any(|other| took_its_place(session, set_out_us, closed_us, other));
            let unseen = || logins.perhaps_unseen(lately_us.min(set_out_us), closed_us, &sessions);
            if !replaced && !unseen() && !logins.has_one_waited(set_out_us, closed_us, &sessions) {
                let what =
                    format!("session {name} was told that it is replaced, and no other login took its place");
                findings.push(case.about_sessions(Check::WronglyEvicted, session.user, &[name], what));
            }
        }
    }
    findings
}

/// The other came later, or while this one was on its way, or lived beside this one and lives on:
/// of logins that race, the order seen from outside need not be the one that counts.
fn took_its_place(session: &Session<'_>, set_out_us: u64, closed_us: u64, other: &Session<'_>) -> bool {
    let outlives = other.closed.is_none_or(|(other_us, _)| other_us > closed_us);
    let beside = other.lives_at(session.opened_us);
    let since_it_set_out = other.opened_us >= set_out_us && other.opened_us <= closed_us;
    since_it_set_out || (beside && outlives)
}

impl Logins {
    /// A login may have taken the place and vanished before anybody heard a `welcome`.
    ///
    /// That shows by more arrivals than sessions since some moment: that of an arrival since shortly before this one was opened, or since it set out.
    /// So does one whose `welcome` is still to come. One moment is not enough: at any of them a session may open that set out before it.
    fn perhaps_unseen(&self, lately_us: u64, closed_us: u64, sessions: &[(&str, &Session<'_>)]) -> bool {
        let mut lately = self.arrivals.iter().filter(|at_us| (lately_us..=closed_us).contains(at_us));
        lately.any(|&since_us| {
            let span = since_us..=closed_us;
            let arrived = self.arrivals.iter().filter(|at_us| span.contains(at_us)).count();
            // Of logins that race, the one that wins may hear its welcome only after this one has heard that it lost.
            let opened = sessions.iter().filter(|(_, other)| span.contains(&other.opened_us)).count();
            arrived > opened
        })
    }

    /// Where a node stands still, a login can take long: one whose client has waited meanwhile, or still does, may have been carried out.
    fn has_one_waited(&self, set_out_us: u64, closed_us: u64, sessions: &[(&str, &Session<'_>)]) -> bool {
        let in_vain = self.in_vain.iter().any(|(since, until)| *since <= closed_us && *until >= set_out_us);
        let arrived = self.arrivals.iter().filter(|at_us| **at_us <= closed_us).count();
        let opened = sessions.iter().filter(|(_, other)| other.opened_us <= closed_us).count();
        let gave_up = self.in_vain.iter().filter(|(_, until)| *until <= closed_us).count();
        in_vain || arrived > opened + gave_up
    }
}

/// The logins to each slot.
fn logins<'a>(case: &Case<'a>) -> BTreeMap<(&'a str, &'a str), Logins> {
    let mut logins: BTreeMap<(&'a str, &'a str), Logins> = BTreeMap::new();
    for Entry { at_us, fact } in case.entries {
        let (Fact::Arriving { user, device } | Fact::InVain { user, device, .. }) = fact else { continue };
        let Some(slot) = slot(case, user, device) else { continue };
        let logins = logins.entry(slot).or_default();
        match fact {
            Fact::InVain { waited_ms, .. } => {
                logins.in_vain.push((at_us.saturating_sub(waited_ms * 1_000), *at_us));
            }
            _ => logins.arrivals.push(*at_us),
        }
    }
    logins
}
