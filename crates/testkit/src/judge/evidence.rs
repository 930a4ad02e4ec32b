//! Findings and their facts: which of all facts a reader wants to see for one thing that is wrong.

use std::collections::{BTreeMap, BTreeSet};

use super::case::{Case, Place};
use super::fact::{Entry, Fact};
use super::verdict::{Check, Finding};

/// Where facts stand in the log, by what they are about.
pub(super) struct Evidence<'a> {
    entries: &'a [Entry],
    by_id: BTreeMap<&'a str, Vec<usize>>,
    by_place: BTreeMap<Place<'a>, Vec<usize>>,
    /// Lives of sessions, arrivals, gaps, faults: what is rare.
    landmarks: Vec<usize>,
}

/// How many places before and after the one in question are shown.
const NEIGHBOURS: u64 = 2;

impl<'a> Evidence<'a> {
    pub(crate) fn of(entries: &'a [Entry]) -> Evidence<'a> {
        let mut evidence =
            Evidence { entries, by_id: BTreeMap::new(), by_place: BTreeMap::new(), landmarks: Vec::new() };
        for (at, entry) in entries.iter().enumerate() {
            let (id, place) = match &entry.fact {
                Fact::Try { id, .. } | Fact::Refused { id, .. } | Fact::Unknown { id, .. } => (id, None),
                Fact::Receipt { id, conversation, seq, .. }
                | Fact::Push { id, conversation, seq, .. }
                | Fact::Fetched { id, conversation, seq, .. }
                | Fact::Kept { id, conversation, seq, .. } => (id, Some((conversation.as_str(), *seq))),
                Fact::Read { .. } | Fact::Said { .. } => continue,
                _ => {
                    evidence.landmarks.push(at);
                    continue;
                }
            };
            evidence.by_id.entry(id).or_default().push(at);
            if let Some(place) = place {
                evidence.by_place.entry(place).or_default().push(at);
            }
        }
        evidence
    }

    fn gather(&self, indices: impl IntoIterator<Item = usize>, wanted: impl Fn(&Fact) -> bool) -> Vec<Entry> {
        let indices: BTreeSet<usize> = indices.into_iter().collect();
        let entries = indices.into_iter().filter_map(|at| self.entries.get(at));
        entries.filter(|entry| wanted(&entry.fact)).cloned().collect()
    }
}

impl Case<'_> {
    /// A finding about a send: every fact that names the id.
    pub(crate) fn about_send(&self, check: Check, id: &str, what: String) -> Finding {
        let of_id = self.evidence.by_id.get(id).into_iter().flatten().copied();
        Finding { check, subject: id.to_owned(), what, evidence: self.evidence.gather(of_id, |_| true) }
    }

    /// A finding about a place in a conversation: what one session, or everybody, was shown there and around, and the rows.
    pub(crate) fn about_place(
        &self,
        check: Check,
        session: Option<&str>,
        place: Place<'_>,
        what: String,
    ) -> Finding {
        let (conversation, seq) = place;
        let near = seq.saturating_sub(NEIGHBOURS)..=seq.saturating_add(NEIGHBOURS);
        let around = near.filter_map(|seq| self.evidence.by_place.get(&(conversation, seq))).flatten();
        let is_in = |name: &str| session.is_none_or(|only| only == name);
        let wanted = |fact: &Fact| match fact {
            Fact::Push { session, .. } | Fact::Fetched { session, .. } | Fact::Receipt { session, .. } => {
                is_in(session)
            }
            Fact::Behind { session, conversation: of, .. } => of == conversation && is_in(session),
            Fact::Opened { session: name, .. } | Fact::Closed { session: name, .. } => session == Some(name),
            Fact::Kept { .. } => true,
            _ => false,
        };
        let indices = around.chain(&self.evidence.landmarks).copied();
        let evidence = self.evidence.gather(indices, wanted);
        Finding { check, subject: format!("{conversation} {seq}"), what, evidence }
    }

    /// A finding about sessions of a user: their lives, and what was broken meanwhile.
    pub(crate) fn about_sessions(
        &self,
        check: Check,
        user: &str,
        sessions: &[&str],
        what: String,
    ) -> Finding {
        let wanted = |fact: &Fact| match fact {
            Fact::Opened { session, .. } | Fact::Closed { session, .. } => {
                sessions.contains(&session.as_str())
            }
            Fact::Arriving { user: of, .. } | Fact::InVain { user: of, .. } | Fact::CaughtUp { user: of } => {
                of == user
            }
            Fact::Fault { .. } => true,
            _ => false,
        };
        let evidence = self.evidence.gather(self.evidence.landmarks.iter().copied(), wanted);
        Finding { check, subject: user.to_owned(), what, evidence }
    }

    /// A finding about the whole run.
    pub(crate) fn about_run(check: Check, subject: &str, what: String) -> Finding {
        Finding { check, subject: subject.to_owned(), what, evidence: Vec::new() }
    }
}
