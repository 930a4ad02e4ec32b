//! How fast a session may send: the generic cell rate algorithm (ITU-T I.371), with the time as an argument.

use std::time::Duration;

use tokio::time::Instant;

/// Allows a long-run rate and a burst.
#[derive(Debug)]
pub(crate) struct Rate {
    interval: Duration,
    burst: u32,
    /// When the next send would be due if all were evenly spaced.
    due: Option<Instant>,
    /// Boxed, because few sessions ever have one.
    excuse: Option<Box<Excuse>>,
}

/// Time in which we read nothing: what was sent in it comes at once, and is not the client's haste.
#[derive(Debug)]
struct Excuse {
    lasted: Duration,
    /// Until when it counts: as long again as it lasted.
    until: Instant,
}

/// What a client is excused for at most: a stall of ours that is longer ends otherwise.
const EXCUSED_MAX: Duration = Duration::from_secs(60);

impl Rate {
    /// `per_second` in the long run, `burst` at once after a pause. `None` for no limit.
    pub(crate) fn new(per_second: u32, burst: u32) -> Option<Rate> {
        let interval = Duration::from_secs(1).checked_div(per_second)?;
        Some(Rate { interval, burst, due: None, excuse: None })
    }

    /// Takes one send, or says how long to wait for it.
    pub(crate) fn take(&mut self, now: Instant) -> Result<(), Duration> {
        let due = self.due.map_or(now, |due| due.max(now));
        let early = due.saturating_duration_since(now);
        if self.excuse.as_ref().is_some_and(|excuse| excuse.until < now) {
            self.excuse = None;
        }
        let tolerance = self.interval * self.burst.saturating_sub(1) + self.excused();
        if early > tolerance {
            return Err(early - tolerance);
        }
        self.due = Some(due + self.interval);
        Ok(())
    }

    /// We have read nothing for so long, because a back end was slow.
    pub(crate) fn excuse(&mut self, stalled: Duration, now: Instant) {
        let lasted = (self.excused() + stalled).min(EXCUSED_MAX);
        self.excuse = Some(Box::new(Excuse { lasted, until: now + lasted }));
    }

    fn excused(&self) -> Duration {
        self.excuse.as_ref().map_or(Duration::ZERO, |excuse| excuse.lasted)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_sent_while_we_stalled_is_not_taken_for_haste() {
        let start = Instant::now();
        let mut rate = Rate::new(10, 3).unwrap();
        assert!(rate.take(start).is_ok());
        let later = start + Duration::from_secs(2);
        rate.excuse(Duration::from_secs(2), later);
        assert_eq!((0..40).filter(|_| rate.take(later).is_ok()).count(), 23);
        let calm = later + Duration::from_secs(60);
        assert_eq!((0..40).filter(|_| rate.take(calm).is_ok()).count(), 3, "once, and not for ever");
    }

    #[test]
    fn a_burst_passes_and_then_the_rate_holds() {
        let start = Instant::now();
        let mut rate = Rate::new(10, 3).unwrap();
        assert_eq!((0..5).filter(|_| rate.take(start).is_ok()).count(), 3);
        let wait = rate.take(start).unwrap_err();
        assert!(rate.take(start + wait).is_ok());
        let later = start + Duration::from_secs(100);
        assert_eq!(
            (0..5).filter(|_| rate.take(later).is_ok()).count(),
            3,
            "a long pause saves up no more than a burst"
        );
        assert!(Rate::new(0, 3).is_none());
    }
}
