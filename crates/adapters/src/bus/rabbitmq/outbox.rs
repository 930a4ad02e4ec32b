//! The way out: one connection, one channel, everything in the order in which it was posted.
//!
//! Many messages are under way at a time, and the broker confirms them in bulk.
//! What has no answer when the connection breaks goes again on the next one, in the same order, before anything later; so what is there
//! twice is there twice, but nothing overtakes. Everything waits for a bounded time in a bounded place.

use std::sync::Arc;

use ports::PortError;
use ports::bus::Address;
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::time::{sleep, timeout_at};

use super::SEAM;
use super::broker::Broker;
use super::error::Error;
use super::link::Notice;
use super::parcel::{Answer, Destination, NewParcel, Parcel};
use super::pause::Pause;
use super::publisher::{Event, Publisher, Way};
use super::unanswered::Unanswered;
use crate::bus::health::Health;

/// Parcels that wait: a third of a second of what a broker takes.
const WAITING_MAX: usize = 4_096;
/// Parcels without an answer. More gain nothing: a broker confirms thousands in the time that this takes.
const UNANSWERED_MAX: usize = 1_024;
/// What waits or has no answer, in bytes.
const HELD_BYTES_MAX: usize = 64 << 20;
/// What one parcel costs beside its body.
const PARCEL_BYTES: usize = 256;
/// The bodies of parcels without an answer: of so many there may be a second copy on its way to the system.
const UNANSWERED_BYTES_MAX: usize = 4 << 20;
/// The largest body that is posted, as on the other buses.
const BODY_BYTES_MAX: usize = 1 << 20;

/// The end of an outbox that takes parcels.
#[derive(Debug, Clone)]
pub(super) struct Outbox {
    parcels: mpsc::Sender<Parcel>,
    room: Arc<Semaphore>,
}

/// The end that sends them, for as long as it is polled.
pub(super) struct Courier {
    broker: Arc<Broker>,
    health: Arc<Health>,
    parcels: mpsc::Receiver<Parcel>,
    unanswered: Unanswered,
    /// Taken from the channel, not published yet.
    batch: Vec<Parcel>,
}

pub(super) fn outbox(broker: Arc<Broker>, health: Arc<Health>) -> (Outbox, Courier) {
    let (sender, parcels) = mpsc::channel(WAITING_MAX);
    let outbox = Outbox { parcels: sender, room: Arc::new(Semaphore::new(HELD_BYTES_MAX)) };
    (outbox, Courier { broker, health, parcels, unanswered: Unanswered::default(), batch: Vec::new() })
}

impl Outbox {
    /// Hands a parcel over, in the order of the calls; waits for room until its deadline.
    pub(super) async fn put(&self, content: NewParcel) -> Result<Answer, PortError> {
        let (bytes, during, deadline) = (content.body.len(), content.during, content.deadline);
        if bytes > BODY_BYTES_MAX {
            let what = format!("{bytes} bytes are more than the {BODY_BYTES_MAX} that fit");
            return Err(PortError::refused(SEAM, during, what));
        }
        let full = || PortError::outage(SEAM, during, "too many messages already wait for RabbitMQ");
        let (answer, answered) = oneshot::channel();
        let put = async {
            let cost = u32::try_from(bytes + PARCEL_BYTES).unwrap_or(u32::MAX);
            let room = self.room.clone().acquire_many_owned(cost).await.ok()?;
            let place = self.parcels.reserve().await.ok()?;
            place.send(Parcel { content, answer, _room: room });
            Some(answered)
        };
        timeout_at(deadline, put).await.ok().flatten().ok_or_else(full)
    }
}

impl Courier {
    pub(super) async fn run(mut self) {
        // Nobody is disturbed before there is something to say.
        let Some(first) = self.parcels.recv().await else { return };
        self.batch.push(first);
        let mut pause = Pause::default();
        loop {
            let failure = match self.broker.open_outbox().await {
                Ok(mut publisher) => {
                    pause = Pause::default();
                    self.health.answered();
                    match self.work(&mut publisher).await {
                        Ok(()) => return,
                        Err(error) => error,
                    }
                }
                Err(error) => error,
            };
            self.health.post_failed(failure.to_string());
            if failure.is_final() {
                self.refuse_all(&failure);
            }
            sleep(pause.next()).await;
        }
    }

