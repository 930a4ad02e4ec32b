//! The way out: one connection, one channel, everything in the order in which it was posted.
//!
//! Many messages are under way at a time, and the broker confirms them in bulk.
//! What has no answer when the connection breaks goes again on the next one, in the same order, before anything later; so what is there
//! twice is there twice, but nothing overtakes. Everything waits for a bounded time in a bounded place.

use std::collections::VecDeque;
use std::sync::Arc;

use amqp::{Confirmed, Error, Event, Link, Properties, Publication, Returned};
use bytes::Bytes;
use ports::PortError;
use ports::bus::{Address, NoInbox};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};
use tokio::time::{Instant, sleep, timeout_at};
use wire::envelope::Lane;

use super::SEAM;
use super::broker::Broker;
use super::pause::Pause;
use crate::bus::health::Health;

/// Parcels that wait: a third of a second of what a broker takes.
const WAITING_MAX: usize = 4_096;
/// Parcels without an answer. More gain nothing: a broker confirms thousands in the time that this takes.
const UNANSWERED_MAX: usize = 1_024;
/// What waits or has no answer, in bytes.
const HELD_BYTES_MAX: usize = 64 << 20;
/// What one parcel costs beside its body.
const PARCEL_BYTES: usize = 256;
/// Written to the connection ahead of what the system takes; more would only grow.
const UNWRITTEN_BYTES_MAX: usize = 1 << 20;
/// The largest body that is posted, as on the other buses.
const BODY_BYTES_MAX: usize = 1 << 20;
/// What a body is, for whoever looks with the broker's own tools.
const CONTENT_TYPE: &str = "application/json";

/// What is to be sent.
pub(super) struct NewParcel {
    pub(super) to: Destination,
    pub(super) body: Bytes,
    /// When its poster gives up waiting.
    pub(super) deadline: Instant,
    /// What errors say was being done.
    pub(super) during: &'static str,
}

/// Where a parcel goes.
pub(super) enum Destination {
    /// To nodes.
    Nodes(Lane, Address),
    /// Into the queue for copies.
    Copies,
}

/// One parcel on its way.
struct Parcel {
    content: NewParcel,
    answer: oneshot::Sender<Result<(), PortError>>,
    was_returned: bool,
    _room: OwnedSemaphorePermit,
}

