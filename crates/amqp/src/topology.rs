//! Exchanges and queues, as they are declared.

use std::time::Duration;

/// How an exchange finds the queues for a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Those bound with the very key of the message.
    Direct,
    /// All that are bound.
    Fanout,
    /// All that are bound; the exchange goes when the last of them goes.
    FanoutWhileBound,
}

impl Kind {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Kind::Direct => "direct",
            Kind::Fanout | Kind::FanoutWhileBound => "fanout",
        }
    }
}

/// What a queue is to be. It is durable, and not exclusive to its connection.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct QueueOptions {
    /// The queue goes when it had no consumer for this long.
    pub expires: Option<Duration>,
    /// What lies there for longer goes.
    pub message_ttl: Option<Duration>,
    /// More messages, or more bytes, than these are refused: who publishes them is told.
    pub messages_max: Option<u32>,
    /// See [`QueueOptions::messages_max`].
    pub bytes_max: Option<u64>,
}

/// How full a queue is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Depth {
    /// Messages that wait for a consumer.
    pub messages: u32,
    /// Consumers.
    pub consumers: u32,
}
