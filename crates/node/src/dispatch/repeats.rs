//! What was sent or shown lately, so that a repeat is found: where nothing is kept there is no log to find it in.
//!
//! It holds no names, only their hashes, of 128 bits and with keys of this process's own: two that differ are not taken for each other.
//! There are two generations: the younger is written, both are read, and the older is forgotten as a whole, which costs next to nothing
//! however many they are. So what is remembered is at least half of what may be, and for at least as long as it should be, if there is room.
//! Each is an index of a few bytes a name and a list of the rest: a name that is new, as nearly all are, is looked up in the index alone.

use std::hash::{BuildHasher, BuildHasherDefault, Hash, Hasher, RandomState};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use indexmap::IndexMap;
use tokio::time::Instant;
use wire::id::{ClientId, UserId};

/// What was sent or shown lately, and what was answered: `A`, or nothing.
#[derive(Debug)]
pub(super) struct Repeats<A> {
    window: Duration,
    ids_max: usize,
    hashers: [RandomState; 2],
    known: Mutex<Generations<A>>,
}

/// The hash of a sender, its name of the send, and the user where it was one of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Name(u64, u64);

#[derive(Debug)]
struct Generations<A> {
    young: Known<A>,
    old: Known<A>,
    /// Since when the younger is written.
    began: Option<Instant>,
}

type Known<A> = IndexMap<Name, A, BuildHasherDefault<AsItIs>>;

impl<A: Copy> Repeats<A> {
    /// Remembers up to `ids_max`, for `window` and up to twice as long; nothing where one of them is zero.
    pub(super) fn new(window: Duration, ids_max: usize) -> Repeats<A> {
        let hashers = [RandomState::new(), RandomState::new()];
        let known = Generations { young: Known::default(), old: Known::default(), began: None };
        Repeats { window, ids_max, hashers, known: Mutex::new(known) }
    }

    /// What a send is remembered by.
    pub(super) fn name(&self, from: &UserId, id: &ClientId, listed: Option<&UserId>) -> Name {
        let [one, other] = &self.hashers;
        let name = (from, id, listed);
        Name(one.hash_one(name), other.hash_one(name))
    }

    /// The answer of before, if there was one.
    pub(super) fn answer(&self, name: Name) -> Option<A> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.young.get(&name).or_else(|| known.old.get(&name)).copied()
    }

    /// Remembers that something was sent, or shown.
    pub(super) fn remember(&self, name: Name, answer: A, now: Instant) {
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
}

/// A name is a hash already, with keys that nobody knows.
impl Hash for Name {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        hasher.write_u64(self.0);
    }
}

/// Takes a number for its hash.
#[derive(Debug, Default)]
struct AsItIs(u64);

impl Hasher for AsItIs {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }

    /// Names are single numbers and never come here; what did would still be hashed, if badly.
    fn write(&mut self, bytes: &[u8]) {
        self.0 = bytes.iter().fold(self.0, |hash, byte| hash.rotate_left(8) ^ u64::from(*byte));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WINDOW: Duration = Duration::from_secs(300);

    fn is_known<A: Copy>(repeats: &Repeats<A>, name: Name) -> bool {
        repeats.answer(name).is_some()
    }

    fn name<A: Copy>(repeats: &Repeats<A>, from: &str, id: &str, listed: Option<&str>) -> Name {
        let listed: Option<UserId> = listed.map(|user| user.parse().unwrap());
        repeats.name(&from.parse().unwrap(), &id.parse().unwrap(), listed.as_ref())
    }

    #[test]
    fn a_repeat_is_one_of_the_same_sender_id_and_user_of_a_list() {
        let (repeats, now) = (Repeats::new(WINDOW, 100), Instant::now());
        repeats.remember(name(&repeats, "1", "a", None), 7, now);
        repeats.remember(name(&repeats, "1", "b", Some("2")), 8, now);
        assert_eq!(repeats.answer(name(&repeats, "1", "a", None)), Some(7));
        for (from, id, listed) in
            [("2", "a", None), ("1", "b", None), ("1", "a", Some("2")), ("1a", "a", None)]
        {
            assert_eq!(repeats.answer(name(&repeats, from, id, listed)), None, "{from} {id} {listed:?}");
        }
        assert_eq!(repeats.answer(name(&repeats, "1", "b", Some("2"))), Some(8));
    }

    #[test]
    fn the_latest_half_of_the_ids_is_remembered_and_never_more_than_all() {
        let (repeats, now) = (Repeats::new(WINDOW, 100), Instant::now());
        for nth in 0..1_000 {
            repeats.remember(name(&repeats, "1", &nth.to_string(), None), (), now);
            let known =
                (0..=nth).filter(|nth| is_known(&repeats, name(&repeats, "1", &nth.to_string(), None)));
            let known: Vec<i32> = known.collect();
            assert!(known.len() <= 100 && known.len() >= 50.min(nth as usize + 1), "{nth}: {}", known.len());
            assert_eq!(known.first(), Some(&(nth + 1 - known.len() as i32)), "the oldest go first");
        }
    }

    #[test]
    fn an_id_is_remembered_for_the_window_and_forgotten_after_twice_as_long() {
        let (repeats, now) = (Repeats::new(WINDOW, 100), Instant::now());
        let [first, second, third] = ["a", "b", "c"].map(|id| name(&repeats, "1", id, None));
        repeats.remember(first, (), now);
        repeats.remember(second, (), now + WINDOW);
        assert!(is_known(&repeats, first), "just before the end of its window");
        repeats.remember(third, (), now + WINDOW * 2);
        assert!(!is_known(&repeats, first) && is_known(&repeats, second) && is_known(&repeats, third));
    }

    #[test]
    fn where_nothing_is_to_be_remembered_nothing_is() {
        for repeats in [Repeats::new(Duration::ZERO, 100), Repeats::new(WINDOW, 0)] {
            let id = name(&repeats, "1", "a", None);
            repeats.remember(id, (), Instant::now());
            assert!(!is_known(&repeats, id));
        }
    }
}
