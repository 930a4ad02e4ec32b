//! How a RabbitMQ is reached, and how its exchanges and queues are called.

use std::fmt;
use std::time::Duration;

use ports::bus::POST_LIMIT;

/// Settings of a [`super::RabbitMqBus`].
#[derive(Clone)]
pub struct RabbitMqOptions {
    /// Its nodes, tried one after the other; at least one.
    pub servers: Vec<(String, u16)>,
    /// The user.
    pub user: String,
    /// The user's password; never shown.
    pub password: String,
    /// The virtual host.
    pub virtual_host: String,
    /// How the names of our exchanges and queues begin.
    pub prefix: String,
    /// The queue that a copy of every accepted message goes to.
    pub copy: Option<String>,
    /// How long connecting may take, and the answer to one request; 0, and more than [`POST_LIMIT`], is that limit.
    pub call_timeout: Duration,
}

impl RabbitMqOptions {
    /// These servers, as everybody's guest; nothing is copied.
    pub fn new(servers: impl IntoIterator<Item = (String, u16)>) -> RabbitMqOptions {
        RabbitMqOptions {
            servers: servers.into_iter().collect(),
            user: "guest".to_owned(),
            password: "guest".to_owned(),
            virtual_host: "/".to_owned(),
            prefix: "trunkline".to_owned(),
            copy: None,
            call_timeout: Duration::from_secs(3),
        }
    }

    pub(super) fn call_timeout(&self) -> Duration {
        if self.call_timeout.is_zero() { POST_LIMIT } else { self.call_timeout.min(POST_LIMIT) }
    }
}

impl fmt::Debug for RabbitMqOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RabbitMqOptions")
            .field("servers", &self.servers)
            .field("user", &self.user)
            .field("virtual_host", &self.virtual_host)
            .field("prefix", &self.prefix)
            .field("copy", &self.copy)
            .finish_non_exhaustive()
    }
}
