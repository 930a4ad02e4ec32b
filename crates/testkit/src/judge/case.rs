//! The facts of a run in the orders in which the checks want them.

use std::collections::BTreeMap;

use super::bounds::Bounds;
use super::evidence::Evidence;
use super::fact::{Entry, Fact};
use super::members::Members;
use super::weather::Weather;

/// A send by who sent it and under which id.
pub(super) type SendKey<'a> = (&'a str, &'a str);
/// A place in a conversation.
pub(super) type Place<'a> = (&'a str, u64);

/// All that is known of a run.
pub(super) struct Case<'a> {
    pub bounds: &'a Bounds,
    pub entries: &'a [Entry],
    pub sends: BTreeMap<SendKey<'a>, Send<'a>>,
    /// Every row of the store, in the order of their places; two at one place stay two.
    pub rows: Vec<Row<'a>>,
    pub rows_of: BTreeMap<SendKey<'a>, Vec<Row<'a>>>,
    pub arrivals: Vec<Arrival<'a>>,
    pub sessions: BTreeMap<&'a str, Session<'a>>,
    pub members: Members<'a>,
    /// Who caught up at the end, and when last.
    pub caught_up: BTreeMap<&'a str, u64>,
    pub weather: Weather,
    pub ended_us: u64,
    pub evidence: Evidence<'a>,
}

/// One send: all its tries and answers.
#[derive(Default)]
pub(super) struct Send<'a> {
    pub conversation: &'a str,
    pub tries: Vec<Try<'a>>,
    pub receipts: Vec<Receipt<'a>>,
    /// When it was refused.
    pub refusals_us: Vec<u64>,
    /// The first sign that it is kept: a receipt, or somebody who was shown it.
    pub known_us: Option<u64>,
}

#[derive(Clone, Copy)]
pub(super) struct Try<'a> {
    pub at_us: u64,
    pub session: &'a str,
    pub attempt: u32,
}

#[derive(Clone, Copy)]
pub(super) struct Receipt<'a> {
    pub at_us: u64,
    /// Messages that had reached clients before it: two facts of one microsecond have an order too.
    pub arrivals_before: usize,
    pub session: &'a str,
    pub stamp: Stamp<'a>,
}

/// Where a message stands and what it is called, as somebody says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Stamp<'a> {
    pub conversation: &'a str,
    pub seq: u64,
    pub message_id: &'a str,
}

impl<'a> Stamp<'a> {
    pub(crate) fn place(&self) -> Place<'a> {
        (self.conversation, self.seq)
    }
}

#[derive(Clone, Copy)]
pub(super) struct Row<'a> {
    pub key: SendKey<'a>,
    pub stamp: Stamp<'a>,
}

/// A message that has reached a client.
#[derive(Clone, Copy)]
pub(super) struct Arrival<'a> {
    /// Its place among all of them.
    pub number: usize,
    pub at_us: u64,
    pub user: &'a str,
    pub session: &'a str,
    pub key: SendKey<'a>,
    pub stamp: Stamp<'a>,
    pub intact: bool,
    /// From a page of history, not pushed.
    pub fetched: bool,
}

pub(super) struct Session<'a> {
    pub user: &'a str,
    pub device: &'a str,
    pub resumed: bool,
    pub opened_us: u64,
    pub closed: Option<(u64, u16)>,
    pub deaf: bool,
    /// What it was told that it would not be pushed: conversation, after, head, when.
    pub behind: Vec<Gap<'a>>,
}

#[derive(Clone, Copy)]
pub(super) struct Gap<'a> {
    pub at_us: u64,
    pub conversation: &'a str,
    pub after: u64,
    pub head: u64,
}

impl Session<'_> {
    /// True when it lives at this moment.
    pub(crate) fn lives_at(&self, at_us: u64) -> bool {
        self.opened_us <= at_us && self.closed.is_none_or(|(closed, _)| closed > at_us)
    }

    /// True when it was told that it would not be pushed this.
    pub(crate) fn was_told_behind(&self, (conversation, seq): Place<'_>) -> bool {
        self.behind.iter().any(|gap| gap.conversation == conversation && gap.after < seq && seq <= gap.head)
    }
}

