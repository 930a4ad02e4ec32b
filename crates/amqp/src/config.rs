//! How a broker is reached, and as whom.

use std::fmt;
use std::time::Duration;

/// Settings of a [`crate::Link`].
#[derive(Clone, PartialEq, Eq)]
pub struct Config {
    /// The user.
    pub user: String,
    /// The user's password; never shown.
    pub password: String,
    /// The virtual host.
    pub virtual_host: String,
    /// What the broker's tools call this connection.
    pub name: String,
    /// How often each side says that it lives. One that says nothing for twice as long is taken for dead.
    pub heartbeat: Duration,
    /// How long connecting may take, and the answer to a request.
    pub call_timeout: Duration,
}

impl Config {
    /// This user on the virtual host `/`.
    pub fn new(user: impl Into<String>, password: impl Into<String>) -> Config {
        Config {
            user: user.into(),
            password: password.into(),
            virtual_host: "/".to_owned(),
            name: String::new(),
            heartbeat: Duration::from_secs(5),
            call_timeout: Duration::from_secs(3),
        }
    }
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config")
            .field("user", &self.user)
            .field("virtual_host", &self.virtual_host)
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}