    /// Sends what waits until nothing can come any more, or the connection breaks.
    async fn work(&mut self, publisher: &mut Publisher) -> Result<(), Error> {
        for parcel in self.unanswered.take_all().chain(std::mem::take(&mut self.batch)) {
            publish(&self.broker, &mut self.unanswered, publisher, parcel);
        }
        let mut is_blocked = false;
        loop {
            let room = UNANSWERED_MAX.saturating_sub(self.unanswered.len());
            let has_room = room > 0 && !is_blocked && self.unanswered.bytes() < UNANSWERED_BYTES_MAX;
            tokio::select! {
                event = publisher.next() => match event? {
                    Event::Answered(outcome) => {
                        if !is_blocked {
                            self.health.answered();
                        }
                        // It was deleted; the next copy finds another.
                        if self.unanswered.answer(outcome) {
                            self.broker.declare_copies(&publisher.link).await?;
                        }
                    }
                    Event::Noticed(Notice::Blocked(why)) => {
                        is_blocked = true;
                        self.health.post_failed(format!("RabbitMQ takes nothing for now: {why}"));
                    }
                    Event::Noticed(Notice::Unblocked) => {
                        is_blocked = false;
                        self.health.answered();
                    }
                },
                count = self.parcels.recv_many(&mut self.batch, room), if has_room => {
                    if count == 0 {
                        return Ok(());
                    }
                    for parcel in self.batch.drain(..) {
                        publish(&self.broker, &mut self.unanswered, publisher, parcel);
                    }
                }
            }
        }
    }

    /// Answers everything that waits: nobody should wait for what only a person can mend.
    fn refuse_all(&mut self, failure: &Error) {
        let taken = std::iter::from_fn(|| self.parcels.try_recv().ok());
        let all = self.unanswered.take_all().chain(std::mem::take(&mut self.batch)).chain(taken);
        for parcel in all {
            parcel.fail(|during| self.broker.port_error(during, failure.clone()));
        }
    }
}

/// Publishes a parcel, unless its poster has given up.
fn publish(broker: &Broker, unanswered: &mut Unanswered, publisher: &mut Publisher, parcel: Parcel) {
    if parcel.answer.is_closed() {
        return;
    }
    let content = &parcel.content;
    let (exchange, key) = match &content.to {
        Destination::Nodes(lane, to) => broker.names.way(*lane, to),
        Destination::Copies => ("", broker.copy_queue().unwrap_or_default()),
    };
    let mandatory = !matches!(content.to, Destination::Nodes(_, Address::All));
    publisher.publish(Way { exchange, key, mandatory }, content.body.clone());
    unanswered.push(parcel);
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::Instant;
    use wire::envelope::Lane;

    use super::super::RabbitMqOptions;
    use super::*;

    const SOON: Duration = Duration::from_millis(50);

    fn content(body: Vec<u8>) -> NewParcel {
        let to = Destination::Nodes(Lane::Single, Address::Node("node-1".parse().unwrap()));
        NewParcel { to, body: body.into(), deadline: Instant::now() + SOON, during: "post" }
    }

    #[tokio::test]
    async fn what_waits_is_bounded_in_bytes_and_in_number() {
        let health = Arc::new(Health::of("RabbitMQ"));
        let full = async |body: usize, room: usize| {
            let (outbox, _courier) = outbox(Broker::new(RabbitMqOptions::new([])), health.clone());
            let mut answers = Vec::new();
            for _ in 0..room {
                answers.push(outbox.put(content(vec![0; body])).await.unwrap());
            }
            let error = outbox.put(content(vec![0; body])).await.err().unwrap();
            assert_ne!(error.retry, ports::Retry::Never, "{}", error.chain());
        };
        full(BODY_BYTES_MAX, HELD_BYTES_MAX / (BODY_BYTES_MAX + PARCEL_BYTES)).await;
        full(1, WAITING_MAX).await;
        let (outbox, _courier) = outbox(Broker::new(RabbitMqOptions::new([])), health.clone());
        let error = outbox.put(content(vec![0; BODY_BYTES_MAX + 1])).await.err().unwrap();
        assert_eq!(error.retry, ports::Retry::Never);
    }
}
