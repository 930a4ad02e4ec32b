//! Many runs in a few lines.

use std::collections::BTreeMap;
use std::fmt;

use testkit::judge::Counts;

use crate::run::Outcome;

/// Counts over runs.
#[derive(Debug, Default)]
pub struct Summary {
    /// How many runs.
    pub runs: u64,
    /// The seeds of those that failed.
    pub failed: Vec<u64>,
    counts: Counts,
    said: BTreeMap<String, u64>,
    faults: BTreeMap<String, u64>,
}

impl Summary {
    /// Takes a run in.
    pub fn add(&mut self, seed: u64, outcome: &Outcome) {
        self.runs += 1;
        if !outcome.is_good() {
            self.failed.push(seed);
        }
        let (sum, counts) = (&mut self.counts, &outcome.verdict.counts);
        sum.tried += counts.tried;
        sum.receipted += counts.receipted;
        sum.refused += counts.refused;
        sum.unknown += counts.unknown;
        sum.retried += counts.retried;
        sum.old_receipts += counts.old_receipts;
        sum.kept += counts.kept;
        sum.pushed += counts.pushed;
        sum.caught_up += counts.caught_up;
        sum.sessions += counts.sessions;
        sum.faults_begun += counts.faults_begun;
        sum.faults_ended += counts.faults_ended;
        for (code, number) in &counts.closed {
            *sum.closed.entry(*code).or_default() += number;
        }
        for (event, number) in &outcome.said {
            *self.said.entry(event.clone()).or_default() += number;
        }
        for (kind, number) in &outcome.faults {
            *self.faults.entry(kind.clone()).or_default() += number;
        }
    }

    /// How often nodes said something.
    pub fn said(&self, event: &str) -> u64 {
        self.said.get(event).copied().unwrap_or(0)
    }

    /// How many faults of a kind there were.
    pub fn faults(&self, kind: &str) -> u64 {
        self.faults.get(kind).copied().unwrap_or(0)
    }

    /// How much happened.
    pub fn counts(&self) -> &Counts {
        &self.counts
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} runs, {} failed: {}", self.runs, self.failed.len(), self.counts)?;
        let list = |map: &BTreeMap<String, u64>| {
            map.iter().map(|(name, number)| format!("{name} {number}")).collect::<Vec<_>>().join(", ")
        };
        let closed: Vec<String> =
            self.counts.closed.iter().map(|(code, number)| format!("{code} {number}")).collect();
        writeln!(f, "  closed: {}", closed.join(", "))?;
        writeln!(f, "  faults: {}", list(&self.faults))?;
        writeln!(f, "  nodes said: {}", list(&self.said))?;
        if !self.failed.is_empty() {
            writeln!(f, "  failed seeds: {:?}", self.failed)?;
        }
        Ok(())
    }
}
