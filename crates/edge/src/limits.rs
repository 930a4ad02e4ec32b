//! What a client may use up before it is admitted, and the waits that belong to shaking hands.
//!
//! Those that a configuration knows come from `wire::limits`; the others stand here with their reason.

use std::time::Duration;

use wire::limits::Limits;

/// The limits of one listener.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HandshakeLimits {
    /// From accepting a socket (or from the last answer on it) to the end of the request head; then 408.
    pub timeout: Duration,
    /// Bytes of request line and headers; then 431.
    pub bytes_max: usize,
    /// Header fields; then 431.
    pub fields_max: usize,
    /// Upgrades that are being decided at the same time; then 503 with `Retry-After`.
    pub in_flight_max: usize,
    /// Sockets that are not, or not yet, WebSockets; a further one is closed without an answer.
    /// It has to be far above `in_flight_max`, so that a few thousand sockets that never speak keep nobody out.
    pub sockets_max: usize,
}

impl From<&Limits> for HandshakeLimits {
    fn from(limits: &Limits) -> Self {
        HandshakeLimits {
            timeout: limits.handshake_timeout,
            bytes_max: limits.handshake_bytes_max,
            fields_max: limits.handshake_fields_max,
            in_flight_max: limits.handshakes_in_flight_max,
            sockets_max: SOCKETS_MAX,
        }
    }
}

impl Default for HandshakeLimits {
    fn default() -> Self {
        HandshakeLimits::from(&Limits::default())
    }
}

/// 20,000 sockets in hyper's hands cost about 200 MB at worst and are gone after `timeout`.
const SOCKETS_MAX: usize = 20_000;

/// Connections that the kernel keeps for us while we are busy: a storm of reconnects arrives faster than it is accepted.
pub(crate) const BACKLOG: u32 = 4_096;
/// After a failed accept (no file descriptors left), so that the loop does not spin; doubles up to [`ACCEPT_PAUSE_MAX`].
pub(crate) const ACCEPT_PAUSE_FIRST: Duration = Duration::from_millis(10);
/// The longest pause between two attempts to accept, so that a listener is back within a second after descriptors are.
pub(crate) const ACCEPT_PAUSE_MAX: Duration = Duration::from_secs(1);
/// A listener that stops lets requests that are being answered finish for this long.
pub(crate) const STOP_GRACE: Duration = Duration::from_secs(10);
/// After the last answer, what the client still sends is read and thrown away for this long: closing a socket with unread bytes
/// resets it, and the client would lose the answer.
pub(crate) const LINGER: Duration = Duration::from_secs(1);
/// ... and at most this much of it.
pub(crate) const LINGER_BYTES_MAX: usize = 256 * 1024;
/// Until the 101 is written and the socket is ours; a few hundred bytes to a client that reads.
pub(crate) const SWITCH_TIMEOUT: Duration = Duration::from_secs(10);
