//! What is done rarely: creating topics and consumer groups, asking for offsets, reading a stretch of a queue.
//!
//! Nothing here happens by itself: a client never creates what it was not told to.

use std::sync::Arc;

use serde_json::json;
use tokio::time::{Instant, sleep};

use crate::{
    Client, Error, Message, Queue, Tags, TopicRoute, Unreadable,
    codes::{request, response},
    frame::{Frame, Request},
    limits::{PULL_MESSAGES_MAX, ROUTE_APPEARS_POLL},
    link::Link,
    name,
    pull::Pull,
    route::BrokerAddresses,
};

/// A stretch of a queue, as [`Client::read`] found it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Stretch {
    /// The messages, in order.
    pub messages: Vec<Message>,
    /// Those among them that cannot be read.
    pub unreadable: Vec<Unreadable>,
    /// Where to read on; where it is not behind the offset asked for, there was nothing.
    pub next_offset: i64,
}

/// The group of Apache's own tools: it exists on every broker.
const TOOLS_GROUP: &str = "TOOLS_CONSUMER";
const PERM_READ_WRITE: u32 = 6;

impl Client {
    /// Makes sure that a topic exists: where the name servers know none, it is created with so many queues on every
    /// broker, and this waits until its route is known.
    /// A topic that exists is left as it is.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] by a broker that may not create it, or why a server could not be asked.
    pub async fn ensure_topic(&self, topic: &str, queues: u32) -> Result<Arc<TopicRoute>, Error> {
        match self.topic_route_now(topic).await {
            Err(Error::NoSuchTopic { .. }) => self.create_topic(topic, queues).await,
            other => other,
        }
    }

