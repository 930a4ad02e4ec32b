//! Following a topic: every queue of it, from a fixed point on, in order, through any number of reconnects.
//!
//! It promises:
//! * when [`Client::follow`] returns, the start offset of every queue is fixed: nothing sent after that is missed;
//! * messages of one queue come in its order, each once, also after the broker or the connection was away;
//! * queues that appear later are read from their beginning;
//! * the reader is told when it was deaf for longer than `deaf_after`, and of every offset that had to be skipped;
//! * a reader that is slow slows the pulls, and nothing else.
//!
//! It deliberately does not divide queues among consumers, and does not store offsets at the broker:
//! every follower reads all queues, and another life begins where it is told to.

mod board;
mod poller;
mod supervisor;

use std::{collections::HashSet, sync::Arc, time::Duration};

use tokio::{sync::mpsc, task::JoinHandle, time::Instant};

use crate::{Client, Error, Message, Queue, Tags, Unreadable, link::Patience, name, pull::Pull};
use board::Board;
use supervisor::Supervisor;

/// Where a follower begins in the queues that exist when it is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// Behind the newest message.
    End,
    /// At the oldest message that the broker still has.
    Beginning,
}

/// What a follower has to say.
#[derive(Debug, Clone)]
pub enum Item {
    /// A message.
    Message(Message),
    /// A message is there but cannot be read; the follower goes on behind it.
    Unreadable(Unreadable),
    /// The broker has no message at the offset that was to be read next, because it was deleted (`to` is larger) or
    /// because the broker lost it or was set up anew (`to` is smaller).
    Moved {
        /// The queue.
        queue: Queue,
        /// What was to be read next.
        from: i64,
        /// What is read next.
        to: i64,
    },
    /// At least one queue has not been heard since then; what is sent to it arrives later, if it was stored.
    Interrupted {
        /// The last moment at which everything was known to be well.
        since: std::time::Instant,
        /// Why.
        cause: Arc<Error>,
    },
    /// All queues are heard again; follows each `Interrupted`.
    /// What was stored meanwhile arrives around this item, before or after it.
    Resumed {
        /// How long it was.
        gap: Duration,
    },
}

/// A reader of all queues of one topic.
///
/// It ends when it is dropped, and when its client is closed or the client's last clone is dropped.
#[derive(Debug)]
pub struct Follower {
    items: mpsc::Receiver<Item>,
    supervisor: JoinHandle<()>,
}

/// What is followed.
#[derive(Debug)]
struct Plan {
    group: String,
    topic: Arc<str>,
    tags: Tags,
}

impl Client {
    /// Follows a topic.
    ///
    /// The group is what the broker's tools show; no two programs should share one.
    /// Cancel-safe: a dropped call leaves nothing behind.
    ///
    /// # Errors
    ///
    /// [`Error::NoSuchTopic`] and [`Error::NoSuchGroup`] where the broker does not create them by itself, or why a
    /// server could not be asked: every broker of the topic must answer.
    pub async fn follow(
        &self,
        group: &str,
        topic: &str,
        tags: Tags,
        start: Start,
    ) -> Result<Follower, Error> {
        name::check_group(group)?;
        name::check_topic(topic)?;
        let route = self.core.routes.watch(topic).await?;
        let plan = Arc::new(Plan { group: group.to_owned(), topic: Arc::from(topic), tags });
        let queues = route.borrow().readable.clone();
        let mut from = Vec::with_capacity(queues.len());
        for queue in queues {
            let offset = match start {
                Start::End => self.max_offset(&queue).await?,
                Start::Beginning => self.min_offset(&queue).await?,
            };
            from.push((queue, offset));
        }
        self.check_group_everywhere(&plan, &from).await?;
        let (sender, items) = mpsc::channel(self.core.config.follow_buffer_items_max);
        let board = Arc::new(Board::new(self.core.config.deaf_after));
        let supervisor = Supervisor::new(Arc::clone(&self.core), plan, sender, board, route, from);
        let supervisor = self.core.followers.spawn(supervisor.run());
        Ok(Follower { items, supervisor })
    }

    /// One pull at each broker, because a group that is missing shows only then.
    async fn check_group_everywhere(&self, plan: &Plan, from: &[(Queue, i64)]) -> Result<(), Error> {
        let mut asked = HashSet::new();
        for (queue, offset) in from {
            if !asked.insert(&queue.broker) {
                continue;
            }
            let pull = Pull {
                group: &plan.group,
                queue,
                offset: *offset,
                tags: &plan.tags,
                messages_max: 1,
                hold: None,
            };
            let link = self.core.reader(&queue.broker)?;
            let answer = link.call(&pull.request(), Patience::UntilDeadline).await?;
            pull.read(answer, link.address(), self.core.config.inflated_bytes_max)?;
        }
        Ok(())
    }
}

impl Follower {
    /// The next item; `None` once the client is closed and everything was taken.
    ///
    /// Cancel-safe: no item is lost.
    pub async fn recv(&mut self) -> Option<Item> {
        self.items.recv().await
    }

    /// Ends it and waits until nothing of it is left and the brokers were told (a second at most).
    pub async fn close(self) {
        drop(self.items);
        if let Err(error) = self.supervisor.await {
            tracing::error!(%error, "a follower ended abnormally");
        }
    }
}

/// For items, whose times a reader without Tokio's clock can use.
fn interrupted(since: Instant, cause: Arc<Error>) -> Item {
    Item::Interrupted { since: since.into_std(), cause }
}
