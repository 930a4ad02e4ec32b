//! The way out to one queue: what waits goes as one batch, one batch is under way, and one without an answer goes again before anything later.
//!
//! So what lies in the queue is in the order in which it was posted, repeats aside. Everything waits for a bounded time in a bounded place.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use ports::PortError;
use rocketmq::{Client, Error, Outgoing, Queue};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep, timeout_at};

use super::SEAM;
use super::topics::port_error;
use crate::bus::health::Health;

/// Parcels that wait for one queue: with a batch every few milliseconds, a second of it.
const WAITING_MAX: usize = 4_096;
/// Parcels in one batch; more gain nothing.
const BATCH_PARCELS_MAX: usize = 256;
/// Bytes in one batch, its properties not counted; a broker takes 4 MiB by default.
const BATCH_BYTES_MAX: usize = 1 << 20;
/// Before a batch is sent again: a broker that restarts or is busy is not asked in a tight loop.
const RESEND_PAUSE: Duration = Duration::from_millis(100);

/// A courier gives a parcel up this much before its poster does, so that the true reason is told.
const ANSWER_MARGIN: Duration = Duration::from_millis(200);

/// What is to be sent.
pub(super) struct NewParcel {
    pub(super) tag: Option<String>,
    pub(super) body: Bytes,
    /// When its poster gives up waiting.
    pub(super) deadline: Instant,
    /// What errors say was being done.
    pub(super) during: &'static str,
}

/// One parcel on its way.
struct Parcel {
    content: NewParcel,
    answer: oneshot::Sender<Result<(), PortError>>,
}

/// Where the answer for a parcel comes from.
pub(super) type Answer = oneshot::Receiver<Result<(), PortError>>;

/// The end of an outbox that takes parcels.
#[derive(Debug, Clone)]
pub(super) struct Outbox {
    parcels: mpsc::Sender<Parcel>,
}

/// The end that sends them, for as long as it is polled.
pub(super) struct Courier {
    queue: Queue,
    client: Client,
    health: Arc<Health>,
    parcels: mpsc::Receiver<Parcel>,
    /// Taken from the channel, but too large for the last batch.
    next: Option<Parcel>,
}

pub(super) fn outbox(queue: Queue, client: Client, health: Arc<Health>) -> (Outbox, Courier) {
    let (sender, parcels) = mpsc::channel(WAITING_MAX);
    (Outbox { parcels: sender }, Courier { queue, client, health, parcels, next: None })
}

impl Outbox {
    /// Hands a parcel over, in the order of the calls.
    pub(super) fn put(&self, content: NewParcel) -> Answer {
        let (answer, answered) = oneshot::channel();
        let parcel = Parcel { content, answer };
        let bytes = parcel.content.body.len();
        if bytes > BATCH_BYTES_MAX {
            let what = format!("{bytes} bytes are more than the {BATCH_BYTES_MAX} that fit");
            parcel.fail(|during| PortError::refused(SEAM, during, what));
        } else if let Err(error) = self.parcels.try_send(parcel) {
            let what = format!("{WAITING_MAX} messages already wait for this queue");
            error.into_inner().fail(|during| PortError::outage(SEAM, during, what));
        }
        answered
    }
}

impl Courier {
    pub(super) async fn run(mut self) {
        while let Some(batch) = self.batch().await {
            self.deliver(batch).await;
        }
    }

    /// What waits, as much of it as fits; `None` when nothing can come any more.
    async fn batch(&mut self) -> Option<Vec<Parcel>> {
        let first = match self.next.take() {
            Some(parcel) => parcel,
            None => self.parcels.recv().await?,
        };
        let mut bytes = first.content.body.len();
        let mut batch = vec![first];
        while batch.len() < BATCH_PARCELS_MAX {
            let Ok(parcel) = self.parcels.try_recv() else { break };
            bytes += parcel.content.body.len();
            if bytes > BATCH_BYTES_MAX {
                self.next = Some(parcel);
                break;
            }
            batch.push(parcel);
        }
        Some(batch)
    }

    /// Sends a batch until it is taken, or refused for good, or the time of its parcels is over.
    async fn deliver(&self, mut batch: Vec<Parcel>) {
        let mut failure = None;
        while !expire(&mut batch, failure.as_ref()).is_empty() {
            match self.send(&batch).await {
                Ok(()) => {
                    self.health.answered();
                    return batch.into_iter().for_each(Parcel::taken);
                }
                Err(error) => {
                    self.health.post_failed(error.to_string());
                    if port_error("", error.clone()).retry == ports::Retry::Never {
                        return batch.into_iter().for_each(|parcel| parcel.failed(error.clone()));
                    }
                    failure = Some(error);
                    sleep(RESEND_PAUSE).await;
                }
            }
        }
    }

    async fn send(&self, batch: &[Parcel]) -> Result<(), Error> {
        let messages: Vec<Outgoing> = batch.iter().map(Parcel::message).collect();
        let sent = async {
            match messages.as_slice() {
                [message] => self.client.send(&self.queue, message).await,
                messages => self.client.send_batch(&self.queue, messages).await,
            }
        };
        // Nobody waits longer than the last of them, and what comes next is not to wait for an answer that nobody wants.
        let end = batch.iter().map(|parcel| parcel.content.deadline).max().unwrap_or_else(Instant::now);
        match timeout_at(end - ANSWER_MARGIN, sent).await {
            Ok(outcome) => outcome.accepted().map(drop),
            Err(_) => Err(Error::TimedOut { address: self.queue.to_string(), after: super::ANSWER_LIMIT }),
        }
    }
}

/// Fails the parcels whose time is over, and gives back the others.
fn expire<'a>(batch: &'a mut Vec<Parcel>, failure: Option<&Error>) -> &'a [Parcel] {
    const EARLIER: &str = "earlier messages of this queue are not answered yet";
    let now = Instant::now();
    for late in batch.extract_if(.., |parcel| parcel.content.deadline <= now + ANSWER_MARGIN) {
        match failure {
            Some(failure) => late.failed(failure.clone()),
            None => late.fail(|during| PortError::outage(SEAM, during, EARLIER)),
        }
    }
    batch
}

impl Parcel {
    fn message(&self) -> Outgoing {
        let message = Outgoing::new(self.content.body.clone());
        match &self.content.tag {
            Some(tag) => message.tag(tag.clone()),
            None => message,
        }
    }

    // Whoever posted may have given up waiting, so answers may go nowhere.

    fn taken(self) {
        self.answer.send(Ok(())).ok();
    }

    fn failed(self, error: Error) {
        self.fail(|during| port_error(during, error));
    }

    fn fail(self, error: impl FnOnce(&'static str) -> PortError) {
        self.answer.send(Err(error(self.content.during))).ok();
    }
}
