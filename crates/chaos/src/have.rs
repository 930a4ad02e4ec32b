//! What a client holds of each conversation, as the protocol asks it to count: what it says in `have` when it comes back.

use std::collections::{BTreeMap, BTreeSet};

/// Conversation by conversation.
#[derive(Debug, Default)]
pub(crate) struct Have {
    conversations: BTreeMap<String, Held>,
}

#[derive(Debug, Default)]
struct Held {
    /// The highest `seq` that was pushed, or receipted as the next one.
    upto: u64,
    /// Own messages whose receipts were not the next ones yet.
    own: BTreeSet<u64>,
    /// What `behind` named and nobody has fetched yet: the head that it named, and the highest `seq` pushed above it.
    behind: Option<(u64, u64)>,
}

impl Have {
    /// Holds nothing of these, but knows of them.
    pub(crate) fn of(conversations: impl IntoIterator<Item = String>) -> Self {
        let conversations = conversations.into_iter().map(|name| (name, Held::default())).collect();
        Self { conversations }
    }

    /// What is held of a conversation.
    pub(crate) fn upto(&self, conversation: &str) -> u64 {
        self.conversations.get(conversation).map_or(0, |held| held.upto)
    }

    /// As it stands in `hello`.
    pub(crate) fn to_json(&self) -> serde_json::Value {
        self.conversations
            .iter()
            .map(|(name, held)| (name.clone(), serde_json::Value::from(held.upto)))
            .collect()
    }

    /// A message was pushed.
    pub(crate) fn pushed(&mut self, conversation: &str, seq: u64) {
        let held = self.held(conversation);
        match &mut held.behind {
            Some((_, above)) => *above = seq.max(*above),
            None => held.upto = seq.max(held.upto),
        }
        held.take_own();
    }

    /// An own message was receipted.
    pub(crate) fn receipted(&mut self, conversation: &str, seq: u64) {
        let held = self.held(conversation);
        if seq > held.upto {
            held.own.insert(seq);
        }
        held.take_own();
    }

    /// Nothing up to `head` is pushed any more: it has to be fetched.
    pub(crate) fn fell_behind(&mut self, conversation: &str, after: u64, head: u64) {
        let held = self.held(conversation);
        // Another life of the store: what is held is forgotten.
        held.upto = held.upto.min(after);
        held.behind = Some((head, head));
    }

    /// Everything up to `seq` was fetched. True when nothing is left to fetch.
    pub(crate) fn fetched(&mut self, conversation: &str, seq: u64) -> bool {
        let held = self.held(conversation);
        held.upto = seq.max(held.upto);
        if let Some((head, above)) = held.behind
            && held.upto >= head
        {
            held.behind = None;
            held.upto = above.max(held.upto);
        }
        held.take_own();
        held.behind.is_none()
    }

    /// The conversations of which something has to be fetched.
    pub(crate) fn to_fetch(&self) -> Vec<String> {
        let behind = self.conversations.iter().filter(|(_, held)| held.behind.is_some());
        behind.map(|(name, _)| name.clone()).collect()
    }

    fn held(&mut self, conversation: &str) -> &mut Held {
        self.conversations.entry(conversation.to_owned()).or_default()
    }
}

impl Held {
    fn take_own(&mut self) {
        while self.behind.is_none() && self.own.remove(&(self.upto + 1)) {
            self.upto += 1;
        }
        let upto = self.upto;
        self.own.retain(|seq| *seq > upto);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_receipt_counts_when_it_is_the_next() {
        let mut have = Have::of(["d:1:2".to_owned()]);
        have.receipted("d:1:2", 3);
        have.receipted("d:1:2", 1);
        assert_eq!(have.upto("d:1:2"), 1);
        have.pushed("d:1:2", 2);
        assert_eq!(have.upto("d:1:2"), 3);
        assert_eq!(have.to_json(), serde_json::json!({ "d:1:2": 3 }));
    }

    #[test]
    fn what_is_behind_holds_the_rest_back_until_it_is_fetched() {
        let mut have = Have::default();
        have.pushed("g:a", 2);
        have.fell_behind("g:a", 2, 900);
        have.pushed("g:a", 901);
        assert_eq!((have.upto("g:a"), have.to_fetch()), (2, vec!["g:a".to_owned()]));
        assert!(!have.fetched("g:a", 202));
        assert!(have.fetched("g:a", 900));
        assert_eq!((have.upto("g:a"), have.to_fetch().len()), (901, 0));
    }
}
