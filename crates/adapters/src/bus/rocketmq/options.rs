//! How a RocketMQ is reached, and what its topics are called.

use std::time::Duration;

use ports::bus::POST_LIMIT;

/// Settings of a [`super::RocketMqBus`].
#[derive(Debug, Clone)]
pub struct RocketMqOptions {
    /// Its name servers, each `host:port`; at least one.
    pub name_servers: Vec<String>,
    /// The topic of messages to one node, which Java nodes read too.
    pub single: String,
    /// The topic of messages to everybody, which Java nodes read too.
    pub group: String,
    /// The topic of what no Java node should see.
    pub control: String,
    /// Whether topics and consumer groups that are missing are created.
    pub create: bool,
    /// The topic that a copy of every accepted message goes to.
    pub copy: Option<String>,
    /// How long one request to a broker may take before it is given up and, within [`POST_LIMIT`], tried again; 0, and more than that limit, is that limit.
    pub call_timeout: Duration,
}

impl RocketMqOptions {
    /// These name servers, with the topics' usual names; nothing is created, nothing copied.
    pub fn new(name_servers: impl IntoIterator<Item = impl Into<String>>) -> RocketMqOptions {
        RocketMqOptions {
            name_servers: name_servers.into_iter().map(Into::into).collect(),
            single: "SINGLE".to_owned(),
            group: "GROUP".to_owned(),
            control: "TRUNKLINE".to_owned(),
            create: false,
            copy: None,
            call_timeout: Duration::from_secs(3),
        }
    }

    /// The time of one request.
    pub(super) fn request_timeout(&self) -> Duration {
        if self.call_timeout.is_zero() { POST_LIMIT } else { self.call_timeout.min(POST_LIMIT) }
    }
}
