//! The limits of reaching a node and of carrying bytes.

use std::time::Duration;

/// What a configuration may change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TunnelLimits {
    /// For one connect.
    pub connect_timeout: Duration,
    /// For the handshake in all, over every instance tried.
    pub handshake_timeout: Duration,
    /// Instances tried for one handshake.
    pub tries_max: usize,
    /// For how long one side may take nothing although something waits for it; then both are closed.
    pub stall_timeout: Duration,
    /// For how long the second side of a tunnel may stay open after the first has closed.
    pub half_close_timeout: Duration,
}

impl Default for TunnelLimits {
    fn default() -> Self {
        TunnelLimits {
            connect_timeout: Duration::from_secs(1),
            handshake_timeout: Duration::from_secs(10),
            tries_max: 3,
            // Three times what a node waits itself: the node, which can say why, should be first.
            stall_timeout: Duration::from_secs(30),
            half_close_timeout: Duration::from_secs(5),
        }
    }
}

/// Bytes that are read at once, and that one direction may hold back for a side that takes nothing.
pub(crate) const RELAY_BYTES: usize = 64 * 1024;
/// Bytes of the head of a node's answer.
pub(crate) const ANSWER_HEAD_BYTES_MAX: usize = 64 * 1024;
/// Bytes of the body of a node's answer that is no 101: an error and its explanation.
pub(crate) const ANSWER_BODY_BYTES_MAX: usize = 256 * 1024;
/// A node's socket that was silent for this long is probed, so that a machine that lost its power or its network is noticed although
/// nobody says anything: its clients are let go, and come back to another node.
pub(crate) const PROBE_AFTER: Duration = Duration::from_secs(15);
/// Between two probes.
pub(crate) const PROBE_EVERY: Duration = Duration::from_secs(5);
/// For how long what was sent to a node, a probe too, may stay without an answer of its kernel; then the socket fails.
pub(crate) const UNANSWERED_MAX: Duration = Duration::from_secs(30);
