//! The log of facts: appended to while a cluster is under test, read by the judge.
//!
//! A line is in the file before [`Facts::record`] returns, and the caller acts only then.
//! So what happened is never ahead of what is written, whoever dies.

use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::time::Instant;

use super::fact::{Entry, Fact};

/// Facts in the order of their times.
///
/// It is shared by reference: every client and every breaker of things writes to the same one.
#[derive(Debug)]
pub struct Facts {
    /// Where time begins. Tokio's clock, so that under paused time it is the simulated one.
    began: Instant,
    log: Mutex<Log>,
}

#[derive(Debug)]
struct Log {
    entries: Vec<Entry>,
    file: Option<File>,
}

impl Facts {
    /// An empty log in memory; its time begins now.
    pub fn in_memory() -> Facts {
        Facts::new(None)
    }

    /// An empty log that is also written to a file, a JSON object a line; its time begins now.
    ///
    /// # Panics
    ///
    /// When the file cannot be made.
    pub fn in_file(path: &Path) -> Facts {
        match File::create(path) {
            Ok(file) => Facts::new(Some(file)),
            Err(error) => panic!("cannot make {}: {error}", path.display()),
        }
    }

    /// Reads back what [`Facts::in_file`] or [`Facts::to_ndjson`] wrote.
    ///
    /// # Panics
    ///
    /// When the file cannot be read, or a line is no fact.
    pub fn read(path: &Path) -> Facts {
        let shown = path.display();
        let file = match File::open(path) {
            Ok(file) => file,
            Err(error) => panic!("cannot open {shown}: {error}"),
        };
        let facts = Facts::in_memory();
        for (number, line) in BufReader::new(file).lines().enumerate() {
            let line = match line {
                Ok(line) => line,
                Err(error) => panic!("{shown}:{}: {error}", number + 1),
            };
            match serde_json::from_str::<Entry>(&line) {
                Ok(Entry { at_us, fact }) => facts.record_at(at_us, fact),
                Err(error) => panic!("{shown}:{}: {error}", number + 1),
            }
        }
        facts
    }

    fn new(file: Option<File>) -> Facts {
        Facts { began: Instant::now(), log: Mutex::new(Log { entries: Vec::new(), file }) }
    }

    /// Appends a fact that is seen now. It is written when this returns.
    ///
    /// # Panics
    ///
    /// When the file cannot be written.
    pub fn record(&self, fact: Fact) {
        // The time is taken under the lock: a fact that is later in the log is never earlier in time.
        let mut log = self.log();
        let at_us = u64::try_from(self.began.elapsed().as_micros()).unwrap_or(u64::MAX);
        log.append(Entry { at_us, fact });
    }

    /// Appends a fact with a time of the caller's, which must not be before the last one's.
    ///
    /// # Panics
    ///
    /// When it is, or the file cannot be written.
    pub fn record_at(&self, at_us: u64, fact: Fact) {
        self.log().append(Entry { at_us, fact });
    }

    /// All facts so far.
    pub fn entries(&self) -> Vec<Entry> {
        self.log().entries.clone()
    }

    /// Looks at all facts so far without a copy. Nothing is recorded meanwhile.
    pub(super) fn with_entries<T>(&self, look: impl FnOnce(&[Entry]) -> T) -> T {
        look(&self.log().entries)
    }

    /// All facts so far, a JSON object a line.
    pub fn to_ndjson(&self) -> String {
        self.log().entries.iter().map(|entry| line(entry) + "\n").collect()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.log().entries.len()
    }

    /// True when nothing was seen.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn log(&self) -> MutexGuard<'_, Log> {
        // A thread that panicked while it appended has appended or has not: the log is whole.
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Log {
    fn append(&mut self, entry: Entry) {
        if let Some(last) = self.entries.last() {
            assert!(last.at_us <= entry.at_us, "{entry:?} is recorded after {last:?}");
        }
        if let Some(file) = &mut self.file
            && let Err(error) = file.write_all((line(&entry) + "\n").as_bytes())
        {
            panic!("cannot write a fact: {error}");
        }
        self.entries.push(entry);
    }
}

/// An entry as it stands in a file.
///
/// # Panics
///
/// Never: an entry has nothing that JSON lacks.
pub(super) fn line(entry: &Entry) -> String {
    match serde_json::to_string(entry) {
        Ok(line) => line,
        Err(error) => panic!("{entry:?}: {error}"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::fact::Phase;
    use super::*;

    fn fault(name: &str, phase: Phase) -> Fact {
        Fact::Fault { name: name.to_owned(), phase }
    }

    #[test]
    fn a_file_holds_each_fact_as_soon_as_it_is_recorded_and_reads_back_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("facts.ndjson");
        let facts = Facts::in_file(&path);
        facts.record(fault("kill node-1", Phase::Begin));
        let written = std::fs::read_to_string(&path).unwrap();
        assert_eq!(written, facts.to_ndjson());
        facts.record(Fact::Receipt {
            user: "1".into(),
            session: "s".into(),
            id: "r-1-1".into(),
            conversation: "d:1:2".into(),
            seq: u64::MAX,
            message_id: "m".into(),
        });
        facts.record(Fact::Opened {
            user: "1".into(),
            session: "s".into(),
            device: "web".into(),
            node: None,
            resumed: true,
        });
        assert_eq!(Facts::read(&path).entries(), facts.entries());
        assert_eq!(Facts::read(&path).to_ndjson(), facts.to_ndjson());
    }

    #[tokio::test(start_paused = true)]
    async fn time_is_the_simulated_one_where_time_is_paused() {
        let facts = Facts::in_memory();
        facts.record(fault("a", Phase::Begin));
        tokio::time::advance(std::time::Duration::from_secs(600)).await;
        facts.record(fault("a", Phase::End));
        let times: Vec<u64> = facts.entries().iter().map(|entry| entry.at_us).collect();
        assert_eq!(times, [0, 600_000_000]);
    }

    #[test]
    #[should_panic(expected = "is recorded after")]
    fn time_does_not_go_back() {
        let facts = Facts::in_memory();
        facts.record_at(2, fault("a", Phase::Begin));
        facts.record_at(1, fault("a", Phase::End));
    }
}
