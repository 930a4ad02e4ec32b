//! The bus that is a RabbitMQ.
//!
//! Promises what [`Bus`] promises, and more: everything that one process posts keeps its order, what the broker has confirmed and not
//! dropped for its age arrives, also after a restart of it, and an inbox ends when another is opened for its node in whatever process.
//! Exchanges and queues are made as they are needed; `docs/decisions/0016-rabbitmq.md` says which, and why.

mod broker;
mod error;
mod inbox;
mod link;
mod names;
mod options;
mod outbox;
mod parcel;
mod pause;
mod plug;
mod publisher;
mod returns;
mod subscription;
mod unanswered;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use ports::bus::{Bus, Inbox, POST_LIMIT, Posting};
use ports::{PortError, Seam, SeamState};
use tokio::time::{Instant, timeout, timeout_at};
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;
use wire::id::Boot;

use super::health::Health;
use broker::Broker;
pub use options::RabbitMqOptions;
use outbox::Outbox;
use parcel::{Answer, Destination, NewParcel};

const SEAM: Seam = Seam::Bus;
/// Opening an inbox is a dozen requests, on a broker that may just have started.
const OPEN_LIMIT: Duration = Duration::from_secs(20);
/// How long a poster waits for an answer: the rest of the limit is for waking it up.
const ANSWER_LIMIT: Duration = POST_LIMIT.saturating_sub(Duration::from_millis(200));

/// A RabbitMQ.
pub struct RabbitMqBus {
    broker: Arc<Broker>,
    health: Arc<Health>,
    outbox: Outbox,
    tasks: TaskTracker,
    stop: CancellationToken,
    _stop_on_drop: DropGuard,
}

impl RabbitMqBus {
    /// Connects to nothing yet. Belongs to the runtime that it is made in; its tasks end with it.
    pub fn new(options: RabbitMqOptions) -> RabbitMqBus {
        let (broker, health) = (Broker::new(options), Arc::new(Health::of("RabbitMQ")));
        let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
        let (outbox, courier) = outbox::outbox(broker.clone(), health.clone());
        let stopped = stop.clone();
        tasks.spawn(async move { stopped.run_until_cancelled(courier.run()).await });
        RabbitMqBus { broker, health, outbox, tasks, _stop_on_drop: stop.clone().drop_guard(), stop }
    }

    async fn open(&self, boot: &Boot) -> Result<Box<dyn Inbox>, PortError> {
        let opened = self.broker.open_inbox(boot).await;
        let (subscription, left) = opened.map_err(|error| self.broker.port_error("open an inbox", error))?;
        if left > 0 {
            tracing::info!(messages = left, node = %boot.node, "dropped what an earlier boot of this node had not read");
        }
        self.health.answered();
        let (inbox, reader) = inbox::inbox(self.broker.clone(), self.health.clone(), boot);
        let stopped = self.stop.clone();
        self.tasks.spawn(async move { stopped.run_until_cancelled(reader.run(subscription)).await });
        Ok(Box::new(inbox))
    }

    /// The answer for a parcel; one that does not come is told with what is known of the broker.
    async fn answered(
        &self,
        answer: Answer,
        deadline: Instant,
        during: &'static str,
    ) -> Result<(), PortError> {
        match timeout_at(deadline, answer).await {
            Ok(Ok(answer)) => answer,
            // Its courier has stopped with the bus.
            Ok(Err(_)) => Err(PortError::outage(SEAM, during, "the bus has been closed")),
            Err(_) => {
                if let SeamState { up: false, note: Some(why) } = self.health.state() {
                    return Err(PortError::outage(SEAM, during, why));
                }
                let error = PortError::timed_out(SEAM, during, ANSWER_LIMIT);
                self.health.post_failed(error.chain());
                Err(error)
            }
        }
    }
}

#[async_trait]
impl Bus for RabbitMqBus {
    async fn post(&self, postings: Vec<Posting>) -> Vec<Result<(), PortError>> {
        const DURING: &str = "post an envelope";
        let deadline = Instant::now() + ANSWER_LIMIT;
        // All are handed over before any answer is waited for: that is their order.
        let mut answers = Vec::with_capacity(postings.len());
        for posting in postings {
            let checked = posting.check_lane();
            let Posting { to, lane, body, .. } = posting;
            answers.push(match checked {
                Ok(()) => {
                    let to = Destination::Nodes(lane, to);
                    self.outbox.put(NewParcel { to, body, deadline, during: DURING }).await
                }
                Err(error) => Err(error),
            });
        }
        let mut results = Vec::with_capacity(answers.len());
        for answer in answers {
            results.push(match answer {
                Ok(answer) => self.answered(answer, deadline, DURING).await,
                Err(error) => Err(error),
            });
        }
        results
    }

    async fn open_inbox(&self, boot: &Boot) -> Result<Box<dyn Inbox>, PortError> {
        match timeout(OPEN_LIMIT, self.open(boot)).await {
            Ok(inbox) => inbox,
            Err(_) => Err(PortError::timed_out(SEAM, "open an inbox", OPEN_LIMIT)),
        }
    }

    fn wants_copies(&self) -> bool {
        self.broker.copy_queue().is_some()
    }

    async fn copy(&self, _key: Arc<str>, body: Bytes) -> Result<(), PortError> {
        const DURING: &str = "post a copy";
        if !self.wants_copies() {
            return Ok(());
        }
        let deadline = Instant::now() + ANSWER_LIMIT;
        let parcel = NewParcel { to: Destination::Copies, body, deadline, during: DURING };
        let answer = self.outbox.put(parcel).await?;
        self.answered(answer, deadline, DURING).await
    }

    fn state(&self) -> SeamState {
        self.health.state()
    }
}
