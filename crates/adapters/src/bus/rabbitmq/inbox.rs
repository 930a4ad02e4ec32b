//! A node's queue on the bus, read through outages.
//!
//! What the broker has confirmed and kept arrives after an outage, some of it for the second time; the inbox tells of the outage all the
//! same, because what could not be posted meanwhile, or became too old, does not.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use lapin::message::Delivery;
use ports::bus::{Inbox, Mail};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::{CancellationToken, DropGuard};
use wire::id::Boot;

use super::broker::{Broker, Resumed};
use super::error::Error;
use super::link::Link;
use super::names::Names;
use super::pause::Pause;
use super::subscription::Subscription;
use crate::bus::health::{Deaf, Health};

/// Mails that were read and not asked for yet. With what the broker sends ahead this is all that an inbox holds.
const READ_AHEAD: usize = 256;
/// Deliveries that are acknowledged at once: a quarter of what the broker sends ahead.
const ACK_EVERY: u32 = 64;
/// The longest that a delivery waits to be acknowledged with others; after a broken connection it comes once more.
const ACK_AFTER: Duration = Duration::from_millis(100);
/// Whoever deletes a queue to make it anew needs a moment for it.
const AFTER_CANCEL: Duration = Duration::from_millis(300);

/// The end that a node reads.
pub(super) struct RabbitMqInbox {
    mails: mpsc::Receiver<Mail>,
    _leave_on_drop: DropGuard,
}

#[async_trait]
impl Inbox for RabbitMqInbox {
    async fn next(&mut self) -> Option<Mail> {
        self.mails.recv().await
    }
}

/// The end that reads the queue, for as long as it is polled.
pub(super) struct Reader {
    broker: Arc<Broker>,
    health: Arc<Health>,
    boot: Boot,
    mails: mpsc::Sender<Mail>,
    /// Came, with its tag, and found no room yet.
    pending: VecDeque<(u64, Mail)>,
    left: CancellationToken,
}

/// Acknowledgements that are due together.
#[derive(Default)]
struct Acks {
    tag: u64,
    count: u32,
    due_at: Option<Instant>,
}

/// Why a link is not read any more.
enum Broken {
    /// It is lost.
    Lost(Error),
    /// The queue is no more: somebody else has taken it, or has taken it away.
    Cancelled,
}

pub(super) fn inbox(broker: Arc<Broker>, health: Arc<Health>, boot: &Boot) -> (RabbitMqInbox, Reader) {
    let (sender, mails) = mpsc::channel(READ_AHEAD);
    let left = CancellationToken::new();
    let inbox = RabbitMqInbox { mails, _leave_on_drop: left.clone().drop_guard() };
    (inbox, Reader { broker, health, boot: boot.clone(), mails: sender, pending: VecDeque::new(), left })
}

impl Reader {
    /// Reads until the inbox is dropped or another has taken its place.
    pub(super) async fn run(mut self, mut subscription: Subscription) {
        let left = self.left.clone();
        loop {
            let broken = tokio::select! {
                broken = self.read(&mut subscription) => broken,
                () = left.cancelled() => return self.leave(subscription.link).await,
            };
            drop(subscription);
            let heard_at = Instant::now() - broken.silence();
            let resumed = tokio::select! {
                resumed = self.resume(broken) => resumed,
                () = left.cancelled() => return,
            };
            let Some((next, deaf)) = resumed else { return self.hand_out().await };
            subscription = next;
            drop(deaf);
            self.pending.push_back((0, Mail::WasDeaf(heard_at.elapsed())));
        }
    }

    async fn read(&mut self, subscription: &mut Subscription) -> Broken {
        let mut acks = Acks::default();
        loop {
            self.hand_over(&mut acks);
            if acks.count >= ACK_EVERY {
                acks.send(&subscription.link);
            }
            let due_at = acks.due_at;
            let due = async {
                match due_at {
                    Some(due_at) => sleep_until(due_at).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                next = subscription.next() => match next {
                    Ok(Some(delivery)) => take(&self.broker.names, &mut self.pending, delivery),
                    Ok(None) => return Broken::Cancelled,
                    Err(error) => return Broken::Lost(error),
                },
                place = self.mails.reserve(), if !self.pending.is_empty() => {
                    if let (Ok(place), Some((tag, mail))) = (place, self.pending.pop_front()) {
                        place.send(mail);
                        acks.add(tag);
                    }
                }
                () = due => acks.send(&subscription.link),
            }
        }
    }

    /// Hands over as much as there is room for.
    fn hand_over(&mut self, acks: &mut Acks) {
        while !self.pending.is_empty() {
            let Ok(place) = self.mails.try_reserve() else { return };
            if let Some((tag, mail)) = self.pending.pop_front() {
                place.send(mail);
                acks.add(tag);
            }
        }
    }

    /// Connects again for as long as it takes; `None` when the queue is another's.
    async fn resume(&self, broken: Broken) -> Option<(Subscription, Option<Deaf>)> {
        let mut deaf = match broken {
            Broken::Lost(error) => Some(self.health.deaf(error.to_string())),
            Broken::Cancelled => {
                sleep(AFTER_CANCEL).await;
                None
            }
        };
        let mut pause = Pause::default();
        loop {
            match self.broker.resume_inbox(&self.boot).await {
                Ok(Resumed::Reading(subscription)) => return Some((subscription, deaf)),
                Ok(Resumed::Replaced) => return None,
                Err(error) => {
                    if deaf.is_none() {
                        deaf = Some(self.health.deaf(error.to_string()));
                    }
                    sleep(pause.next()).await;
                }
            }
        }
    }

    /// The last of the mail, for an inbox whose place is taken.
    async fn hand_out(mut self) {
        for (_, mail) in self.pending.drain(..) {
            if self.mails.send(mail).await.is_err() {
                return;
            }
        }
    }

    async fn leave(self, link: Link) {
        if let Err(error) = self.broker.leave(link, &self.boot.node).await {
            tracing::debug!("the queue of {} goes by itself: {error}", self.boot.node);
        }
    }
}

fn take(names: &Names, pending: &mut VecDeque<(u64, Mail)>, delivery: Delivery) {
    let Delivery { delivery_tag, exchange, data, .. } = delivery;
    match names.lane(exchange.as_str()) {
        Some(lane) => pending.push_back((delivery_tag, Mail::Arrived { lane, body: data.into() })),
        // Somebody has bound the queue to an exchange of their own, or writes to it by its name.
        None => {
            tracing::warn!(%exchange, "a message came by a way that is not ours");
        }
    }
}

impl Broken {
    /// For how long nothing was heard when this was found out.
    fn silence(&self) -> Duration {
        match self {
            Broken::Lost(error) => error.silence(),
            Broken::Cancelled => Duration::ZERO,
        }
    }
}

impl Acks {
    fn add(&mut self, tag: u64) {
        // What is told of ourselves has no tag.
        if tag > 0 {
            self.tag = tag;
            self.count += 1;
            self.due_at.get_or_insert_with(|| Instant::now() + ACK_AFTER);
        }
    }

    fn send(&mut self, link: &Link) {
        link.ack_up_to(self.tag);
        *self = Acks::default();
    }
}
