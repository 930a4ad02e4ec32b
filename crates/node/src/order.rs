//! The first look at order: what comes a little too early waits a moment for what belongs before it.
//!
//! Two nodes may commit 5 and 6 of a conversation at the same moment, and 6 may arrive first. Waiting costs less than reading the store.
//! What is passed on is not promised to be in order: each session checks for itself. Pure: the time is an argument.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use tokio::time::Instant;
use wire::id::{ConversationId, Seq};

/// Messages of one conversation that wait; with one more, all go on.
const HELD_MAX: usize = 64;
/// A conversation that nothing was heard of for this long is forgotten.
const IDLE: Duration = Duration::from_secs(60);
/// How often those that are idle are looked for, and [`Order::due`] is to be asked though nothing waits.
pub const TIDY_EVERY: Duration = Duration::from_secs(5);

/// Who waits for whom.
#[derive(Debug)]
pub struct Order<T> {
    /// How long a message waits for the one before it.
    hold: Duration,
    conversations: BTreeMap<ConversationId, Place<T>>,
    /// Those in which something waits: few, so that looking after them costs little however many are known.
    holding: BTreeSet<ConversationId>,
    tidied: Option<Instant>,
}

#[derive(Debug)]
struct Place<T> {
    /// The highest seq that went on.
    passed: Seq,
    held: BTreeMap<Seq, (T, Instant)>,
    touched: Instant,
}

impl<T> Order<T> {
    /// Lets a message wait for `hold`.
    pub fn new(hold: Duration) -> Order<T> {
        Order { hold, conversations: BTreeMap::new(), holding: BTreeSet::new(), tidied: None }
    }

    /// Takes in a message, and gives what goes on now, in order.
    pub fn arrive(&mut self, conversation: &ConversationId, seq: Seq, item: T, now: Instant) -> Vec<T> {
        let Some(place) = self.conversations.get_mut(conversation) else {
            let place = Place { passed: seq, held: BTreeMap::new(), touched: now };
            self.conversations.insert(conversation.clone(), place);
            return vec![item];
        };
        place.touched = now;
        if seq > place.passed + 1 && place.held.len() < HELD_MAX {
            place.held.insert(seq, (item, now));
            self.holding.insert(conversation.clone());
            return Vec::new();
        }
        place.passed = place.passed.max(seq);
        let mut out = vec![item];
        place.release(&mut out, now, self.hold);
        out
    }

    /// True while something waits.
    pub fn is_holding(&self) -> bool {
        !self.holding.is_empty()
    }

    /// What has waited long enough; also forgets what is idle. Call it often while something waits.
    pub fn due(&mut self, now: Instant) -> Vec<T> {
        let mut out = Vec::new();
        self.holding.retain(|conversation| {
            let Some(place) = self.conversations.get_mut(conversation) else { return false };
            place.release(&mut out, now, self.hold);
            !place.held.is_empty()
        });
        if self.tidied.is_none_or(|tidied| now.saturating_duration_since(tidied) >= TIDY_EVERY) {
            self.tidied = Some(now);
            self.conversations.retain(|_, place| {
                !place.held.is_empty() || now.saturating_duration_since(place.touched) < IDLE
            });
        }
        out
    }
}

impl<T> Place<T> {
    /// Moves on what is next, and what has waited long enough with all before it.
    fn release(&mut self, out: &mut Vec<T>, now: Instant, hold: Duration) {
        while let Some(first) = self.held.first_entry() {
            let (seq, (_, since)) = (*first.key(), first.get());
            let overdue = now.saturating_duration_since(*since) >= hold;
            if seq > self.passed + 1 && !overdue {
                return;
            }
            self.passed = self.passed.max(seq);
            out.push(first.remove().0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOLD: Duration = Duration::from_millis(50);

    fn id(text: &str) -> ConversationId {
        text.parse().unwrap()
    }

    #[test]
    fn what_comes_too_early_waits_for_what_belongs_before_it() {
        let (mut order, now) = (Order::new(HOLD), Instant::now());
        assert_eq!(order.arrive(&id("g:a"), 4, 4, now), [4], "the first of a conversation starts it");
        assert!(order.arrive(&id("g:a"), 6, 6, now).is_empty());
        assert!(order.arrive(&id("g:a"), 7, 7, now).is_empty());
        assert!(order.is_holding());
        assert_eq!(order.arrive(&id("g:b"), 1, 1, now), [1], "others do not wait");
        assert_eq!(order.arrive(&id("g:a"), 5, 5, now), [5, 6, 7]);
        assert!(order.due(now + HOLD).is_empty());
        assert!(!order.is_holding(), "what holds nothing is not looked after");
    }

    #[test]
    fn nothing_waits_longer_than_the_hold() {
        let (mut order, now) = (Order::new(HOLD), Instant::now());
        order.arrive(&id("g:a"), 1, 1, now);
        order.arrive(&id("g:a"), 3, 3, now);
        order.arrive(&id("g:a"), 5, 5, now + HOLD / 2);
        assert!(order.due(now + HOLD / 2).is_empty());
        assert_eq!(order.due(now + HOLD), [3]);
        assert_eq!(
            order.arrive(&id("g:a"), 2, 2, now + HOLD),
            [2],
            "late ones go on: each session checks for itself"
        );
        assert_eq!(order.due(now + HOLD * 2), [5]);
        assert!(order.due(now + IDLE * 2).is_empty());
        assert!(order.conversations.is_empty());
    }
}
