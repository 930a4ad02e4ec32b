//! How many sends of a session were refused for their haste: a client that goes on after that is cut off.

use std::time::Duration;

use tokio::time::Instant;

/// Refused sends in a window.
#[derive(Debug, Default)]
pub(crate) struct Refusals {
    since: Option<Instant>,
    count: u32,
}

/// The window in which `refusals_max` are counted.
const REFUSALS_WINDOW: Duration = Duration::from_secs(10);

impl Refusals {
    /// Counts one more; `max` in a window are one too many, and 0 is no limit.
    pub(crate) fn is_one_too_many(&mut self, now: Instant, max: u32) -> bool {
        if self.since.is_none_or(|since| now.saturating_duration_since(since) > REFUSALS_WINDOW) {
            *self = Refusals { since: Some(now), count: 0 };
        }
        self.count += 1;
        max > 0 && self.count >= max
    }
}
