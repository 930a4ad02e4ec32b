//! How a run ended, as it is printed.

use std::fmt;
use std::path::PathBuf;

use testkit::judge::Verdict;

/// What came of a run.
#[derive(Debug)]
pub struct Outcome {
    /// What the judge says of the facts.
    pub verdict: Verdict,
    /// What went wrong beside: a process that ended by itself, somebody who could not come back.
    pub problems: Vec<String>,
    /// How long things took, as a table.
    pub delays: String,
    /// What the nodes said of themselves, by event.
    pub said: Vec<(String, u64)>,
    /// The facts and the logs of all processes.
    pub files: Vec<PathBuf>,
}

impl Outcome {
    /// True when the cluster kept its word.
    pub fn is_good(&self) -> bool {
        self.verdict.is_good() && self.problems.is_empty()
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.verdict)?;
        for problem in &self.problems {
            writeln!(f, "  problem: {problem}")?;
        }
        let said: Vec<String> = self.said.iter().map(|(event, amount)| format!("{event} {amount}")).collect();
        writeln!(f, "  the nodes say: {}", said.join(", "))?;
        write!(f, "{}", self.delays)?;
        if !self.is_good() {
            if let Some((seed, command)) = &self.verdict.replay {
                writeln!(f, "  seed {seed}: {command}")?;
            }
            for file in &self.files {
                writeln!(f, "  {}", file.display())?;
            }
        }
        Ok(())
    }
}
