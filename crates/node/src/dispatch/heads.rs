//! The heads that other nodes may not have heard of, because a post or the reading of bindings failed after the commit.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use wire::id::{ConversationId, Seq};

/// Conversations to remember; with one more, it is "all of them".
const HEADS_MAX: usize = 10_000;
/// Between two tries: an outage that is over is noticed within a second.
const RETRY: Duration = Duration::from_secs(1);
/// Heads of one try.
const BATCH: usize = 500;

/// Conversations whose heads are to be told. `None` is all of them.
#[derive(Debug, Default)]
pub(crate) struct Heads {
    owed: Mutex<BTreeMap<Option<ConversationId>, Seq>>,
    wake: Notify,
}

impl Heads {
    /// Remembers a head.
    pub(crate) fn remember(&self, conversation: Option<ConversationId>, head: Seq) {
        {
            let mut owed = self.owed();
            if owed.contains_key(&None) {
                return;
            }
            if conversation.is_none() || owed.len() >= HEADS_MAX {
                owed.clear();
                owed.insert(None, 0);
            } else {
                let known = owed.entry(conversation).or_default();
                *known = head.max(*known);
            }
        }
        self.wake.notify_one();
    }

    /// True when nothing is owed.
    pub(crate) fn is_empty(&self) -> bool {
        self.owed().is_empty()
    }

    /// Waits until heads are owed and a moment has passed, and takes some. What fails again is remembered again.
    pub(crate) async fn due(&self) -> Vec<(Option<ConversationId>, Seq)> {
        while self.is_empty() {
            self.wake.notified().await;
        }
        tokio::time::sleep(RETRY).await;
        let mut owed = self.owed();
        let mut due = Vec::new();
        while due.len() < BATCH {
            let Some(head) = owed.pop_first() else { break };
            due.push(head);
        }
        due
    }

    fn owed(&self) -> MutexGuard<'_, BTreeMap<Option<ConversationId>, Seq>> {
        self.owed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
