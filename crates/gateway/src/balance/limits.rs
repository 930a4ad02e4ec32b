//! The limits of choosing an instance.

use std::time::Duration;

/// What a configuration may change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BalanceLimits {
    /// For how long an instance is left out after its first failure; zero leaves out nobody.
    pub eject_first: Duration,
    /// For how long at most, however often it failed.
    pub eject_max: Duration,
    /// For how long an instance that vanished from the list is still used.
    pub vanished_keep: Duration,
}

impl Default for BalanceLimits {
    fn default() -> Self {
        BalanceLimits {
            eject_first: Duration::from_secs(1),
            eject_max: Duration::from_secs(60),
            vanished_keep: Duration::from_secs(20),
        }
    }
}

/// Handshakes under way at one instance beyond which others are preferred. A handshake takes milliseconds, so this is some thousands a
/// second for an instance that is well.
pub(super) const ASKED_MAX: usize = 100;
