//! Every fixed limit of the crate, with its unit and its reason.
//!
//! What a user may want to change is a field of [`crate::Config`] instead.

use std::time::Duration;

/// A name on the wire (topic, group) may be this long; the broker refuses more.
pub(crate) const TOPIC_BYTES_MAX: usize = 127;
/// As the broker's own limit for a consumer or producer group.
pub(crate) const GROUP_BYTES_MAX: usize = 255;
/// The broker reads the length of the properties as a signed 16-bit number, and adds some of its own (about 200 bytes).
pub(crate) const PROPERTIES_BYTES_MAX: usize = 32_000;
/// Messages in one batch; more gain nothing (measured: 64 already give ten times the rate of single sends).
pub(crate) const BATCH_MESSAGES_MAX: usize = 1_024;
/// The JSON header of a frame; real ones have a few hundred bytes, and properties are at most 32 KiB of it.
pub(crate) const HEADER_BYTES_MAX: usize = 1 << 20;
/// Queues of one topic over all brokers; more in a route means that it is not a route.
pub(crate) const ROUTE_QUEUES_MAX: usize = 16_384;
/// Topics whose routes are kept and refreshed; a client that asks for more gets answers that are not kept.
pub(crate) const ROUTES_KEPT_MAX: usize = 1_024;
/// Frames waiting for the socket of one connection, besides those that the writer has in hand.
pub(crate) const OUTGOING_FRAMES_MAX: usize = 256;
/// Waiting frames are written together up to this many bytes: one system call instead of many.
pub(crate) const WRITE_TOGETHER_BYTES: usize = 64 * 1024;
/// Space made in the read buffer at a time.
pub(crate) const READ_CHUNK_BYTES: usize = 64 * 1024;
/// Messages asked for in one pull; the broker gives 32 at most unless configured otherwise.
pub(crate) const PULL_MESSAGES_MAX: u32 = 64;
/// A pull that waits at the broker is given this much longer than it asked to be held: the broker looks at those that wait only every 5 s.
pub(crate) const PULL_GRACE: Duration = Duration::from_secs(8);
/// Pause after an empty answer that came at once although the broker was asked to hold the pull.
pub(crate) const EMPTY_PULL_PAUSE: Duration = Duration::from_millis(50);
/// Shortest and longest pause of a queue whose pull was refused; doubles in between.
pub(crate) const REFUSED_PULL_PAUSE_MIN: Duration = Duration::from_millis(100);
pub(crate) const REFUSED_PULL_PAUSE_MAX: Duration = Duration::from_secs(2);
/// Errors ask for fresh routes, but not more often than this: an outage must not become a storm on the name servers.
pub(crate) const ROUTE_REFRESH_PAUSE: Duration = Duration::from_millis(500);
/// A topic just created is asked for again after this long until the name server knows it (it takes about 10 ms).
pub(crate) const ROUTE_APPEARS_POLL: Duration = Duration::from_millis(10);
/// Saying good-bye must not hold up an end.
pub(crate) const UNREGISTER_TIMEOUT: Duration = Duration::from_secs(1);
