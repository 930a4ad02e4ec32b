//! What the judge found: counts of what happened, and for whatever is wrong the check, the id and its facts.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use super::fact::Entry;
use super::facts::line;

/// Facts shown of one finding; the first and the last ones where there are more.
const EVIDENCE_LINES_MAX: usize = 40;
/// Findings told in a line each; the others are counted.
const FINDINGS_SHOWN_MAX: usize = 20;

/// What the judge asks. Its name is the word that reports and sabotages use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Check {
    /// What was receipted or seen is not in the store, or what is in the store never reached a member who caught up.
    Lost,
    /// Something came that nobody sent, or not there.
    Invented,
    /// A content came that is not what was sent.
    Corrupted,
    /// A message reached somebody who was no member.
    Leaked,
    /// One send has two rows, or one place two messages.
    TwiceStored,
    /// A session was pushed a message twice, or its own message after its receipt.
    TwicePushed,
    /// A session was pushed an older message after a newer one, or one sender's messages stand in another order than they were sent.
    OutOfOrder,
    /// A session was pushed a message and never one before it, or the store's numbers have a gap.
    Holes,
    /// Receipts, pushes and rows of one send do not agree.
    ReceiptsDiffer,
    /// Two sessions held one slot for longer than may be.
    TwoSessions,
    /// A session was told that it is replaced, and nobody replaced it.
    WronglyEvicted,
    /// A send without an answer, a message that does not arrive, a user who cannot come back.
    Stuck,
    /// Not enough happened for the run to prove anything.
    Vacuous,
}

impl Check {
    /// All of them.
    pub const ALL: [Check; 13] = [
        Check::Lost,
        Check::Invented,
        Check::Corrupted,
        Check::Leaked,
        Check::TwiceStored,
        Check::TwicePushed,
        Check::OutOfOrder,
        Check::Holes,
        Check::ReceiptsDiffer,
        Check::TwoSessions,
        Check::WronglyEvicted,
        Check::Stuck,
        Check::Vacuous,
    ];

    /// The word for it.
    pub fn name(self) -> &'static str {
        match self {
            Check::Lost => "lost",
            Check::Invented => "invented",
            Check::Corrupted => "corrupted",
            Check::Leaked => "leaked",
            Check::TwiceStored => "twice_stored",
            Check::TwicePushed => "twice_pushed",
            Check::OutOfOrder => "out_of_order",
            Check::Holes => "holes",
            Check::ReceiptsDiffer => "receipts_differ",
            Check::TwoSessions => "two_sessions",
            Check::WronglyEvicted => "wrongly_evicted",
            Check::Stuck => "stuck",
            Check::Vacuous => "vacuous",
        }
    }
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Which check found it.
    pub check: Check,
    /// What it is about: the id of a send where there is one, else a session, a user or a conversation.
    pub subject: String,
    /// What is wrong, in a sentence.
    pub what: String,
    /// The facts about it, in time order.
    pub evidence: Vec<Entry>,
}

/// How much happened.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counts {
    /// Messages that somebody tried to send.
    pub tried: u64,
    /// Those with a receipt.
    pub receipted: u64,
    /// Those that were refused and never receipted.
    pub refused: u64,
    /// Those without any answer to the end.
    pub unknown: u64,
    /// Tries after the first.
    pub retried: u64,
    /// Receipts of retries whose message was there already.
    pub old_receipts: u64,
    /// Rows of the store.
    pub kept: u64,
    /// Messages pushed.
    pub pushed: u64,
    /// Those pushed to a session that resumed and was opened after they were there.
    pub caught_up: u64,
    /// Sessions.
    pub sessions: u64,
    /// Sessions that ended, by the code of the close.
    pub closed: BTreeMap<u16, u64>,
    /// Faults that began.
    pub faults_begun: u64,
    /// Faults that ended.
    pub faults_ended: u64,
}

/// What the judge says of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// How much happened.
    pub counts: Counts,
    /// What is wrong: by check, and within a check the earliest first.
    pub findings: Vec<Finding>,
    /// The seed of the run and the command that repeats it.
    pub replay: Option<(u64, String)>,
}

impl Verdict {
    /// True when nothing is wrong.
    pub fn is_good(&self) -> bool {
        self.findings.is_empty()
    }

    /// The checks that found something.
    pub fn caught_by(&self) -> BTreeSet<Check> {
        self.findings.iter().map(|finding| finding.check).collect()
    }

    /// What one check found.
    pub fn of(&self, check: Check) -> impl Iterator<Item = &Finding> {
        self.findings.iter().filter(move |finding| finding.check == check)
    }

    /// The same, which also says how the run is repeated.
    #[must_use]
    pub fn of_run(self, seed: u64, command: &str) -> Verdict {
        Verdict { replay: Some((seed, command.to_owned())), ..self }
    }

    /// The finding to begin with: of those of the first check that found any, the one whose story is shortest.
    pub fn smallest(&self) -> Option<&Finding> {
        self.findings.iter().min_by_key(|finding| (finding.check, finding.evidence.len()))
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "tried {}, receipted {}, refused {}, unknown {}, retried {} ({} got an old receipt), kept {}, pushed {}, caught up {}, sessions {}",
            self.tried,
            self.receipted,
            self.refused,
            self.unknown,
            self.retried,
            self.old_receipts,
            self.kept,
            self.pushed,
            self.caught_up,
            self.sessions,
        )?;
        let evicted = self.closed.get(&EVICTED).copied().unwrap_or(0);
        write!(f, ", evictions {evicted}, faults begun {} and ended {}", self.faults_begun, self.faults_ended)
    }
}

/// The close code of a session whose place another login took.
pub(super) const EVICTED: u16 = 4500;

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = if self.is_good() { "kept its word" } else { "BROKE ITS WORD" };
        writeln!(f, "{word}: {}", self.counts)?;
        for check in Check::ALL {
            let number = self.of(check).count();
            if number > 0 {
                writeln!(f, "  {}: {number}", check.name())?;
            }
            for finding in self.of(check).take(FINDINGS_SHOWN_MAX) {
                writeln!(f, "    {}: {}", finding.subject, finding.what)?;
            }
        }
        if let Some(finding) = self.smallest() {
            writeln!(f, "  the smallest: {} {}: {}", finding.check.name(), finding.subject, finding.what)?;
            write_evidence(f, &finding.evidence)?;
        }
        match &self.replay {
            Some((seed, command)) if !self.is_good() => {
                writeln!(f, "  seed {seed}; the same again: {command}")
            }
            Some((seed, _)) => writeln!(f, "  seed {seed}"),
            None => Ok(()),
        }
    }
}

fn write_evidence(f: &mut fmt::Formatter<'_>, evidence: &[Entry]) -> fmt::Result {
    let left_out = evidence.len().saturating_sub(EVIDENCE_LINES_MAX);
    for (at, entry) in evidence.iter().enumerate() {
        let half = EVIDENCE_LINES_MAX / 2;
        if left_out > 0 && at == half {
            writeln!(f, "    ({left_out} more)")?;
        }
        if left_out == 0 || at < half || at >= evidence.len() - half {
            writeln!(f, "    {}", line(entry))?;
        }
    }
    Ok(())
}
