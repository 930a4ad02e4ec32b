//! Writes all the time, and goes on after every fault as a client does: what has no receipt is sent again under its first id, in order.

use std::collections::VecDeque;
use std::time::Duration;

use serde_json::{Value, json};
use testkit::client::{Ended, Frame, V1Client};
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use crate::ledger::{Ledger, Receipt};
use crate::login;

/// What one writer has under way at most.
const WINDOW: usize = 8;
/// Between two messages of one writer: traffic, but not a benchmark on a busy machine.
const PACE: Duration = Duration::from_millis(25);
/// Nothing may take longer: a restart waits for the lease of the life before.
const ANSWER_DEADLINE: Duration = Duration::from_secs(40);

/// One user who writes to several, in turn.
pub(crate) struct Writer {
    /// Where it logs in.
    pub(crate) url: String,
    /// Whom it writes to: `{"user":…}` or `{"group":…}`.
    pub(crate) to: Vec<Value>,
    /// Whom it tells of its receipts.
    pub(crate) ledger: Ledger,
}

/// What has been sent and has no receipt yet.
struct Draft {
    id: String,
    number: u64,
    to: Value,
}

/// What a writer has under way.
#[derive(Default)]
struct UnderWay {
    drafts: VecDeque<Draft>,
    written: u64,
}

impl Writer {
    /// Writes until it is told to stop, and then waits for its last receipts.
    pub(crate) async fn run(self, stop: CancellationToken) {
        let mut under_way = UnderWay::default();
        loop {
            let mut client = self.log_in().await;
            if self.write(&mut client, &mut under_way, &stop).await.is_ok() {
                return client.close().await;
            }
        }
    }

    async fn log_in(&self) -> V1Client {
        let end = Instant::now() + ANSWER_DEADLINE;
        loop {
            if let Some(client) = login::try_once(&self.url).await {
                return client;
            }
            assert!(Instant::now() < end, "{}: cannot log in", self.url);
            sleep(PACE).await;
        }
    }

    /// Ends well when nothing more is to be written, and with `Err` when the session has ended.
    async fn write(
        &self,
        client: &mut V1Client,
        under_way: &mut UnderWay,
        stop: &CancellationToken,
    ) -> Result<(), Ended> {
        for draft in &under_way.drafts {
            send(client, draft).await?;
        }
        let mut answered_at = Instant::now();
        let mut next_at = Instant::now();
        loop {
            if stop.is_cancelled() && under_way.drafts.is_empty() {
                return Ok(());
            }
            if !stop.is_cancelled() && under_way.drafts.len() < WINDOW && Instant::now() >= next_at {
                next_at = Instant::now() + PACE;
                send(client, under_way.begin(&self.to)).await?;
            }
            match client.try_next(PACE).await {
                Ok(frame) if frame["type"] == "receipt" => {
                    answered_at = Instant::now();
                    self.ledger.add(under_way.end(&frame));
                }
                Ok(frame) => assert_ne!(frame["type"], "error", "{}: {frame}", self.url),
                Err(Ended::TimedOut) => {}
                Err(ended) => return Err(ended),
            }
            let overdue = !under_way.drafts.is_empty() && answered_at.elapsed() > ANSWER_DEADLINE;
            assert!(!overdue, "{}: no receipt for {ANSWER_DEADLINE:?}", self.url);
        }
    }
}

impl UnderWay {
    fn begin(&mut self, to: &[Value]) -> &Draft {
        let number = self.written;
        self.written += 1;
        let to = to[usize::try_from(number).unwrap() % to.len()].clone();
        self.drafts.push_back(Draft { id: format!("draft-{number}"), number, to });
        self.drafts.back().unwrap()
    }

    /// Receipts of one conversation come in the order of the sends.
    fn end(&mut self, receipt: &Value) -> Receipt {
        let found = self.drafts.iter().position(|draft| receipt["id"] == draft.id);
        let place = found.unwrap_or_else(|| panic!("a receipt for nothing: {receipt}"));
        let draft = self.drafts.remove(place).unwrap();
        let earlier = self.drafts.iter().take(place).find(|earlier| earlier.to == draft.to);
        assert!(earlier.is_none(), "a receipt before that of an earlier send: {receipt}");
        Receipt {
            conversation: receipt["conversation"].as_str().unwrap().to_owned(),
            seq: receipt["seq"].as_u64().unwrap(),
            content: content(&draft),
        }
    }
}

async fn send(client: &mut V1Client, draft: &Draft) -> Result<(), Ended> {
    let frame = json!({ "type": "send", "id": draft.id, "to": draft.to, "content": content(draft) });
    client.raw().send(&Frame::text(&frame.to_string())).await
}

fn content(draft: &Draft) -> Value {
    json!({ "n": draft.number, "text": "第几条" })
}
