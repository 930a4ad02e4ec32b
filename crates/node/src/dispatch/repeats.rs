//! What was sent or shown lately, so that a repeat is found: where nothing is kept there is no log to find it in.
//!
//! It holds no names, only their hashes, of 128 bits and with keys of this process's own: two that differ are not taken for each other.
//! There are two generations: the younger is written, both are read, and the older is forgotten as a whole, which costs next to nothing
//! however many they are. So what is remembered is at least half of what may be, and for at least as long as it should be, if there is room.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;
use wire::frame::Reach;
use wire::id::{ClientId, MessageId, UserId};

/// What was sent or shown lately.
#[derive(Debug)]
pub(super) struct Repeats {
    window: Duration,
    ids_max: usize,
    hashers: [RandomState; 2],
    known: Mutex<Generations>,
}

/// What a sender was answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Sent {
    pub(super) message_id: MessageId,
    pub(super) time_ms: u64,
    pub(super) reach: Reach,
}

/// The hash of a sender, its name of the send, and the user where it was one of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Name(u64, u64);

#[derive(Debug, Default)]
struct Generations {
    young: HashMap<Name, Option<Sent>>,
    old: HashMap<Name, Option<Sent>>,
    /// Since when the younger is written.
    began: Option<Instant>,
}

impl Repeats {
    /// Remembers up to `ids_max`, for `window` and up to twice as long; nothing where one of them is zero.
    pub(super) fn new(window: Duration, ids_max: usize) -> Repeats {
        let hashers = [RandomState::new(), RandomState::new()];
        Repeats { window, ids_max, hashers, known: Mutex::default() }
    }

    /// What a send is remembered by.
    pub(super) fn name(&self, from: &UserId, id: &ClientId, listed: Option<&UserId>) -> Name {
        let [one, other] = &self.hashers;
        let name = (from, id, listed);
        Name(one.hash_one(name), other.hash_one(name))
    }

    /// The answer of before, if there was one.
    pub(super) fn answer(&self, name: Name) -> Option<Sent> {
        self.read(|known| known.get(name).flatten())
    }

    /// True when something was remembered under this name.
    pub(super) fn is_known(&self, name: Name) -> bool {
        self.read(|known| known.get(name).is_some())
    }

    /// Remembers that something was sent, or shown.
    pub(super) fn remember(&self, name: Name, answer: Option<Sent>, now: Instant) {
        if self.window.is_zero() || self.ids_max == 0 {
            return;
        }
        let half = self.ids_max.div_ceil(2);
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let known = &mut *known;
        let began = *known.began.get_or_insert(now);
        if known.young.len() >= half || now.saturating_duration_since(began) >= self.window {
            std::mem::swap(&mut known.young, &mut known.old);
            known.young.clear();
            known.began = Some(now);
        }
        known.young.insert(name, answer);
    }

    fn read<T>(&self, look: impl FnOnce(&Generations) -> T) -> T {
        look(&self.known.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Generations {
    fn get(&self, name: Name) -> Option<Option<Sent>> {
        self.young.get(&name).or_else(|| self.old.get(&name)).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WINDOW: Duration = Duration::from_secs(300);

    fn sent(time_ms: u64) -> Sent {
        Sent { message_id: MessageId::mint(time_ms, 1), time_ms, reach: Reach::Delivered }
    }

    fn name(repeats: &Repeats, from: &str, id: &str, listed: Option<&str>) -> Name {
        let listed: Option<UserId> = listed.map(|user| user.parse().unwrap());
        repeats.name(&from.parse().unwrap(), &id.parse().unwrap(), listed.as_ref())
    }

    #[test]
    fn a_repeat_is_one_of_the_same_sender_id_and_user_of_a_list() {
        let (repeats, now) = (Repeats::new(WINDOW, 100), Instant::now());
        repeats.remember(name(&repeats, "1", "a", None), Some(sent(7)), now);
        repeats.remember(name(&repeats, "1", "b", Some("2")), None, now);
        assert_eq!(repeats.answer(name(&repeats, "1", "a", None)), Some(sent(7)));
        for (from, id, listed) in
            [("2", "a", None), ("1", "b", None), ("1", "a", Some("2")), ("1a", "a", None)]
        {
            assert!(!repeats.is_known(name(&repeats, from, id, listed)), "{from} {id} {listed:?}");
        }
        let shown = name(&repeats, "1", "b", Some("2"));
        assert!(repeats.is_known(shown) && repeats.answer(shown).is_none());
    }

    #[test]
    fn the_latest_half_of_the_ids_is_remembered_and_never_more_than_all() {
        let (repeats, now) = (Repeats::new(WINDOW, 100), Instant::now());
        for nth in 0..1_000 {
            repeats.remember(name(&repeats, "1", &nth.to_string(), None), None, now);
            let known = (0..=nth).filter(|nth| repeats.is_known(name(&repeats, "1", &nth.to_string(), None)));
            let known: Vec<i32> = known.collect();
            assert!(known.len() <= 100 && known.len() >= 50.min(nth as usize + 1), "{nth}: {}", known.len());
            assert_eq!(known.first(), Some(&(nth + 1 - known.len() as i32)), "the oldest go first");
        }
    }

    #[test]
    fn an_id_is_remembered_for_the_window_and_forgotten_after_twice_as_long() {
        let (repeats, now) = (Repeats::new(WINDOW, 100), Instant::now());
        let [first, second, third] = ["a", "b", "c"].map(|id| name(&repeats, "1", id, None));
        repeats.remember(first, None, now);
        repeats.remember(second, None, now + WINDOW);
        assert!(repeats.is_known(first), "just before the end of its window");
        repeats.remember(third, None, now + WINDOW * 2);
        assert!(!repeats.is_known(first) && repeats.is_known(second) && repeats.is_known(third));
    }

    #[test]
    fn where_nothing_is_to_be_remembered_nothing_is() {
        for repeats in [Repeats::new(Duration::ZERO, 100), Repeats::new(WINDOW, 0)] {
            let id = name(&repeats, "1", "a", None);
            repeats.remember(id, None, Instant::now());
            assert!(!repeats.is_known(id));
        }
    }
}
