//! One queue: pull, deliver, remember where, for ever.

use std::{sync::Arc, time::Duration};

use tokio::{
    sync::mpsc,
    time::{Instant, sleep},
};
use tracing::debug;

use super::{Item, Plan, board::Board};
use crate::{
    Error, Queue,
    client::Core,
    limits::{
        EMPTY_PULL_PAUSE, PULL_GRACE, PULL_MESSAGES_MAX, REFUSED_PULL_PAUSE_MAX, REFUSED_PULL_PAUSE_MIN,
    },
    pull::{Answer, Pull},
};

pub(super) struct Poller {
    pub(super) core: Arc<Core>,
    pub(super) plan: Arc<Plan>,
    pub(super) items: mpsc::Sender<Item>,
    pub(super) board: Arc<Board>,
    pub(super) queue: Queue,
    /// The next message to read.
    pub(super) offset: i64,
}

/// The reader is gone: there is nobody to pull for.
#[derive(Debug)]
struct ReaderGone;

impl Poller {
    /// Ends when the reader is gone.
    pub(super) async fn run(mut self) {
        // After a failure the first pull is not held by the broker: its answer says at once that all is well again.
        let mut hold = None;
        let mut refused_pause = REFUSED_PULL_PAUSE_MIN;
        loop {
            let begun = Instant::now();
            let error = match self.pull(hold).await {
                Ok(answer) => {
                    let broken = answer.pulled.broken;
                    let empty_at_once = hold.is_some()
                        && answer.pulled.entries.is_empty()
                        && answer.next_offset <= self.offset
                        && begun.elapsed() < EMPTY_PULL_PAUSE;
                    if !broken {
                        // Before the delivery: a slow reader is not an outage.
                        self.board.hears(&self.queue);
                    }
                    let Ok(()) = self.deliver(answer).await else { return };
                    if !broken {
                        hold = Some(self.core.config.poll_suspend);
                        refused_pause = REFUSED_PULL_PAUSE_MIN;
                        if empty_at_once {
                            sleep(EMPTY_PULL_PAUSE).await;
                        }
                        continue;
                    }
                    Error::malformed(&self.queue.broker, "messages that are cut off")
                }
                Err(error) => error,
            };
            debug!(queue = %self.queue, offset = self.offset, %error, "pull failed");
            // A lost connection is known at once; a time-out only tells that something happened since the question.
            let since = if matches!(error, Error::TimedOut { .. }) { begun } else { Instant::now() };
            self.board.deaf(&self.queue, since, &error);
            self.core.routes.doubt();
            hold = None;
            if !paced_by_its_link(&error) {
                sleep(refused_pause).await;
                refused_pause = (refused_pause * 2).min(REFUSED_PULL_PAUSE_MAX);
            }
        }
    }

    async fn pull(&self, hold: Option<Duration>) -> Result<Answer, Error> {
        let config = &self.core.config;
        let pull = Pull {
            group: &self.plan.group,
            queue: &self.queue,
            offset: self.offset,
            tags: &self.plan.tags,
            messages_max: PULL_MESSAGES_MAX,
            hold,
        };
        let within = hold.map_or(config.request_timeout, |hold| hold + PULL_GRACE);
        let link = self.core.reader(&self.queue.broker)?;
        let answer = link.call_held(&pull.request(), within).await?;
        pull.read(answer, link.address(), config.inflated_bytes_max)
    }

    async fn deliver(&mut self, answer: Answer) -> Result<(), ReaderGone> {
        if answer.moved && answer.next_offset != self.offset {
            let (from, to) = (self.offset, answer.next_offset);
            self.give(Item::Moved { queue: self.queue.clone(), from, to }).await?;
            self.offset = to;
        }
        for entry in answer.pulled.entries {
            let at = entry.as_ref().map_or_else(|unreadable| unreadable.offset, |message| message.offset);
            if at < self.offset {
                continue;
            }
            match entry {
                // The broker compares hashes of tags only.
                Ok(message) if !self.plan.tags.accept(message.tag()) => {}
                Ok(message) => self.give(Item::Message(message)).await?,
                Err(unreadable) => self.give(Item::Unreadable(unreadable)).await?,
            }
            self.offset = at + 1;
        }
        if !answer.pulled.broken {
            self.offset = self.offset.max(answer.next_offset);
        }
        Ok(())
    }

