//! What a broker says by itself.

use bytes::Bytes;

/// Something that the broker said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A message for our consumer.
    Delivered(Delivery),
    /// A mandatory message that no queue wanted; its confirmation comes after this.
    Returned(Returned),
    /// The broker is responsible for messages of ours now, or refuses them.
    Confirmed(Confirmed),
    /// The broker reads nothing more from this connection for now; why, for people.
    Blocked(String),
    /// It reads again.
    Unblocked,
    /// Our consumer is no more: its queue was deleted.
    Cancelled,
}

/// A message that arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// What acknowledges it.
    pub tag: u64,
    /// Whether it may have been delivered before.
    pub redelivered: bool,
    /// The exchange that it was published to.
    pub exchange: Bytes,
    /// The key that it was published with.
    pub key: Bytes,
    /// The body.
    pub body: Bytes,
}

/// A message that came back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Returned {
    /// The broker's reason.
    pub why: String,
    /// The exchange that it was published to.
    pub exchange: String,
    /// The key that it was published with.
    pub key: String,
    /// The publisher's name for it.
    pub message_id: Option<Bytes>,
}

/// What became of messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Confirmed {
    /// Whether the broker took them.
    pub taken: bool,
    /// The number of the message, as [`crate::Link::publish`] gave it.
    pub number: u64,
    /// Whether it is for all earlier ones too that have no answer yet.
    pub and_earlier: bool,
}

impl Confirmed {
    /// Whether it is the answer for this one, if that has none yet.
    pub fn covers(&self, number: u64) -> bool {
        self.number == number || (self.and_earlier && number < self.number)
    }
}
