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
                    let Ok(()) = self.deliver(answer).await else { return };
                    if !broken {
                        self.board.hears(&self.queue);
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
