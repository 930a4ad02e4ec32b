//! Whether a follower is deaf, and since when: decisions only, no I/O and no clock.
//!
//! A follower is deaf while at least one of its queues is.
//! Short spells are nobody's business; a long one is told once when it has lasted long enough, and once when it is over,
//! whenever the reader gets to hear of it.

use std::{collections::HashMap, sync::Arc, time::Duration};

use tokio::time::Instant;

use crate::{Error, Queue};

#[derive(Debug)]
pub(crate) struct Outage {
    deaf_after: Duration,
    deaf: HashMap<Queue, Instant>,
    spell: Option<Spell>,
}

#[derive(Debug)]
struct Spell {
    since: Instant,
    until: Option<Instant>,
    cause: Arc<Error>,
    told: bool,
}

/// What there is to do.
#[derive(Debug)]
pub(crate) enum Next {
    /// Nothing, until a queue says something.
    Wait,
    /// Look again then.
    WaitUntil(Instant),
    /// Tell the reader that this follower has been deaf since then.
    TellInterrupted { since: Instant, cause: Arc<Error> },
    /// Tell the reader that it hears again, after so long.
    TellResumed { gap: Duration },
}

impl Outage {
    pub(crate) fn new(deaf_after: Duration) -> Self {
        Self { deaf_after, deaf: HashMap::new(), spell: None }
    }

    /// Says that a queue cannot be heard; what was said before about the same queue stands.
    pub(crate) fn deaf(&mut self, queue: &Queue, since: Instant, cause: &Error) {
        if self.deaf.contains_key(queue) {
            return;
        }
        self.deaf.insert(queue.clone(), since);
        match &mut self.spell {
            // The reader does not know the end of the last spell yet: for it, they are one.
            Some(spell) => {
                spell.until = None;
                spell.since = spell.since.min(since);
            }
            None => {
                self.spell = Some(Spell { since, until: None, cause: Arc::new(cause.clone()), told: false })
            }
        }
    }

    /// Says that a queue answers; true when that ends a spell.
    pub(crate) fn hears(&mut self, queue: &Queue, now: Instant) -> bool {
        if self.deaf.remove(queue).is_none() || !self.deaf.is_empty() {
            return false;
        }
        let Some(spell) = &mut self.spell else { return false };
        spell.until = Some(now);
        if !spell.told && now - spell.since < self.deaf_after {
            self.spell = None;
        }
        true
    }

    /// What to do now; what it says to tell counts as told.
    pub(crate) fn next(&mut self, now: Instant) -> Next {
        let Some(spell) = &mut self.spell else { return Next::Wait };
        if !spell.told {
            let due = spell.since + self.deaf_after;
            if spell.until.unwrap_or(now) < due {
                return Next::WaitUntil(due);
            }
            spell.told = true;
            return Next::TellInterrupted { since: spell.since, cause: Arc::clone(&spell.cause) };
        }
        let Some(until) = spell.until else { return Next::Wait };
        let gap = until - spell.since;
        self.spell = None;
        Next::TellResumed { gap }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);
    const MS: Duration = Duration::from_millis(1);

    fn queue(id: u32) -> Queue {
        Queue { topic: "T".into(), broker: "a".into(), id }
    }

    fn rig() -> (Outage, Instant) {
        (Outage::new(SECOND), Instant::now())
    }

    #[test]
    fn a_short_spell_is_never_told() {
        let (mut outage, start) = rig();
        outage.deaf(&queue(0), start, &Error::Closed);
        assert!(matches!(outage.next(start + 999 * MS), Next::WaitUntil(at) if at == start + SECOND));
        assert!(outage.hears(&queue(0), start + 999 * MS));
        assert!(matches!(outage.next(start + 5 * SECOND), Next::Wait));
    }

    #[test]
    fn a_long_spell_is_told_once_while_it_lasts_and_once_when_the_last_queue_is_back() {
        let (mut outage, start) = rig();
        outage.deaf(&queue(1), start + 200 * MS, &Error::Closed);
        outage.deaf(&queue(0), start, &Error::Closed);
        outage.deaf(&queue(0), start + 500 * MS, &Error::Closed);
        assert!(matches!(outage.next(start + SECOND), Next::TellInterrupted { since, .. } if since == start));
        assert!(matches!(outage.next(start + 2 * SECOND), Next::Wait));
        assert!(!outage.hears(&queue(0), start + 3 * SECOND));
        assert!(matches!(outage.next(start + 3 * SECOND), Next::Wait));
        assert!(outage.hears(&queue(1), start + 4 * SECOND));
        assert!(matches!(outage.next(start + 9 * SECOND), Next::TellResumed { gap } if gap == 4 * SECOND));
        assert!(matches!(outage.next(start + 9 * SECOND), Next::Wait));
    }

    #[test]
    fn a_long_spell_that_is_over_before_the_reader_listens_is_told_all_the_same() {
        let (mut outage, start) = rig();
        outage.deaf(&queue(0), start, &Error::Closed);
        outage.hears(&queue(0), start + 2 * SECOND);
        assert!(matches!(outage.next(start + 60 * SECOND), Next::TellInterrupted { .. }));
        assert!(matches!(outage.next(start + 60 * SECOND), Next::TellResumed { gap } if gap == 2 * SECOND));
    }

    #[test]
    fn a_spell_that_begins_before_the_end_of_the_last_was_told_makes_it_longer() {
        let (mut outage, start) = rig();
        outage.deaf(&queue(0), start, &Error::Closed);
        assert!(matches!(outage.next(start + SECOND), Next::TellInterrupted { .. }));
        outage.hears(&queue(0), start + 2 * SECOND);
        outage.deaf(&queue(1), start + 3 * SECOND, &Error::Closed);
        assert!(matches!(outage.next(start + 3 * SECOND), Next::Wait));
        outage.hears(&queue(1), start + 4 * SECOND);
        assert!(matches!(outage.next(start + 4 * SECOND), Next::TellResumed { gap } if gap == 4 * SECOND));
    }

    #[test]
    fn a_queue_that_always_answered_ends_nothing() {
        let (mut outage, start) = rig();
        assert!(!outage.hears(&queue(0), start));
        outage.deaf(&queue(0), start, &Error::Closed);
        assert!(!outage.hears(&queue(1), start + SECOND));
        assert!(matches!(outage.next(start + SECOND), Next::TellInterrupted { .. }));
    }
}
