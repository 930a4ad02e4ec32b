//! The one place that reads the machine's clocks.

use std::sync::OnceLock;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// Nanoseconds of the steady clock since the first call in this process.
#[expect(clippy::disallowed_methods, reason = "what is measured is real time")]
pub fn now_ns() -> u64 {
    static FIRST: OnceLock<Instant> = OnceLock::new();
    let now = Instant::now();
    now.duration_since(*FIRST.get_or_init(|| now)).as_nanos() as u64
}

/// Milliseconds since 1970.
#[expect(clippy::disallowed_methods, reason = "tokens end at a real time")]
pub fn unix_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64)
}
