//! One client before it is there: where it connects, and what is said until it counts as logged in.

use std::collections::VecDeque;
use std::net::SocketAddr;

/// A client to be.
#[derive(Debug, Clone)]
pub(super) struct Seat {
    /// Where it connects.
    pub(super) door: SocketAddr,
    /// Its request to upgrade.
    pub(super) request: String,
    /// What follows the 101.
    pub(super) steps: VecDeque<Step>,
}

/// Something said, and the answer that is waited for.
#[derive(Debug, Clone)]
pub(super) struct Step {
    /// What the client says first, as text; it may only listen.
    pub(super) say: Option<String>,
    /// What the answer begins with.
    pub(super) begins: &'static str,
    /// What else is in it.
    pub(super) holds: &'static str,
}

impl Step {
    /// Whether this is the answer.
    pub(super) fn is_answered_by(&self, payload: &[u8]) -> bool {
        let holds = self.holds.as_bytes();
        payload.starts_with(self.begins.as_bytes())
            && (holds.is_empty() || payload.windows(holds.len()).any(|window| window == holds))
    }
}
