//! The bus that is a RocketMQ, beside the Java nodes that use the same topics.
//!
//! Promises what [`Bus`] promises: postings with one key lie in one queue in their order, and what the broker has accepted is read by every
//! inbox that was open, also after an outage. An inbox ends when another is opened for its node on the same `RocketMqBus`; of one in another
//! process it cannot know (a node's name belongs to its lease). Nothing is created unless that is asked for.

mod inbox;
mod options;
mod outbox;
mod spread;
mod topics;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use ports::bus::{Bus, Inbox, POST_LIMIT, Posting};
use ports::{PortError, Seam, SeamState};
use rocketmq::{Client, Config, Queue, Start, TopicRoute};
use tokio::sync::watch;
use tokio::time::{Instant, timeout, timeout_at};
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;
use wire::id::{Boot, NodeName};

use super::health::Health;
use inbox::{Road, RocketMqInbox};
pub use options::RocketMqOptions;
use outbox::{Answer, NewParcel, Outbox};
use topics::port_error;

const SEAM: Seam = Seam::Bus;
/// How the broker's tools show who sends.
const PRODUCER_GROUP: &str = "trunkline";
/// Opening an inbox asks every queue of three topics for its end, and may create them.
const OPEN_LIMIT: Duration = Duration::from_secs(20);
/// How long a poster waits for an answer: the rest of the limit is for waking it up.
const ANSWER_LIMIT: Duration = POST_LIMIT.saturating_sub(Duration::from_millis(200));

/// What is known of the topics of one call.
type Routes<'a> = BTreeMap<&'a str, Result<Arc<TopicRoute>, rocketmq::Error>>;

/// A RocketMQ.
pub struct RocketMqBus {
    options: RocketMqOptions,
    client: Client,
    health: Arc<Health>,
    outboxes: Mutex<BTreeMap<Queue, Outbox>>,
    inboxes: Mutex<BTreeMap<NodeName, watch::Sender<u64>>>,
    couriers: TaskTracker,
    stop: CancellationToken,
    _stop_on_drop: DropGuard,
}

impl RocketMqBus {
    /// Connects to nothing yet. Belongs to the runtime that it is made in; its tasks end with it.
    ///
    /// # Errors
    ///
    /// When a setting is wrong.
    pub fn new(options: RocketMqOptions) -> Result<RocketMqBus, PortError> {
        let mut config = Config::new(options.name_servers.clone());
        config.producer_group = PRODUCER_GROUP.to_owned();
        config.request_timeout = options.request_timeout();
        config.connect_timeout = options.request_timeout();
        let client = Client::new(config).map_err(|error| port_error("set up RocketMQ", error))?;
        let stop = CancellationToken::new();
        Ok(RocketMqBus {
            options,
            client,
            health: Arc::new(Health::of("RocketMQ")),
            outboxes: Mutex::default(),
            inboxes: Mutex::default(),
            couriers: TaskTracker::new(),
            _stop_on_drop: stop.clone().drop_guard(),
            stop,
        })
    }

