//! Pauses with jitter, and ids that no other process has: randomness from the standard library's hash seeds.

use std::{
    hash::{BuildHasher, RandomState},
    time::Duration,
};

/// A random pause between the two, so that many clients do not come back in the same instant.
pub(crate) fn between((shortest, longest): (Duration, Duration)) -> Duration {
    let width_us = u64::try_from(longest.saturating_sub(shortest).as_micros()).unwrap_or(u64::MAX);
    shortest + Duration::from_micros(random() % width_us.saturating_add(1).max(1))
}

/// Sixty-four bits that differ from call to call and from process to process; not for secrets.
pub(crate) fn random() -> u64 {
    RandomState::new().hash_one(std::process::id())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_lies_between_its_bounds_and_varies() {
        let bounds = (Duration::from_millis(50), Duration::from_millis(100));
        let pauses: Vec<Duration> = (0..100).map(|_| between(bounds)).collect();
        assert!(pauses.iter().all(|pause| (bounds.0..=bounds.1).contains(pause)));
        assert!(pauses.iter().any(|pause| *pause != pauses[0]));
        assert_eq!(between((bounds.0, bounds.0)), bounds.0);
    }
}
