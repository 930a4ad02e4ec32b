//! Reads all the time, comes back after every fault with what it holds, and is shown every message exactly once and in order.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};
use testkit::client::{Ended, V1Client};
use tokio::sync::watch;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use crate::ledger::Log;
use crate::login;

/// Between two looks at whether to stop, and two tries to log in.
const PAUSE: Duration = Duration::from_millis(50);
/// As for the writers: a restart waits for the lease of the life before.
const LOGIN_DEADLINE: Duration = Duration::from_secs(40);

/// The highest place that a reader holds of each conversation.
pub(crate) type Have = BTreeMap<String, u64>;

/// One user who reads.
pub(crate) struct Reader {
    url: String,
    have: watch::Sender<Have>,
    log: Log,
    epoch: Value,
}

impl Reader {
    /// Reads these conversations, from their beginning.
    pub(crate) fn new(url: &str, conversations: &[&str]) -> (Self, watch::Receiver<Have>) {
        let none = conversations.iter().map(|conversation| ((*conversation).to_owned(), 0)).collect();
        let (have, seen) = watch::channel(none);
        (Self { url: format!("{url}&resume=1"), have, log: Log::new(), epoch: Value::Null }, seen)
    }

    /// Reads until it is told to stop; what it was shown.
    pub(crate) async fn run(mut self, stop: CancellationToken) -> Log {
        while !stop.is_cancelled() {
            let mut client = self.log_in().await;
            self.read(&mut client, &stop).await;
        }
        self.log
    }

    async fn log_in(&mut self) -> V1Client {
        let end = Instant::now() + LOGIN_DEADLINE;
        loop {
            if let Some(client) = login::try_once(&self.url).await {
                if self.epoch.is_null() {
                    self.epoch = client.welcome["epoch"].clone();
                }
                assert_eq!(client.welcome["epoch"], self.epoch, "a restart is not another store");
                return client;
            }
            assert!(Instant::now() < end, "{}: cannot log in", self.url);
            sleep(PAUSE).await;
        }
    }

    /// Reads until the session ends.
    async fn read(&mut self, client: &mut V1Client, stop: &CancellationToken) {
        let have = self.have.borrow().clone();
        let hello = json!({ "type": "hello", "id": "back", "epoch": self.epoch, "have": have });
        let sent = client.raw().send(&testkit::client::Frame::text(&hello.to_string())).await;
        if sent.is_err() {
            return;
        }
        while !stop.is_cancelled() {
            match client.try_next(PAUSE).await {
                Ok(frame) => self.take(&frame),
                Err(Ended::TimedOut) => {}
                Err(_) => return,
            }
        }
    }

    fn take(&mut self, frame: &Value) {
        match frame["type"].as_str() {
            Some("message") => {}
            Some("error" | "behind") => panic!("{}: {frame}", self.url),
            _ => return,
        }
        let conversation = frame["conversation"].as_str().unwrap();
        self.have.send_modify(|have| {
            let held = have.get_mut(conversation).unwrap_or_else(|| panic!("unexpected: {frame}"));
            assert_eq!(frame["seq"], *held + 1, "{conversation}: not the next one: {frame}");
            *held += 1;
        });
        let entry = (frame["from"].as_str().unwrap().to_owned(), frame["content"].clone());
        self.log.entry(conversation.to_owned()).or_default().push(entry);
    }
}
