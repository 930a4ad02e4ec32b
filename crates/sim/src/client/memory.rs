//! What a device holds of its conversations, over all its sessions: how far, and what it was told to fetch.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use tokio::time::Instant;

/// How long a page may take before it is asked for again.
const PAGE_PATIENCE: Duration = Duration::from_secs(10);

/// What a device holds.
#[derive(Debug, Default)]
pub struct Memory {
    logs: BTreeMap<String, Log>,
}

#[derive(Debug, Default)]
struct Log {
    /// The highest seq up to which it has been shown everything.
    have: u64,
    /// Own messages that were receipted above that.
    own: BTreeSet<u64>,
    fetch: Option<Fetch>,
}

/// Something that the node will not push.
#[derive(Debug)]
struct Fetch {
    /// Up to where it is to be read.
    head: u64,
    /// How far it was read.
    read: u64,
    /// The highest seq that was pushed meanwhile.
    pushed: u64,
    /// When the page under way was asked for.
    asked: Option<Instant>,
}

impl Memory {
    /// What it says in `have`: nothing of a conversation of which it holds nothing.
    pub fn have(&self) -> Vec<(&str, u64)> {
        self.logs.iter().filter(|(_, log)| log.have > 0).map(|(name, log)| (&**name, log.have)).collect()
    }

    /// How far it holds a conversation.
    pub fn held(&self, conversation: &str) -> u64 {
        self.logs.get(conversation).map_or(0, |log| log.have)
    }

    /// A message was pushed.
    pub fn pushed(&mut self, conversation: &str, seq: u64) {
        let log = self.log(conversation);
        match &mut log.fetch {
            Some(fetch) => fetch.pushed = fetch.pushed.max(seq),
            None => log.reach(seq),
        }
    }

    /// A message of its own is kept. It counts only when it is the next.
    pub fn receipted(&mut self, conversation: &str, seq: u64) {
        let log = self.log(conversation);
        log.own.insert(seq);
        if log.fetch.is_none() {
            log.reach(log.have);
        }
    }

    /// The node pushes nothing above `after` up to `head`.
    pub fn told_behind(&mut self, conversation: &str, after: Option<u64>, head: u64) {
        let log = self.log(conversation);
        let after = after.unwrap_or(log.have);
        if after < log.have {
            (log.have, log.own) = (after, BTreeSet::new());
        }
        if head > log.have {
            let pushed = log.fetch.as_ref().map_or(0, |fetch| fetch.pushed);
            log.fetch = Some(Fetch { head, read: log.have, pushed, asked: None });
        }
    }

    /// The user has left the group: nothing of it counts any more.
    pub fn forget(&mut self, conversation: &str) {
        self.logs.remove(conversation);
    }

    /// The pages that are to be asked for now: conversation and `after`.
    pub fn pages_due(&mut self, now: Instant) -> Vec<(String, u64)> {
        let mut due = Vec::new();
        for (name, log) in &mut self.logs {
            let Some(fetch) = &mut log.fetch else { continue };
            if fetch.asked.is_none_or(|at| at + PAGE_PATIENCE <= now) {
                fetch.asked = Some(now);
                due.push((name.clone(), fetch.read));
            }
        }
        due
    }

    /// A page came, up to `last`.
    pub fn page(&mut self, conversation: &str, last: Option<u64>, more: bool) {
        let log = self.log(conversation);
        let Some(fetch) = &mut log.fetch else { return };
        fetch.asked = None;
        fetch.read = fetch.read.max(last.unwrap_or(fetch.read));
        if !more || fetch.read >= fetch.head {
            let reached = fetch.read.max(fetch.head).max(fetch.pushed);
            log.fetch = None;
            log.reach(reached);
        }
    }

    /// A page was refused for good, or for now.
    pub fn page_refused(&mut self, conversation: &str, for_good: bool) {
        let log = self.log(conversation);
        if for_good {
            log.fetch = None;
        }
    }

    /// True when there is nothing left to fetch.
    pub fn is_settled(&self) -> bool {
        self.logs.values().all(|log| log.fetch.is_none())
    }

    /// Another session begins: what was asked for in the old one is asked for again.
    pub fn session_ended(&mut self) {
        for fetch in self.logs.values_mut().filter_map(|log| log.fetch.as_mut()) {
            fetch.asked = None;
            // What the old session was pushed above an unfetched gap is not held.
            fetch.pushed = 0;
        }
    }

    fn log(&mut self, conversation: &str) -> &mut Log {
        self.logs.entry(conversation.to_owned()).or_default()
    }
}

impl Log {
    /// Everything up to `seq` was shown, and own messages right above it count.
    fn reach(&mut self, seq: u64) {
        self.have = self.have.max(seq);
        while self.own.remove(&(self.have + 1)) {
            self.have += 1;
        }
        self.own.retain(|own| *own > self.have);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_receipt_counts_only_when_it_is_the_next() {
        let mut memory = Memory::default();
        memory.pushed("c", 3);
        memory.receipted("c", 5);
        assert_eq!(memory.held("c"), 3);
        memory.pushed("c", 4);
        assert_eq!(memory.held("c"), 5);
    }

    #[test]
    fn an_unfetched_gap_holds_what_is_pushed_back() {
        let mut memory = Memory::default();
        memory.pushed("c", 3);
        memory.told_behind("c", Some(3), 9);
        memory.pushed("c", 10);
        assert_eq!((memory.held("c"), memory.is_settled()), (3, false));
        assert_eq!(memory.pages_due(Instant::now()), [("c".to_owned(), 3)]);
        memory.page("c", Some(7), true);
        assert_eq!(memory.held("c"), 3);
        memory.page("c", Some(10), false);
        assert_eq!((memory.held("c"), memory.is_settled()), (10, true));
    }
}
