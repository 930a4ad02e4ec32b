//! How long things took, read from the facts: what a client feels of a dead node, of a second login, of a send.
//!
//! A table for people, in Markdown; the judge has bounds of its own.
//! Whoever was not reading at the time is left out: what came late to them was there in time.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use testkit::judge::{Entry, Fact, Phase};

use crate::user::DEAF;

/// The upper ends of the histogram's classes, in milliseconds; what is longer has a class of its own.
const CLASSES_MS: [u64; 7] = [30, 100, 300, 1_000, 3_000, 10_000, 30_000];
/// The close of a session whose slot another login took.
const REPLACED: u16 = 4500;
/// The close of a session whose client does not answer.
const NO_PONG: u16 = 4002;
/// On the other device nobody is deaf but who has fallen silent, and reads on.
const OTHER_DEVICE: &str = "ios";

/// The waits that are told apart, in the order of the table.
const KILLED: &str = "node killed: its users are back elsewhere";
const PAUSED: &str = "node stands still: its users are back elsewhere";
const DRAINED: &str = "node drains: its users are back elsewhere";
const REPLACED_CALM: &str = "second login: the first session ends, no fault";
const REPLACED_FAULT: &str = "second login: the first session ends, during faults";
const SILENT: &str = "client without a word: its session ends";
const RECEIPT_CALM: &str = "send to receipt, no fault";
const RECEIPT_FAULT: &str = "send to receipt, during faults";
const PUSH_CALM: &str = "send to push, no fault";
const PUSH_FAULT: &str = "send to push, during faults";
const ROWS: [&str; 10] = [
    KILLED,
    PAUSED,
    DRAINED,
    REPLACED_CALM,
    REPLACED_FAULT,
    SILENT,
    RECEIPT_CALM,
    RECEIPT_FAULT,
    PUSH_CALM,
    PUSH_FAULT,
];

#[derive(Default)]
struct Delays {
    /// Microseconds, by row.
    rows: BTreeMap<&'static str, Vec<u64>>,
    /// Sessions that live: user, device, node, since.
    open: BTreeMap<String, Open>,
    /// Users whose session was on a node when that went: since, and why.
    away: BTreeMap<String, (u64, &'static str)>,
    /// When somebody last set out to log in, and whether during faults, by user and device.
    arriving: BTreeMap<(String, String), (u64, bool)>,
    /// When a session last began to read nothing.
    deaf: BTreeMap<String, u64>,
    /// First tries: when, and whether during faults.
    tried: BTreeMap<String, (u64, bool)>,
    /// Receipts that were counted.
    receipted: BTreeSet<String>,
    faults: usize,
}

struct Open {
    user: String,
    device: String,
    node: Option<String>,
    since: u64,
}

/// The table.
pub(crate) fn table(entries: &[Entry]) -> String {
    let mut delays = Delays::default();
    for entry in entries {
        delays.take(entry);
    }
    delays.show()
}

impl Delays {
    fn take(&mut self, Entry { at_us, fact }: &Entry) {
        let at = *at_us;
        match fact {
            Fact::Fault { name, phase } => self.fault(at, name, *phase),
            Fact::Opened { user, session, device, node, .. } => {
                if let Some((since, row)) = self.away.remove(user) {
                    self.add(row, at - since);
                }
                let (user, device) = (user.clone(), device.clone());
                self.open.insert(session.clone(), Open { user, device, node: node.clone(), since: at });
            }
            Fact::Arriving { user, device } => {
                self.arriving.insert((user.clone(), device.clone()), (at, self.faults > 0));
            }
            Fact::Closed { session, code, .. } => {
                let Some(closed) = self.open.remove(session) else { return };
                let silent = self.deaf.get(session).copied().filter(|_| closed.device == OTHER_DEVICE);
                if let (NO_PONG, Some(since)) = (*code, silent) {
                    self.add(SILENT, at - since);
                }
                let newer = self.arriving.get(&(closed.user, closed.device)).copied();
                let newer =
                    newer.filter(|(since, _)| *since > closed.since && self.was_reading(session, *since));
                if let (REPLACED, Some((since, under_fault))) = (*code, newer) {
                    let fault = under_fault || self.faults > 0;
                    self.add(if fault { REPLACED_FAULT } else { REPLACED_CALM }, at - since);
                }
            }
            Fact::Deaf { session, .. } => {
                self.deaf.insert(session.clone(), at);
            }
            Fact::Try { id, attempt: 1, .. } => {
                self.tried.insert(id.clone(), (at, self.faults > 0));
            }
            Fact::Receipt { id, session, .. } if self.receipted.insert(id.clone()) => {
                self.answered(at, id, session, 0, [RECEIPT_CALM, RECEIPT_FAULT]);
            }
            Fact::Push { id, session, .. } => {
                // Who came later waited for nothing.
                let since = self.open.get(session).map_or(u64::MAX, |open| open.since);
                self.answered(at, id, session, since, [PUSH_CALM, PUSH_FAULT]);
            }
            _ => {}
        }
    }

