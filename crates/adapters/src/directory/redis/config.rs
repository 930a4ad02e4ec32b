//! Where the Redis is and how the directory names its keys there; and its limits of time and number.

use std::fmt;
use std::time::Duration;

use ports::directory::CALL_LIMIT;

/// The Java original's key of a user's node is this and the user's id.
pub const CLASSIC_PREFIX: &str = "websocket-demo:userNode:";

/// Within it the directory itself ends a call: a little earlier than it promises, so that its own error arrives and not its caller's.
pub(super) const ANSWER_LIMIT: Duration = CALL_LIMIT.saturating_sub(Duration::from_millis(100));
/// For a connection with login and scripts to one host; half of a call, so that a second host can be tried within it.
pub(super) const CONNECT_LIMIT: Duration = Duration::from_millis(900);
/// Between a failed connect and the next: calls in between fail at once with its error, however many there are.
pub(super) const RECONNECT_PAUSE: Duration = Duration::from_millis(200);
/// A connection on which a call waited this long in vain is given up, with all that still waits to be written to it.
pub(super) const HANG_AFTER: Duration = Duration::from_secs(1);

/// Batches on their way at once. Redis answers no faster with more (measured: 64 and 256 differ by a half), and a hanging one holds no more.
pub(super) const IN_FLIGHT_MAX: usize = 256;
/// Commands in one batch: a Redis is busy with it for a few milliseconds, which others wait.
pub(super) const BATCH_COMMANDS_MAX: usize = 500;
/// Arguments of one script, for the same reason.
pub(super) const SCRIPT_ITEMS_MAX: usize = 1_000;
/// Traces of a dead boot that one call removes.
pub(super) const REAP_BATCH_MAX: usize = 500;
/// Calls of [`REAP_BATCH_MAX`] traces that a boot that ends makes for itself; what is left then is a reaper's.
pub(super) const END_BATCHES_MAX: usize = 4;
/// How often the Java original's key of a user is written again, while others log in and out, before it is left wrong.
/// Each round lost is another login that won meanwhile, so only a storm on one user comes near it; the call's deadline ends it too.
pub(super) const CLASSIC_ROUNDS_MAX: usize = 100;
/// Users in one step of looking for absent keys of the Java original.
pub(super) const REFRESH_BATCH_MAX: usize = 500;
/// Steps in one call of looking for them; the next call goes on from there.
pub(super) const REFRESH_STEPS_MAX: usize = 40;

/// An eviction list that nobody empties disappears after it; many times any lease.
pub(super) const EVICTIONS_LIFE: Duration = Duration::from_secs(10 * 60);
/// The lists of what a boot has where disappear after it, if neither the boot nor a reaper touches them.
pub(super) const TRACES_LIFE: Duration = Duration::from_secs(24 * 60 * 60);

/// Where the Redis is, and how the directory names its keys there.
#[derive(Clone)]
pub struct RedisDirectoryConfig {
    /// Hosts and ports; the first that answers and takes writes is used.
    pub hosts: Vec<(String, u16)>,
    /// The user of Redis' access control list; the default user if there is none.
    pub user: Option<String>,
    /// The password.
    pub password: Option<String>,
    /// The number of the database.
    pub database: u32,
    /// What all keys begin with, before a colon.
    pub prefix: String,
    /// What the Java original's keys begin with, where they are to be kept too; usually [`CLASSIC_PREFIX`].
    pub classic_prefix: Option<String>,
}

impl RedisDirectoryConfig {
    /// Without login, in database 0, with the prefix of a service and without the Java original's keys.
    pub fn new(hosts: Vec<(String, u16)>, service: &str) -> RedisDirectoryConfig {
        RedisDirectoryConfig {
            hosts,
            user: None,
            password: None,
            database: 0,
            prefix: format!("trunkline:{service}"),
            classic_prefix: None,
        }
    }
}

impl fmt::Debug for RedisDirectoryConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisDirectoryConfig")
            .field("hosts", &self.hosts)
            .field("user", &self.user)
            .field("password", &self.password.as_ref().map(|_| "…"))
            .field("database", &self.database)
            .field("prefix", &self.prefix)
            .field("classic_prefix", &self.classic_prefix)
            .finish()
    }
}
