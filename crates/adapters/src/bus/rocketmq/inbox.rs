//! A node's queue on the bus: three topics read side by side, through outages.
//!
//! What was posted during an outage of the broker arrives after it; the inbox tells of the outage all the same, because what could not be
//! posted meanwhile, or was deleted, does not.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use ports::bus::{Inbox, Mail};
use rocketmq::{Follower, Item};
use tokio::sync::watch;
use tokio::time::Instant;
use wire::envelope::Lane;

use crate::bus::health::{Deaf, Health};

/// The least that is told of a stretch of messages that the broker no longer has: how long it was, nobody knows.
const GAP_MIN: Duration = Duration::from_secs(1);

/// The three topics.
pub(super) struct RocketMqInbox {
    pub(super) roads: [Road; 3],
    pub(super) health: Arc<Health>,
    /// The number of the newest inbox of this node here.
    pub(super) newest: watch::Receiver<u64>,
    pub(super) number: u64,
    /// When it last heard everything, while it does not.
    pub(super) outage: Option<Outage>,
}

/// One topic.
pub(super) struct Road {
    pub(super) lane: Lane,
    pub(super) follower: Follower,
    pub(super) is_deaf: bool,
    pub(super) heard_at: Instant,
}

/// An outage that is not over.
pub(super) struct Outage {
    since: Instant,
    _told: Deaf,
}

#[async_trait]
impl Inbox for RocketMqInbox {
    async fn next(&mut self) -> Option<Mail> {
        loop {
            let (number, [single, group, control]) = (self.number, &mut self.roads);
            // No road may hold up another.
            let heard = async {
                tokio::select! {
                    item = single.follower.recv() => (0, item),
                    item = group.follower.recv() => (1, item),
                    item = control.follower.recv() => (2, item),
                }
            };
            let (road, item) = tokio::select! {
                biased;
                // The adapter keeps the sender for as long as it lives; without it this inbox ends with its followers.
                Ok(_) = self.newest.wait_for(|newest| *newest != number) => return None,
                heard = heard => heard,
            };
            if let Some(mail) = self.take(road, item?) {
                return Some(mail);
            }
        }
    }
}

impl RocketMqInbox {
    fn take(&mut self, road: usize, item: Item) -> Option<Mail> {
        let road = self.roads.get_mut(road)?;
        let heard_before = std::mem::replace(&mut road.heard_at, Instant::now());
        match item {
            Item::Message(message) => Some(Mail::Arrived { lane: road.lane, body: message.body }),
            Item::Unreadable(unreadable) => {
                tracing::warn!(queue = %unreadable.queue, offset = unreadable.offset, "a message is unreadable: {}", unreadable.why);
                None
            }
            Item::Moved { queue, from, to } => {
                tracing::warn!(%queue, from, to, "the broker no longer has what was to be read next");
                Some(Mail::WasDeaf(heard_before.elapsed().max(GAP_MIN)))
            }
            Item::Interrupted { since, cause } => {
                road.is_deaf = true;
                let since = Instant::from_std(since);
                match &mut self.outage {
                    Some(outage) => outage.since = outage.since.min(since),
                    None => self.outage = Some(Outage { since, _told: self.health.deaf(cause.to_string()) }),
                }
                None
            }
            Item::Resumed { .. } => {
                road.is_deaf = false;
                if self.roads.iter().any(|road| road.is_deaf) {
                    return None;
                }
                self.outage.take().map(|outage| Mail::WasDeaf(outage.since.elapsed()))
            }
        }
    }
}
