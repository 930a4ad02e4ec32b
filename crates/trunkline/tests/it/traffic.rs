//! Writers and a reader at work, through whatever happens to the servers meanwhile.
//!
//! Three users write to one who reads, directly and in the group `team`, which they all are in.

use std::time::Duration;

use serde_json::json;
use testkit::cluster::Up;
use testkit::poll;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::ledger::{Ledger, Log};
use crate::reader::{Have, Reader};
use crate::say;
use crate::writer::Writer;

/// Those who write.
const WRITERS: [&str; 3] = ["1", "2", "3"];
/// The one who reads.
pub(crate) const READER: &str = "9";
/// What the reader follows: a conversation with each writer, and the group that all of them are in.
const CONVERSATIONS: [&str; 4] = ["d:1:9", "d:2:9", "d:3:9", "g:team"];
/// So many receipts more: traffic flows.
const SOME: usize = 40;
/// A fault that ends, or that needs no end, has healed by then.
pub(crate) const HEALED: Duration = Duration::from_secs(15);
/// A restart waits for the lease of the life before, 6 s where it outlives the process, and for two busy cores.
pub(crate) const RESTARTED: Duration = Duration::from_secs(25);

/// Writers and a reader at work.
pub(crate) struct Traffic {
    ledger: Ledger,
    have: watch::Receiver<Have>,
    stop_writing: CancellationToken,
    stop_reading: CancellationToken,
    writers: JoinSet<()>,
    reader: JoinSet<Log>,
}

impl Traffic {
    /// Starts to write and to read. The group must be there.
    pub(crate) fn start(up: &Up) -> Self {
        let (ledger, mut writers, mut reading) = (Ledger::default(), JoinSet::new(), JoinSet::new());
        let (stop_writing, stop_reading) = (CancellationToken::new(), CancellationToken::new());
        let (reader, have) = Reader::new(&up.url(READER, "web"), &CONVERSATIONS);
        reading.spawn(reader.run(stop_reading.clone()));
        for user in WRITERS {
            let to = vec![json!({ "user": READER }), json!({ "group": "team" })];
            let writer = Writer { url: up.url(user, "web"), to, ledger: ledger.clone() };
            writers.spawn(writer.run(stop_writing.clone()));
        }
        Self { ledger, have, stop_writing, stop_reading, writers, reader: reading }
    }

    /// Waits until some more messages were receipted.
    pub(crate) async fn flows(&mut self) {
        let before = self.ledger.count();
        poll::until("receipts", RESTARTED, async || {
            let more = self.ledger.count() - before;
            if more >= SOME { Ok(()) } else { Err(format!("{more} more receipts; {}", self.failure().await)) }
        })
        .await;
    }

    /// Waits until the traffic flows and the reader holds everything that was receipted by then; says how long after `since` that was.
    pub(crate) async fn heals(&mut self, what: &str, since: Instant, limit: Duration) {
        self.flows().await;
        self.reader_holds_everything(limit).await;
        say::healed(what, since.elapsed());
        assert!(since.elapsed() <= limit, "{what}: {:?} is longer than {limit:?}", since.elapsed());
    }

    async fn reader_holds_everything(&mut self, limit: Duration) {
        let heads = self.ledger.heads();
        poll::until("the reader holds what was receipted", limit, async || {
            let have = self.have.borrow().clone();
            let missing = heads.iter().find(|(conversation, head)| have[*conversation] < **head);
            match missing {
                None => Ok(()),
                Some(missing) => Err(format!("{missing:?} of {have:?}; {}", self.failure().await)),
            }
        })
        .await;
    }

    /// A writer or reader that panicked has said why on its own; waiting on would only hide it.
    async fn failure(&mut self) -> &'static str {
        let ended = self.writers.try_join_next().map(|ended| ended.map(drop));
        match ended.or_else(|| self.reader.try_join_next().map(|ended| ended.map(drop))) {
            None => "all are at work",
            Some(Ok(())) => panic!("somebody stopped working"),
            Some(Err(failed)) => std::panic::resume_unwind(failed.into_panic()),
        }
    }

    /// Lets the writers have their last receipts and the reader everything; what was promised, and what was shown.
    pub(crate) async fn stop(mut self) -> (Ledger, Log) {
        self.stop_writing.cancel();
        while let Some(ended) = self.writers.join_next().await {
            ended.unwrap();
        }
        self.reader_holds_everything(HEALED).await;
        self.stop_reading.cancel();
        let shown = self.reader.join_next().await.unwrap().unwrap();
        (self.ledger, shown)
    }
}