impl<'a> Case<'a> {
    pub(crate) fn of(entries: &'a [Entry], bounds: &'a Bounds) -> Case<'a> {
        let mut case = Case {
            bounds,
            entries,
            sends: BTreeMap::new(),
            rows: Vec::new(),
            rows_of: BTreeMap::new(),
            arrivals: Vec::new(),
            sessions: BTreeMap::new(),
            members: Members::of(entries),
            caught_up: BTreeMap::new(),
            weather: Weather::of(entries),
            ended_us: entries.last().map_or(0, |entry| entry.at_us),
            evidence: Evidence::of(entries),
        };
        for entry in entries {
            case.take_traffic(entry);
            case.take_sessions(entry);
        }
        case.rows.sort_by_key(|row| row.stamp);
        case
    }

    fn take_traffic(&mut self, Entry { at_us, fact }: &'a Entry) {
        let at_us = *at_us;
        match fact {
            Fact::Try { user, session, id, conversation, attempt } => {
                let send = self.sends.entry((user, id)).or_default();
                if send.tries.is_empty() {
                    send.conversation = conversation;
                }
                send.tries.push(Try { at_us, session, attempt: *attempt });
            }
            Fact::Receipt { user, session, id, conversation, seq, message_id } => {
                let send = self.sends.entry((user, id)).or_default();
                send.receipts.push(Receipt {
                    at_us,
                    arrivals_before: self.arrivals.len(),
                    session,
                    stamp: Stamp { conversation, seq: *seq, message_id },
                });
                send.known_us.get_or_insert(at_us);
            }
            Fact::Refused { user, id, .. } => {
                self.sends.entry((user, id)).or_default().refusals_us.push(at_us);
            }
            Fact::Push { user, session, conversation, seq, message_id, from, id, intact }
            | Fact::Fetched { user, session, conversation, seq, message_id, from, id, intact } => {
                if let (true, Some(send)) = (intact, self.sends.get_mut(&(from.as_str(), id.as_str()))) {
                    send.known_us.get_or_insert(at_us);
                }
                self.arrivals.push(Arrival {
                    number: self.arrivals.len(),
                    at_us,
                    user,
                    session,
                    key: (from, id),
                    stamp: Stamp { conversation, seq: *seq, message_id },
                    intact: *intact,
                    fetched: matches!(fact, Fact::Fetched { .. }),
                });
            }
            Fact::Kept { conversation, seq, from, id, message_id } => {
                let row = Row { key: (from, id), stamp: Stamp { conversation, seq: *seq, message_id } };
                self.rows.push(row);
                self.rows_of.entry(row.key).or_default().push(row);
            }
            _ => {}
        }
    }

    fn take_sessions(&mut self, Entry { at_us, fact }: &'a Entry) {
        match fact {
            Fact::Opened { user, session, device, resumed, .. } => {
                let session_of = Session {
                    user,
                    device,
                    resumed: *resumed,
                    opened_us: *at_us,
                    closed: None,
                    deaf: false,
                    behind: Vec::new(),
                };
                self.sessions.insert(session, session_of);
            }
            Fact::Closed { session, code, .. } => {
                if let Some(session) = self.sessions.get_mut(session.as_str()) {
                    session.closed.get_or_insert((*at_us, *code));
                }
            }
            Fact::Deaf { session, .. } => {
                if let Some(session) = self.sessions.get_mut(session.as_str()) {
                    session.deaf = true;
                }
            }
            Fact::Behind { session, conversation, after, head, .. } => {
                if let Some(session) = self.sessions.get_mut(session.as_str()) {
                    let gap = Gap { at_us: *at_us, conversation, after: *after, head: *head };
                    session.behind.push(gap);
                }
            }
            Fact::CaughtUp { user } => {
                self.caught_up.insert(user, *at_us);
            }
            _ => {}
        }
    }

    /// What reached clients as it was sent; the rest is the business of `corrupted` alone.
    pub(crate) fn intact_arrivals(&self) -> impl Iterator<Item = &Arrival<'a>> {
        self.arrivals.iter().filter(|arrival| arrival.intact)
    }
}