    /// Creates a topic with so many queues on every broker, and waits until its route is known.
    /// Where it exists, its number of queues becomes this one.
    ///
    /// # Errors
    ///
    /// As [`Client::ensure_topic`]; and [`Error::TimedOut`] when the broker has taken a change of an existing topic but
    /// the name server does not tell it.
    /// Name servers take one of two changes at the same broker in the same moment for old; the next change of any topic
    /// brings it to light.
    pub async fn create_topic(&self, topic: &str, queues: u32) -> Result<Arc<TopicRoute>, Error> {
        name::check_topic(topic)?;
        let create = Request::new(request::CREATE_TOPIC)
            .field("topic", topic)
            .field("defaultTopic", "TBW102")
            .field("readQueueNums", queues)
            .field("writeQueueNums", queues)
            .field("perm", PERM_READ_WRITE)
            .field("topicFilterType", "SINGLE_TAG")
            .field("topicSysFlag", 0)
            .field("order", false);
        let masters = self.masters().await?;
        for master in &masters {
            self.ask(master, &create).await?;
        }
        let all = masters.len() * queues as usize;
        let within = self.core.config.request_timeout;
        let deadline = Instant::now() + within;
        loop {
            match self.topic_route_now(topic).await {
                Ok(route) if route.writable.len() >= all => return Ok(route),
                Ok(_) | Err(Error::NoSuchTopic { .. }) if Instant::now() < deadline => {
                    sleep(ROUTE_APPEARS_POLL).await;
                }
                Ok(_) => {
                    let address = format!("the name server, asked for all {all} queues of {topic},");
                    return Err(Error::TimedOut { address, after: within });
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Makes sure that every broker knows a consumer group; creates it where one does not.
    ///
    /// # Errors
    ///
    /// As [`Client::create_group`].
    pub async fn ensure_group(&self, group: &str) -> Result<(), Error> {
        name::check_group(group)?;
        for master in self.masters().await? {
            match self.probe_group(group, &master).await {
                Err(Error::NoSuchGroup { .. }) => self.create_group_at(group, &master).await?,
                other => other?,
            }
        }
        Ok(())
    }

    /// Creates a consumer group on every broker, with the usual settings; where it exists, it gets them.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] by a broker that may not create it, or why a server could not be asked.
    pub async fn create_group(&self, group: &str) -> Result<(), Error> {
        name::check_group(group)?;
        for master in self.masters().await? {
            self.create_group_at(group, &master).await?;
        }
        Ok(())
    }

    /// The offset behind the newest message of a queue; 0 also where the broker knows no such topic.
    ///
    /// Cancel-safe.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`], or why the broker could not be asked.
    pub async fn max_offset(&self, queue: &Queue) -> Result<i64, Error> {
        self.offset(request::MAX_OFFSET, queue).await
    }

    /// The offset of the oldest message that the broker still has of a queue.
    ///
    /// Cancel-safe.
    ///
    /// # Errors
    ///
    /// As [`Client::max_offset`].
    pub async fn min_offset(&self, queue: &Queue) -> Result<i64, Error> {
        self.offset(request::MIN_OFFSET, queue).await
    }

    /// Reads what a queue holds from an offset on, without waiting: as much as the broker gives in one answer.
    /// No consumer group is involved, and nothing changes at the broker.
    ///
    /// Cancel-safe.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`], [`Error::Malformed`], or why the broker could not be asked.
    pub async fn read(&self, queue: &Queue, offset: i64) -> Result<Stretch, Error> {
        let tags = Tags::every();
        let pull = Pull {
            group: TOOLS_GROUP,
            queue,
            offset,
            tags: &tags,
            messages_max: PULL_MESSAGES_MAX,
            hold: None,
        };
        let link = self.core.reader(&queue.broker)?;
        let answer = self.core.call(&link, &pull.request()).await?;
        let answer = pull.read(answer, link.address(), self.core.config.inflated_bytes_max)?;
        let mut stretch = Stretch { next_offset: answer.next_offset, ..Stretch::default() };
        if answer.pulled.broken && answer.pulled.entries.is_empty() {
            return Err(Error::malformed(link.address(), "messages that are cut off"));
        }
        for entry in answer.pulled.entries {
            let offset = entry.as_ref().map_or_else(|unreadable| unreadable.offset, |message| message.offset);
            if answer.pulled.broken {
                stretch.next_offset = offset + 1;
            }
            match entry {
                Ok(message) => stretch.messages.push(message),
                Err(unreadable) => stretch.unreadable.push(unreadable),
            }
        }
        Ok(stretch)
    }

    /// Whether the broker lets this group pull: it answers that before it looks at anything else.
    async fn probe_group(&self, group: &str, broker: &Arc<Link>) -> Result<(), Error> {
        let queue = Queue { topic: "SELF_TEST_TOPIC".into(), broker: "".into(), id: 0 };
        let tags = Tags::every();
        let pull = Pull { group, queue: &queue, offset: 0, tags: &tags, messages_max: 1, hold: None };
        let answer = self.core.call(broker, &pull.request()).await?;
        if answer.code == response::GROUP_NOT_EXIST {
            let (group, address) = (group.to_owned(), broker.address().to_owned());
            return Err(Error::NoSuchGroup { group, address });
        }
        Ok(())
    }

    async fn create_group_at(&self, group: &str, broker: &Arc<Link>) -> Result<(), Error> {
        let settings = json!({
            "groupName": group,
            "consumeEnable": true,
            "consumeFromMinEnable": true,
            "consumeBroadcastEnable": true,
            "retryQueueNums": 1,
            "retryMaxTimes": 16,
            "brokerId": 0,
            "whichBrokerWhenConsumeSlowly": 1,
            "notifyConsumerIdsChangedEnable": true,
        });
        let create = Request::new(request::CREATE_GROUP).body(settings.to_string());
        self.ask(broker, &create).await.map(drop)
    }

    async fn offset(&self, code: i32, queue: &Queue) -> Result<i64, Error> {
        let link = self.core.reader(&queue.broker)?;
        let question = Request::new(code).field("topic", &queue.topic).field("queueId", queue.id);
        let answer = self.ask(&link, &question).await?;
        answer
            .number("offset")
            .ok_or_else(|| Error::malformed(link.address(), "an answer without the offset asked for"))
    }

    async fn masters(&self) -> Result<Vec<Arc<Link>>, Error> {
        let brokers = self.core.routes.brokers().await?;
        let masters = brokers.values().filter_map(BrokerAddresses::to_write);
        Ok(masters.map(|address| self.core.brokers.to(address)).collect())
    }

    async fn ask(&self, link: &Arc<Link>, request: &Request) -> Result<Frame, Error> {
        let answer = self.core.call(link, request).await?;
        if answer.code == response::SUCCESS {
            Ok(answer)
        } else {
            Err(Error::refused(link.address(), answer.code, &answer.remark))
        }
    }
}