    async fn give(&self, item: Item) -> Result<(), ReaderGone> {
        self.items.send(item).await.map_err(|_| ReaderGone)
    }
}

/// After these, the next pull waits for the link to connect, which takes its own pauses.
fn paced_by_its_link(error: &Error) -> bool {
    matches!(error, Error::ConnectionLost { .. } | Error::TimedOut { .. } | Error::Unreachable { .. })
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::{Client, Config, Message, Properties, Tags, Unreadable, message::Pulled};

    fn queue() -> Queue {
        Queue { topic: "T".into(), broker: "a".into(), id: 0 }
    }

    fn at(offset: i64) -> Result<Message, Unreadable> {
        let properties = Properties::default();
        Ok(Message { queue: queue(), offset, born_ms: 0, stored_ms: 0, properties, body: Bytes::new() })
    }

    fn answer(offsets: &[i64], next_offset: i64) -> Answer {
        let entries = offsets.iter().map(|offset| at(*offset)).collect();
        Answer { pulled: Pulled { entries, broken: false }, next_offset, moved: false }
    }

    /// A poller at offset 10, what it delivers, and the client that keeps it going.
    fn rig() -> (Poller, mpsc::Receiver<Item>, Client) {
        let client = Client::new(Config::new(["127.0.0.1:1"])).expect("good settings");
        let (sender, items) = mpsc::channel(100);
        let plan = Plan { group: "g".to_owned(), topic: "T".into(), tags: Tags::every() };
        let poller = Poller {
            core: Arc::clone(&client.core),
            plan: Arc::new(plan),
            items: sender,
            board: Arc::new(Board::new(Duration::from_secs(1))),
            queue: queue(),
            offset: 10,
        };
        (poller, items, client)
    }

    fn delivered(items: &mut mpsc::Receiver<Item>) -> Vec<String> {
        let mut all = Vec::new();
        while let Ok(item) = items.try_recv() {
            all.push(match item {
                Item::Message(message) => format!("{}", message.offset),
                Item::Moved { from, to, .. } => format!("{from}->{to}"),
                other => format!("{other:?}"),
            });
        }
        all
    }

    #[tokio::test]
    async fn what_lies_before_the_offset_asked_for_is_not_delivered_again() {
        let (mut poller, mut items, _client) = rig();
        poller.deliver(answer(&[8, 9, 10, 11], 12)).await.expect("a reader");
        assert_eq!((delivered(&mut items), poller.offset), (vec!["10".to_owned(), "11".to_owned()], 12));
    }

    #[tokio::test]
    async fn the_brokers_next_offset_skips_what_it_filtered_and_never_goes_back() {
        let (mut poller, mut items, _client) = rig();
        poller.deliver(answer(&[], 40)).await.expect("a reader");
        assert_eq!(poller.offset, 40);
        poller.deliver(answer(&[], 0)).await.expect("a reader");
        assert_eq!((delivered(&mut items), poller.offset), (Vec::new(), 40));
    }

    #[tokio::test]
    async fn an_offset_that_is_gone_is_told_in_both_directions() {
        let (mut poller, mut items, _client) = rig();
        for (to, told) in [(50, "10->50"), (3, "50->3")] {
            poller.deliver(Answer { moved: true, ..answer(&[], to) }).await.expect("a reader");
            assert_eq!((delivered(&mut items), poller.offset), (vec![told.to_owned()], to));
        }
        poller.deliver(Answer { moved: true, ..answer(&[], 3) }).await.expect("a reader");
        assert_eq!(delivered(&mut items), Vec::<String>::new(), "nothing moved");
    }

    #[tokio::test]
    async fn behind_a_broken_answer_it_goes_on_after_the_last_whole_message() {
        let (mut poller, mut items, _client) = rig();
        let mut cut = answer(&[10, 11], 20);
        cut.pulled.broken = true;
        poller.deliver(cut).await.expect("a reader");
        assert_eq!((delivered(&mut items).len(), poller.offset), (2, 12));
    }

    #[tokio::test]
    async fn without_a_reader_it_ends() {
        let (mut poller, items, _client) = rig();
        drop(items);
        assert!(poller.deliver(answer(&[10], 11)).await.is_err());
    }
}