/// Where the answer for a parcel comes from.
pub(super) type Answer = oneshot::Receiver<Result<(), PortError>>;

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
            place.send(Parcel { content, answer, was_returned: false, _room: room });
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
                Ok(mut link) => {
                    pause = Pause::default();
                    self.health.answered();
                    match self.work(&mut link).await {
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

    /// Sends what waits until nothing can come any more, or the link breaks.
    async fn work(&mut self, link: &mut Link) -> Result<(), Error> {
        for parcel in self.unanswered.take_all().chain(std::mem::take(&mut self.batch)) {
            publish(&self.broker, &mut self.unanswered, link, parcel);
        }
        let mut is_blocked = false;
        loop {
            link.flush()?;
            let room = UNANSWERED_MAX.saturating_sub(self.unanswered.len());
            let has_room = room > 0 && !is_blocked && link.unwritten_bytes() < UNWRITTEN_BYTES_MAX;
            tokio::select! {
                event = link.next() => match event? {
                    Event::Confirmed(confirmed) => {
                        if !is_blocked {
                            self.health.answered();
                        }
                        self.unanswered.confirm(confirmed);
                    }
                    Event::Returned(returned) => {
                        self.unanswered.mark_returned(&returned);
                        // Only copies go by the name of a queue: it was deleted, and the next one finds another.
                        if returned.exchange.is_empty() {
                            self.broker.declare_copies(link).await?;
                        }
                    }
                    Event::Blocked(why) => {
                        is_blocked = true;
                        self.health.post_failed(format!("RabbitMQ takes nothing for now: {why}"));
                    }
                    Event::Unblocked => {
                        is_blocked = false;
                        self.health.answered();
                    }
                    Event::Delivered(_) | Event::Cancelled => {}
                },
                count = self.parcels.recv_many(&mut self.batch, room), if has_room => {
                    if count == 0 {
                        return Ok(());
                    }
                    for parcel in self.batch.drain(..) {
                        publish(&self.broker, &mut self.unanswered, link, parcel);
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
fn publish(broker: &Broker, unanswered: &mut Unanswered, link: &mut Link, mut parcel: Parcel) {
    if parcel.answer.is_closed() {
        return;
    }
    parcel.was_returned = false;
    let content = &parcel.content;
    let (exchange, key) = match &content.to {
        Destination::Nodes(lane, to) => broker.names.way(*lane, to),
        Destination::Copies => ("", broker.copy_queue().unwrap_or_default()),
    };
    let mandatory = !matches!(content.to, Destination::Nodes(_, Address::All));
    let id = unanswered.next_number().to_string();
    link.publish(&Publication {
        exchange,
        key,
        mandatory,
        properties: Properties {
            persistent: true,
            content_type: Some(CONTENT_TYPE),
            message_id: mandatory.then_some(id.as_str()),
        },
        body: &content.body,
    });
    unanswered.push(parcel);
}

/// What was published on this link and has no answer, by number.
#[derive(Default)]
struct Unanswered {
    /// Those answered in between are gone.
    parcels: VecDeque<Option<Parcel>>,
    /// How many left at the front.
    gone: u64,
}

impl Unanswered {
    fn len(&self) -> usize {
        self.parcels.len()
    }

    /// The number that the next message has.
    fn next_number(&self) -> u64 {
        self.gone + self.parcels.len() as u64 + 1
    }

    fn push(&mut self, parcel: Parcel) {
        self.parcels.push_back(Some(parcel));
    }

    /// All of them, in order; the next link numbers from the beginning.
    fn take_all(&mut self) -> impl Iterator<Item = Parcel> + use<> {
        self.gone = 0;
        std::mem::take(&mut self.parcels).into_iter().flatten()
    }

    fn place(&self, number: u64) -> Option<usize> {
        usize::try_from(number.checked_sub(self.gone + 1)?).ok()
    }

    fn mark_returned(&mut self, returned: &Returned) {
        let id = returned.message_id.as_deref().and_then(|id| std::str::from_utf8(id).ok()?.parse().ok());
        let place = id.and_then(|number| self.place(number));
        if let Some(Some(parcel)) = place.and_then(|place| self.parcels.get_mut(place)) {
            parcel.was_returned = true;
        }
    }

    fn confirm(&mut self, confirmed: Confirmed) {
        let Some(place) = self.place(confirmed.number) else { return };
        let first = if confirmed.and_earlier { 0 } else { place };
        let last = (place + 1).min(self.parcels.len());
        for parcel in self.parcels.range_mut(first.min(last)..last).filter_map(Option::take) {
            parcel.confirmed(confirmed.taken);
        }
        while self.parcels.front().is_some_and(Option::is_none) {
            self.parcels.pop_front();
            self.gone += 1;
        }
    }
}

impl Parcel {
    // Whoever posted may have given up waiting, so answers may go nowhere.

    fn confirmed(self, taken: bool) {
        if !taken {
            return self.fail(|during| PortError::outage(SEAM, during, "a queue is full"));
        }
        if !self.was_returned {
            self.answer.send(Ok(())).ok();
            return;
        }
        match &self.content.to {
            Destination::Nodes(_, Address::Node(node)) => {
                let nobody = NoInbox { node: node.clone() };
                self.fail(|during| PortError::outage(SEAM, during, nobody));
            }
            _ => self.fail(|during| PortError::outage(SEAM, during, "the queue for copies is gone")),
        }
    }

    fn fail(self, error: impl FnOnce(&'static str) -> PortError) {
        self.answer.send(Err(error(self.content.during))).ok();
    }
}