    fn fault(&mut self, at: u64, name: &str, phase: Phase) {
        match phase {
            Phase::Begin => self.faults += 1,
            Phase::End => self.faults = self.faults.saturating_sub(1),
        }
        let (kind, node) = name.split_once(' ').unwrap_or((name, ""));
        let row = match (phase, kind) {
            (Phase::Begin, "kill") => KILLED,
            (Phase::Begin, "pause") => PAUSED,
            (Phase::Begin, "drain") => DRAINED,
            _ => return,
        };
        let gone =
            self.open.values().filter(|open| open.node.as_deref() == Some(node) && open.device == "web");
        let gone: Vec<String> = gone.map(|open| open.user.clone()).collect();
        self.away.extend(gone.into_iter().map(|user| (user, (at, row))));
    }

    /// Counts what ends now at `session`, if it began after `from`.
    fn answered(&mut self, at: u64, id: &str, session: &str, from: u64, rows: [&'static str; 2]) {
        let tried = self.tried.get(id).copied();
        let counts = tried.filter(|(since, _)| *since >= from && self.was_reading(session, *since));
        if let Some((since, under_fault)) = counts {
            self.add(rows[usize::from(under_fault || self.faults > 0)], at - since);
        }
    }

    /// True where the client of a session has read all the time from `since` on.
    fn was_reading(&self, session: &str, since: u64) -> bool {
        let deaf_for_us = DEAF.1.as_micros() as u64;
        self.deaf.get(session).is_none_or(|deaf_at| deaf_at + deaf_for_us < since)
    }

    fn add(&mut self, row: &'static str, delay_us: u64) {
        self.rows.entry(row).or_default().push(delay_us);
    }

    fn show(mut self) -> String {
        let classes =
            CLASSES_MS.map(|end| if end < 1000 { format!("{end} ms") } else { format!("{} s", end / 1000) });
        let mut text =
            format!("| | times | p50 | p90 | p99 | longest | up to {} | longer |\n", classes.join(" | "));
        text.push_str(&"| --- ".repeat(7 + CLASSES_MS.len()));
        text.push_str("|\n");
        for row in ROWS {
            let Some(delays) = self.rows.get_mut(row) else { continue };
            delays.sort_unstable();
            let at = |of_hundred: usize| seconds(delays[(delays.len() * of_hundred).div_ceil(100) - 1]);
            let mut cells = vec![row.to_owned(), delays.len().to_string(), at(50), at(90), at(99), at(100)];
            let mut below = 0;
            for end in CLASSES_MS {
                let upto = delays.partition_point(|delay| *delay <= end * 1000);
                cells.push((upto - below).to_string());
                below = upto;
            }
            cells.push((delays.len() - below).to_string());
            writeln!(text, "| {} |", cells.join(" | ")).ok();
        }
        text
    }
}

fn seconds(us: u64) -> String {
    format!("{:.3} s", us as f64 / 1e6)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64, fact: Fact) -> Entry {
        Entry { at_us: seconds * 1_000_000, fact }
    }

    fn opened(session: &str) -> Fact {
        let (user, session, device) = ("u01".to_owned(), session.to_owned(), "web".to_owned());
        Fact::Opened { user, session, device, node: Some("node-1".to_owned()), resumed: false }
    }

    #[test]
    fn who_was_on_a_killed_node_is_away_until_the_next_welcome() {
        let kill = |phase| Fact::Fault { name: "kill node-1".to_owned(), phase };
        let closed = Fact::Closed { user: "u01".to_owned(), session: "a".to_owned(), code: 1006 };
        let entries = [
            at(1, opened("a")),
            at(2, kill(Phase::Begin)),
            at(2, closed),
            at(4, opened("b")),
            at(5, kill(Phase::End)),
        ];
        let table = table(&entries);
        assert!(table.contains("| node killed: its users are back elsewhere | 1 | 2.000 s |"), "{table}");
    }

    #[test]
    fn a_replaced_session_ends_so_long_after_the_login_that_replaced_it() {
        let closed = Fact::Closed { user: "u01".to_owned(), session: "a".to_owned(), code: 4500 };
        let arriving = Fact::Arriving { user: "u01".to_owned(), device: "web".to_owned() };
        let table = table(&[at(1, opened("a")), at(2, arriving), at(5, closed), at(6, opened("b"))]);
        assert!(
            table.contains("| second login: the first session ends, no fault | 1 | 3.000 s |"),
            "{table}"
        );
    }

    #[test]
    fn who_reads_nothing_is_not_said_to_have_waited() {
        let deaf = Fact::Deaf { user: "u01".to_owned(), session: "a".to_owned() };
        let closed = Fact::Closed { user: "u01".to_owned(), session: "a".to_owned(), code: 4500 };
        let arriving = Fact::Arriving { user: "u01".to_owned(), device: "web".to_owned() };
        let told = |arrives, ends| {
            table(&[
                at(1, opened("a")),
                at(2, deaf.clone()),
                at(arrives, arriving.clone()),
                at(ends, closed.clone()),
            ])
        };
        assert!(!told(4, 5).contains("second login"), "{}", told(4, 5));
        assert!(told(6, 7).contains("second login: the first session ends, no fault | 1 | 1.000 s"));
    }
}
