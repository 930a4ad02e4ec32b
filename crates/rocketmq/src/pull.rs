//! One pull: the question, and what the broker's answer means.

use std::time::Duration;

use crate::{
    Error, Queue, Tags,
    codes::{request, response},
    frame::{Frame, Request},
    message::{self, Pulled},
};

/// A question for messages of one queue.
#[derive(Debug, Clone)]
pub(crate) struct Pull<'a> {
    pub(crate) group: &'a str,
    pub(crate) queue: &'a Queue,
    pub(crate) offset: i64,
    pub(crate) tags: &'a Tags,
    pub(crate) messages_max: u32,
    /// How long the broker may wait for a message before it says that there is none.
    pub(crate) hold: Option<Duration>,
}

/// What a broker answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) pulled: Pulled,
    /// Where to pull next, by the broker's count.
    pub(crate) next_offset: i64,
    /// The offset asked for does not exist: it was deleted, or never written.
    pub(crate) moved: bool,
}

/// The broker may hold this pull.
const SUSPEND: u32 = 2;
/// This pull says itself what it wants, so no heartbeat need have said it before.
const SUBSCRIPTION: u32 = 4;

impl Pull<'_> {
    pub(crate) fn request(&self) -> Request {
        let hold_ms = self.hold.unwrap_or_default().as_millis();
        let flags = if self.hold.is_some() { SUSPEND | SUBSCRIPTION } else { SUBSCRIPTION };
        Request::new(request::PULL)
            .field("consumerGroup", self.group)
            .field("topic", &self.queue.topic)
            .field("queueId", self.queue.id)
            .field("queueOffset", self.offset)
            .field("maxMsgNums", self.messages_max)
            .field("sysFlag", flags)
            .field("commitOffset", 0)
            .field("suspendTimeoutMillis", hold_ms)
            .field("subscription", self.tags)
            .field("subVersion", 0)
            .field("expressionType", "TAG")
    }

    pub(crate) fn read(
        &self,
        answer: Frame,
        address: &str,
        inflated_bytes_max: usize,
    ) -> Result<Answer, Error> {
        let next_offset = answer.number("nextBeginOffset");
        let (pulled, moved) = match answer.code {
            response::SUCCESS => (message::decode(answer.body, self.queue, inflated_bytes_max), false),
            response::PULL_NOT_FOUND | response::PULL_RETRY_IMMEDIATELY => (Pulled::default(), false),
            response::PULL_OFFSET_MOVED => (Pulled::default(), true),
            response::GROUP_NOT_EXIST => {
                let (group, address) = (self.group.to_owned(), address.to_owned());
                return Err(Error::NoSuchGroup { group, address });
            }
            response::TOPIC_NOT_EXIST => {
                return Err(Error::NoSuchTopic { topic: self.queue.topic.to_string() });
            }
            code => return Err(Error::refused(address, code, &answer.remark)),
        };
        let next_offset = next_offset
            .ok_or_else(|| Error::malformed(address, "a pull's answer without its next offset"))?;
        Ok(Answer { pulled, next_offset, moved })
    }
}
