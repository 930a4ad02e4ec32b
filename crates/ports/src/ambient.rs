//! What a program takes from its surroundings without asking anyone: time and chance.
//!
//! Both are passed in, so that a simulation can run the same code under a clock and a seed of its own.

use std::cell::RefCell;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, UNIX_EPOCH};

use tokio::time::Instant;
use wire::id::{MessageId, Nonce, SessionId};

/// Time and chance, and the ids that are minted from them. Cheap to clone; clones share one source of chance.
#[derive(Debug, Clone)]
pub struct Ambient {
    /// The time.
    pub clock: Clock,
    /// The dice.
    pub chance: Chance,
}

impl Ambient {
    /// The machine's clock and the system's randomness.
    pub fn system() -> Ambient {
        Ambient { clock: Clock::System, chance: Chance::System }
    }

    /// A clock that starts at `unix_ms` and moves with tokio's, and dice that fall the same way for the same seed.
    pub fn simulated(unix_ms: u64, seed: u64) -> Ambient {
        Ambient { clock: Clock::simulated(unix_ms), chance: Chance::seeded(seed) }
    }

    /// A new session id.
    pub fn session_id(&self) -> SessionId {
        SessionId::mint(self.clock.unix_ms(), self.chance.bits())
    }

    /// A new message id.
    pub fn message_id(&self) -> MessageId {
        MessageId::mint(self.clock.unix_ms(), self.chance.bits())
    }

    /// A new boot nonce, greater than any minted in an earlier millisecond.
    pub fn nonce(&self) -> Nonce {
        Nonce::mint(self.clock.unix_ms(), self.chance.bits())
    }
}

/// Tells the time.
#[derive(Debug, Clone, Copy)]
pub enum Clock {
    /// The machine's.
    System,
    /// One that moves with tokio's, which a test can pause.
    Simulated {
        /// When it was started, by tokio's clock.
        start: Instant,
        /// When it was started, in milliseconds since 1970.
        unix_ms: u64,
    },
}

impl Clock {
    /// A clock that stands at `unix_ms` now and moves with tokio's.
    pub fn simulated(unix_ms: u64) -> Clock {
        Clock::Simulated { start: Instant::now(), unix_ms }
    }

    /// For durations and deadlines: never steps.
    pub fn now(&self) -> Instant {
        Instant::now()
    }

    /// Milliseconds since 1970. May step, so nothing is ordered by it alone.
    #[expect(clippy::disallowed_methods, reason = "this is where the time comes from")]
    pub fn unix_ms(&self) -> u64 {
        let elapsed = match self {
            Clock::System => std::time::SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default(),
            Clock::Simulated { start, unix_ms } => Duration::from_millis(*unix_ms) + start.elapsed(),
        };
        u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX)
    }
}

/// Rolls the dice. Not for keys.
#[derive(Debug, Clone)]
pub enum Chance {
    /// The system's randomness.
    System,
    /// A sequence that depends on nothing but its seed.
    Seeded(Arc<Mutex<u64>>),
}

impl Chance {
    /// The sequence of `seed`.
    pub fn seeded(seed: u64) -> Chance {
        Chance::Seeded(Arc::new(Mutex::new(seed)))
    }

    /// 64 random bits.
    pub fn bits64(&self) -> u64 {
        match self {
            Chance::System => FETCHED.with_borrow_mut(Fetched::take).unwrap_or_else(|| {
                use std::hash::{BuildHasher, Hasher};
                // A system without randomness: the keys of the standard hasher differ at each call, which is enough for ids.
                std::collections::hash_map::RandomState::new().build_hasher().finish()
            }),
            Chance::Seeded(state) => {
                let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
                // SplitMix64 (Steele, Lea, Flood 2014).
                *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
                let mut mixed = *state;
                mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
                mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
                mixed ^ (mixed >> 31)
            }
        }
    }

    /// 128 random bits.
    pub fn bits(&self) -> u128 {
        u128::from(self.bits64()) << 64 | u128::from(self.bits64())
    }

    /// A number below `limit`; 0 when `limit` is 0.
    pub fn below(&self, limit: u64) -> u64 {
        self.bits64().checked_rem(limit).unwrap_or(0)
    }

    /// A time between `from` and `to`.
    pub fn between(&self, from: Duration, to: Duration) -> Duration {
        let span = u64::try_from(to.saturating_sub(from).as_micros()).unwrap_or(u64::MAX);
        from + Duration::from_micros(self.below(span.saturating_add(1)))
    }
}

/// Numbers that the system is asked for at once: a call of it for every id would cost more than the rest of the id.
const FETCHED_NUMBERS: usize = 64;
const NUMBER_BYTES: usize = size_of::<u64>();

thread_local! {
    static FETCHED: RefCell<Fetched> =
        const { RefCell::new(Fetched { bytes: [0; FETCHED_NUMBERS * NUMBER_BYTES], left: 0 }) };
}

/// The system's randomness that a thread has fetched and not used.
struct Fetched {
    bytes: [u8; FETCHED_NUMBERS * NUMBER_BYTES],
    left: usize,
}

impl Fetched {
    /// A number that nobody else gets; `None` where the system has no randomness.
    fn take(&mut self) -> Option<u64> {
        if self.left == 0 {
            getrandom::fill(&mut self.bytes).ok()?;
            self.left = FETCHED_NUMBERS;
        }
        self.left -= 1;
        self.bytes.as_chunks::<NUMBER_BYTES>().0.get(self.left).map(|bytes| u64::from_le_bytes(*bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_ids() {
        let (one, other) = (Ambient::simulated(7, 42), Ambient::simulated(7, 42));
        let ids =
            |ambient: &Ambient| (ambient.chance.bits(), ambient.chance.below(10), ambient.chance.bits64());
        assert_eq!(ids(&one), ids(&other));
        assert_ne!(Ambient::system().session_id(), Ambient::system().session_id());
    }

    #[test]
    fn the_systems_numbers_do_not_come_again_when_more_are_fetched() {
        let draw = || (0..3 * FETCHED_NUMBERS).map(|_| Chance::System.bits64()).collect::<Vec<_>>();
        let threads = [std::thread::spawn(draw), std::thread::spawn(draw)];
        let drawn = threads.map(|thread| thread.join().unwrap()).concat();
        let different: std::collections::BTreeSet<u64> = drawn.iter().copied().collect();
        assert_eq!(different.len(), drawn.len());
    }

    #[tokio::test(start_paused = true)]
    async fn a_simulated_clock_moves_with_tokios() {
        let clock = Clock::simulated(1_000);
        tokio::time::advance(Duration::from_millis(250)).await;
        assert_eq!(clock.unix_ms(), 1_250);
    }
}
