//! How many lines of one kind go to the log: what a stranger, or an outage under load, can cause a thousand times a second must not fill a disk.
//!
//! Nothing is lost by it: what happened is counted in the metrics, and the next line says how many were left out.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// Lines of one kind within a window: enough to see what goes on.
const LINES_MAX: u64 = 20;
/// The window.
const WINDOW: Duration = Duration::from_secs(10);

/// Counts the lines of one kind. Made for a `static`: there is one log in a process.
#[derive(Debug)]
pub struct LogThrottle {
    window: Mutex<Window>,
}

#[derive(Debug)]
struct Window {
    since: Option<Instant>,
    lines: u64,
    left_out: u64,
}

impl LogThrottle {
    /// Nothing has been written yet.
    #[expect(clippy::new_without_default, reason = "Default cannot be used in a static")]
    pub const fn new() -> LogThrottle {
        LogThrottle { window: Mutex::new(Window { since: None, lines: 0, left_out: 0 }) }
    }

    /// True when one more line may be written: how many were left out since the last one. `None` when it is left out too.
    pub fn take(&self, now: Instant) -> Option<u64> {
        let mut window = self.window.lock().unwrap_or_else(PoisonError::into_inner);
        if window.since.is_none_or(|since| now.saturating_duration_since(since) >= WINDOW) {
            window.since = Some(now);
            window.lines = 0;
        }
        if window.lines >= LINES_MAX {
            window.left_out += 1;
            return None;
        }
        window.lines += 1;
        Some(std::mem::take(&mut window.left_out))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_leaves_a_few_lines_and_the_next_one_says_how_many_are_missing() {
        let throttle = LogThrottle::new();
        let start = Instant::now();
        let written = (0..1_000).filter(|_| throttle.take(start).is_some()).count();
        assert_eq!(written, 20);
        assert_eq!(throttle.take(start + WINDOW), Some(980));
        assert_eq!(throttle.take(start + WINDOW), Some(0));
    }
}
