//! Sending: one message, or several as one, to a chosen queue.

use std::sync::Arc;

use bytes::Bytes;

use crate::{
    Client, Error, Outgoing, Queue, clock,
    codes::{request, response},
    frame::{Frame, Request},
    outgoing,
};

/// What became of a message that was given to [`Client::send`].
#[derive(Debug, Clone)]
#[must_use]
pub enum Outcome {
    /// The broker has it.
    Accepted(Receipt),
    /// It was certainly not stored: the broker refused it ([`Error::Refused`] has code and remark), or it never left.
    Refused(Error),
    /// The answer is missing: it may have been stored.
    /// Sending it again may store it twice.
    Unknown(Error),
}

/// The broker's word for a message, or for a batch of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// The broker's ids, in the order of the messages; they name the place in its log.
    pub message_ids: Vec<String>,
    /// Where it was stored.
    pub queue: Queue,
    /// The place of the first message in that queue; the others of a batch follow it.
    pub queue_offset: i64,
    /// How safely it was stored.
    pub stored: Stored,
}

/// How safely a message was stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stored {
    /// As the broker is configured to.
    AsConfigured,
    /// The broker has it in memory, but the disk was not flushed in time as configured.
    NotFlushed,
    /// The broker has it, but its replica did not confirm it in time as configured.
    NotReplicated,
    /// The broker has it, but no replica was there.
    WithoutReplica,
}

impl Outcome {
    /// For callers to whom everything but acceptance is an error.
    ///
    /// # Errors
    ///
    /// That of the other two outcomes; [`Error::may_have_happened`] still tells them apart.
    pub fn accepted(self) -> Result<Receipt, Error> {
        match self {
            Self::Accepted(receipt) => Ok(receipt),
            Self::Refused(error) | Self::Unknown(error) => Err(error),
        }
    }

    fn failed(error: Error) -> Self {
        if error.may_have_happened() { Self::Unknown(error) } else { Self::Refused(error) }
    }
}

/// The topic after which brokers that create topics by themselves model them.
const TEMPLATE_TOPIC: &str = "TBW102";
const TEMPLATE_QUEUES: u32 = 4;

impl Client {
    /// Sends one message to one queue and waits for the broker's answer, `request_timeout` at most.
    ///
    /// Dropping the future leaves the outcome unknown.
    pub async fn send(&self, queue: &Queue, message: &Outgoing) -> Outcome {
        let body = message.body().clone();
        let bytes_max = self.core.config.body_bytes_max;
        if body.len() > bytes_max {
            let bytes = body.len();
            return Outcome::Refused(Error::TooLarge { what: "the body of a message", bytes, bytes_max });
        }
        match message.encode_properties() {
            Ok(properties) => self.post(request::SEND, queue, properties, body).await,
            Err(error) => Outcome::Refused(error),
        }
    }

    /// Sends several messages to one queue as one: they are stored together, in order, or not at all.
    ///
    /// Dropping the future leaves the outcome unknown.
    pub async fn send_batch(&self, queue: &Queue, messages: &[Outgoing]) -> Outcome {
        let batch = outgoing::encode_batch(messages, self.core.config.body_bytes_max)
            .and_then(|body| Ok((outgoing::batch_properties()?, body)));
        match batch {
            Ok((properties, body)) => self.post(request::SEND_BATCH, queue, properties, body).await,
            Err(error) => Outcome::Refused(error),
        }
    }

    async fn post(&self, code: i32, queue: &Queue, properties: String, body: Bytes) -> Outcome {
        let link = match self.core.writer(&queue.broker) {
            Ok(link) => link,
            Err(error) => return Outcome::Refused(error),
        };
        // The protocol's short form of the field names.
        let request = Request::new(code)
            .field("a", &self.core.config.producer_group)
            .field("b", &queue.topic)
            .field("c", TEMPLATE_TOPIC)
            .field("d", TEMPLATE_QUEUES)
            .field("e", queue.id)
            .field("f", 0) // system flags: not compressed
            .field("g", clock::now_ms())
            .field("h", 0) // the user's flag
            .field("i", properties)
            .field("j", 0) // redeliveries
            .field("k", false) // unit mode
            .field("l", 0) // redeliveries at most
            .field("m", code == request::SEND_BATCH)
            .body(body);
        match self.core.call(&link, &request).await {
            Ok(answer) => self.read_answer(queue, link.address(), &answer),
            Err(error) => Outcome::failed(error),
        }
    }

    fn read_answer(&self, queue: &Queue, address: &str, answer: &Frame) -> Outcome {
        let stored = match answer.code {
            response::SUCCESS => Stored::AsConfigured,
            response::FLUSH_DISK_TIMEOUT => Stored::NotFlushed,
            response::FLUSH_REPLICA_TIMEOUT => Stored::NotReplicated,
            response::REPLICA_NOT_AVAILABLE => Stored::WithoutReplica,
            response::TOPIC_NOT_EXIST => {
                self.core.routes.doubt();
                return Outcome::Refused(Error::NoSuchTopic { topic: queue.topic.to_string() });
            }
            code => {
                self.core.routes.doubt();
                return Outcome::Refused(Error::refused(address, code, &answer.remark));
            }
        };
        let id = answer.number("queueId").and_then(|id| u32::try_from(id).ok());
        let (Some(id), Some(queue_offset)) = (id, answer.number("queueOffset")) else {
            return Outcome::Unknown(Error::malformed(
                address,
                "an acceptance without a queue and an offset",
            ));
        };
        let ids = answer.fields.get("msgId").map_or("", String::as_str);
        let queue = Queue { topic: Arc::clone(&queue.topic), broker: Arc::clone(&queue.broker), id };
        Outcome::Accepted(Receipt {
            message_ids: ids.split(',').filter(|id| !id.is_empty()).map(str::to_owned).collect(),
            queue,
            queue_offset,
            stored,
        })
    }
}
