//! What was promised to the writers, and what the log holds in the end.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::{Value, json};
use testkit::client::V1Client;

/// The most that one page holds.
const PAGE_ITEMS_MAX: u64 = 200;

/// One receipt: this message is kept, there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Receipt {
    /// The conversation.
    pub(crate) conversation: String,
    /// The place in it.
    pub(crate) seq: u64,
    /// What it says.
    pub(crate) content: Value,
}

/// A message as a reader has it: who wrote it, and what it says.
pub(crate) type Entry = (String, Value);

/// What a reader was shown, conversation by conversation, in the order in which it came.
pub(crate) type Log = BTreeMap<String, Vec<Entry>>;

/// All receipts. Clones share them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ledger {
    receipts: Arc<Mutex<Vec<Receipt>>>,
}

impl Ledger {
    /// Takes down a receipt.
    pub(crate) fn add(&self, receipt: Receipt) {
        self.receipts().push(receipt);
    }

    /// How many there are.
    pub(crate) fn count(&self) -> usize {
        self.receipts().len()
    }

    /// The highest place promised in each conversation.
    pub(crate) fn heads(&self) -> BTreeMap<String, u64> {
        let mut heads = BTreeMap::new();
        for receipt in self.receipts().iter() {
            let head = heads.entry(receipt.conversation.clone()).or_insert(0);
            *head = receipt.seq.max(*head);
        }
        heads
    }

    /// Holds the log of the server, and what the reader was shown, against the receipts.
    ///
    /// # Panics
    ///
    /// When a message that was promised is not there, one is there twice, stands before an earlier one of its writer, or there is a hole.
    pub(crate) async fn settle(&self, reader: &mut V1Client, shown: &Log) {
        let receipts = self.receipts().clone();
        assert!(!receipts.is_empty());
        for (conversation, head) in self.heads() {
            let log = history(reader, &conversation).await;
            assert_eq!(log.len() as u64, head, "{conversation} holds more, or less, than was promised");
            for receipt in receipts.iter().filter(|receipt| receipt.conversation == conversation) {
                let (_, content) = &log[usize::try_from(receipt.seq).unwrap() - 1];
                assert_eq!(*content, receipt.content, "{conversation} at {}", receipt.seq);
            }
            let distinct: BTreeSet<_> =
                log.iter().map(|(writer, content)| (writer, content.to_string())).collect();
            assert_eq!(distinct.len(), log.len(), "{conversation} holds something twice");
            assert_in_order(&conversation, &log);
            assert_eq!(shown.get(&conversation), Some(&log), "{conversation}, as it was shown");
        }
    }

    fn receipts(&self) -> MutexGuard<'_, Vec<Receipt>> {
        self.receipts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Each writer counts in what it writes.
fn assert_in_order(conversation: &str, log: &[Entry]) {
    let mut last: BTreeMap<&str, u64> = BTreeMap::new();
    for (writer, content) in log {
        let number = content["n"].as_u64().unwrap();
        let before = last.insert(writer, number);
        assert!(before.is_none_or(|before| before < number), "{conversation}: {number} after {before:?}");
    }
}

/// A whole conversation, page by page, each message in its place.
async fn history(reader: &mut V1Client, conversation: &str) -> Vec<Entry> {
    let mut log = Vec::new();
    loop {
        let asked = json!({
            "type": "history", "conversation": conversation, "after": log.len(), "limit": PAGE_ITEMS_MAX,
        });
        let page = reader.request(asked).await;
        assert_eq!(page["type"], "page", "{page}");
        for message in page["messages"].as_array().unwrap() {
            assert_eq!(message["seq"], log.len() + 1, "{conversation} has a hole");
            log.push((message["from"].as_str().unwrap().to_owned(), message["content"].clone()));
        }
        if page["more"] == false {
            return log;
        }
    }
}