    /// The routes of the topics that are posted to, asked for once each.
    async fn routes<'a>(&self, topics: impl Iterator<Item = &'a str>, deadline: Instant) -> Routes<'a> {
        let mut routes = Routes::new();
        for topic in topics {
            if routes.contains_key(topic) {
                continue;
            }
            let route = timeout_at(deadline, self.client.topic_route(topic)).await;
            let route = route.unwrap_or_else(|_| Err(self.no_name_server()));
            if let Err(error) = &route {
                self.health.post_failed(error.to_string());
            }
            routes.insert(topic, route);
        }
        routes
    }

    fn no_name_server(&self) -> rocketmq::Error {
        rocketmq::Error::TimedOut { address: self.options.name_servers.join(";"), after: ANSWER_LIMIT }
    }

    /// Hands a parcel to the queue of its key.
    fn put(
        &self,
        routes: &Routes<'_>,
        topic: &str,
        key: &str,
        parcel: NewParcel,
    ) -> Result<Answer, PortError> {
        let during = parcel.during;
        let route = match routes.get(topic) {
            Some(Ok(route)) => route,
            Some(Err(error)) => return Err(port_error(during, error.clone())),
            None => return Err(port_error(during, self.no_name_server())),
        };
        let Some(queue) = spread::queue_of(key, &route.writable) else {
            return Err(PortError::outage(SEAM, during, format!("no queue of topic {topic} can be written")));
        };
        let mut outboxes = self.outboxes.lock().unwrap_or_else(PoisonError::into_inner);
        let outbox = outboxes.entry(queue.clone()).or_insert_with(|| {
            let (outbox, courier) = outbox::outbox(queue.clone(), self.client.clone(), self.health.clone());
            let stop = self.stop.clone();
            self.couriers.spawn(async move { stop.run_until_cancelled(courier.run()).await });
            outbox
        });
        Ok(outbox.put(parcel))
    }

    async fn open(&self, boot: &Boot) -> Result<RocketMqInbox, PortError> {
        let sources = topics::sources(&self.options, &boot.node)?;
        topics::prepare(&self.client, &self.options, &sources).await?;
        let [single, group, control] = sources;
        let roads = [self.follow(single).await?, self.follow(group).await?, self.follow(control).await?];
        self.health.answered();
        let (number, newest) = self.take_place(&boot.node);
        Ok(RocketMqInbox { roads, health: self.health.clone(), newest, number, outage: None })
    }

    async fn follow(&self, source: topics::Source) -> Result<Road, PortError> {
        let topics::Source { lane, topic, group, tags } = source;
        let followed = self.client.follow(&group, &topic, tags, Start::End).await;
        let follower = followed.map_err(|error| port_error("open an inbox", error))?;
        Ok(Road { lane, follower, is_deaf: false, heard_at: Instant::now() })
    }

    /// Tells the older inbox of the node, if there is one here, that it has been replaced.
    fn take_place(&self, node: &NodeName) -> (u64, watch::Receiver<u64>) {
        let mut inboxes = self.inboxes.lock().unwrap_or_else(PoisonError::into_inner);
        let newest = inboxes.entry(node.clone()).or_insert_with(|| watch::Sender::new(0));
        newest.send_modify(|number| *number += 1);
        let receiver = newest.subscribe();
        let number = *receiver.borrow();
        (number, receiver)
    }
}

#[async_trait]
impl Bus for RocketMqBus {
    async fn post(&self, postings: Vec<Posting>) -> Vec<Result<(), PortError>> {
        const DURING: &str = "post an envelope";
        let deadline = Instant::now() + ANSWER_LIMIT;
        let topics = postings.iter().map(|posting| topics::topic_of(&self.options, posting.lane));
        let routes = self.routes(topics, deadline).await;
        // All are handed over before any answer is waited for, and without a pause in between: that is their order.
        let mut answers = Vec::with_capacity(postings.len());
        for posting in &postings {
            answers.push(posting.check_lane().and_then(|()| {
                let topic = topics::topic_of(&self.options, posting.lane);
                let tag = Some(topics::tag_of(posting.lane, &posting.to).to_owned());
                let body = posting.body.clone();
                self.put(&routes, topic, &posting.key, NewParcel { tag, body, deadline, during: DURING })
            }));
        }
        let mut results = Vec::with_capacity(answers.len());
        for answer in answers {
            results.push(match answer {
                Ok(answer) => answered(answer, deadline, DURING).await,
                Err(error) => Err(error),
            });
        }
        results
    }

    async fn open_inbox(&self, boot: &Boot) -> Result<Box<dyn Inbox>, PortError> {
        match timeout(OPEN_LIMIT, self.open(boot)).await {
            Ok(inbox) => Ok(Box::new(inbox?)),
            Err(_) => Err(PortError::timed_out(SEAM, "open an inbox", OPEN_LIMIT)),
        }
    }

    fn wants_copies(&self) -> bool {
        self.options.copy.is_some()
    }

    async fn copy(&self, key: Arc<str>, body: Bytes) -> Result<(), PortError> {
        const DURING: &str = "post a copy";
        let Some(topic) = self.options.copy.as_deref() else { return Ok(()) };
        let deadline = Instant::now() + ANSWER_LIMIT;
        let routes = self.routes(std::iter::once(topic), deadline).await;
        let answer =
            self.put(&routes, topic, &key, NewParcel { tag: None, body, deadline, during: DURING })?;
        answered(answer, deadline, DURING).await
    }

    fn state(&self) -> SeamState {
        self.health.state()
    }
}

/// A courier gives a parcel up a little earlier, so that its reason is the one that is told.
async fn answered(answer: Answer, deadline: Instant, during: &'static str) -> Result<(), PortError> {
    match timeout_at(deadline, answer).await {
        Ok(Ok(result)) => result,
        Ok(Err(_)) => Err(PortError::outage(SEAM, during, "the bus was closed")),
        Err(_) => Err(PortError::timed_out(SEAM, during, ANSWER_LIMIT)),
    }
}
