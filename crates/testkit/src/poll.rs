//! Waiting for a condition instead of for time.
//!
//! A condition says what it saw each time it was not yet true, so that a time-out tells which part never came true.
//! Nothing here waits without a deadline.
//! Conditions are `async ||` closures, which may borrow and change what is around them; so the wait belongs into the test itself,
//! not into a task that it spawns.

use std::fmt::Display;
use std::time::Duration;

use tokio::time::{Instant, sleep, timeout_at};

/// Between the first two attempts; each later pause is half as long again.
const FIRST_PAUSE_MS: u64 = 5;
/// No pause is longer, so that a condition is noticed soon after it came true.
const PAUSE_MS_MAX: u64 = 100;

/// What one look at the world gave: the value waited for, or what was seen instead.
pub trait Observation {
    /// What the condition yields once it is true.
    type Value;

    /// The value, or what was seen instead of it.
    fn outcome(self) -> Result<Self::Value, String>;
}

impl Observation for bool {
    type Value = ();

    fn outcome(self) -> Result<(), String> {
        if self { Ok(()) } else { Err("false".to_owned()) }
    }
}

impl<T> Observation for Option<T> {
    type Value = T;

    fn outcome(self) -> Result<T, String> {
        self.ok_or_else(|| "nothing".to_owned())
    }
}

impl<T, S: Display> Observation for Result<T, S> {
    type Value = T;

    fn outcome(self) -> Result<T, String> {
        self.map_err(|seen| seen.to_string())
    }
}

/// Waits until `condition` is true and returns what it yields.
///
/// # Panics
///
/// When the deadline has passed: with `what`, the time waited, and what was seen last.
pub async fn until<O: Observation>(
    what: &str,
    deadline: Duration,
    condition: impl AsyncFnMut() -> O,
) -> O::Value {
    match try_until(deadline, condition).await {
        Ok(value) => value,
        Err(seen) => panic!("{what}: not within {deadline:?}; last seen: {seen}"),
    }
}

/// As [`until`], but a deadline that has passed is an `Err` with what was seen last.
pub async fn try_until<O: Observation>(
    deadline: Duration,
    mut condition: impl AsyncFnMut() -> O,
) -> Result<O::Value, String> {
    let end = Instant::now() + deadline;
    let mut seen: Option<String> = None;
    let mut pause = Duration::from_millis(FIRST_PAUSE_MS);
    loop {
        match timeout_at(end, condition()).await {
            Ok(observation) => match observation.outcome() {
                Ok(value) => return Ok(value),
                Err(now) => seen = Some(now),
            },
            Err(_) => {
                let before = seen.as_deref().unwrap_or("nothing, it was the first look");
                return Err(format!("a look that did not end (before it: {before})"));
            }
        }
        if Instant::now() + pause >= end {
            // One last look at the deadline itself would only make the wait longer than asked for.
            return Err(seen.unwrap_or_default());
        }
        sleep(pause).await;
        pause = (pause * 3 / 2).min(Duration::from_millis(PAUSE_MS_MAX));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn yields_the_value_of_the_first_true_look() {
        let mut looks = 0;
        let value = until("the third look", Duration::from_secs(5), async || {
            looks += 1;
            if looks == 3 { Ok("third") } else { Err(looks) }
        })
        .await;
        assert_eq!((value, looks), ("third", 3));
    }

    #[tokio::test]
    #[should_panic(expected = "the moon is full: not within 30ms; last seen: a crescent")]
    async fn a_time_out_says_what_was_seen_last() {
        until("the moon is full", Duration::from_millis(30), async || Err::<(), _>("a crescent")).await;
    }

    #[tokio::test]
    async fn a_look_that_hangs_ends_at_the_deadline_too() {
        let seen = try_until(Duration::from_millis(20), async || std::future::pending::<bool>().await).await;
        assert!(seen.unwrap_err().contains("did not end"));
    }

    #[tokio::test]
    async fn a_bool_and_an_option_are_observations() {
        until("true", Duration::from_secs(1), async || true).await;
        assert_eq!(until("some", Duration::from_secs(1), async || Some(7)).await, 7);
        assert_eq!(try_until(Duration::from_millis(1), async || false).await, Err("false".to_owned()));
    }
}
