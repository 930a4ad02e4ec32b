//! The address of one queue of a topic.

use std::{fmt, sync::Arc};

/// One queue of a topic on one broker.
///
/// Queues order by topic, broker and number, so a sorted list of them is the same list in every process.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Queue {
    /// The topic.
    pub topic: Arc<str>,
    /// The name of the broker that holds it.
    pub broker: Arc<str>,
    /// Its number there, from 0.
    pub id: u32,
}

impl fmt::Display for Queue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.topic, self.broker, self.id)
    }
}
