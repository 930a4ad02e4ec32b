//! Chance with handles: everything that a run draws comes from one seed, by named streams that do not disturb each other.
//!
//! A stream of its own for each who draws is what makes shrinking work: leaving a fault out changes nobody else's luck.

use std::time::Duration;

use ports::Chance;

/// A stream of chance.
#[derive(Debug, Clone)]
pub struct Dice(Chance);

impl Dice {
    /// The stream of a seed that has this name.
    pub fn of(seed: u64, name: &str) -> Dice {
        Dice(Chance::seeded(mixed(seed, name)))
    }

    /// A source of chance for a node.
    pub fn chance(seed: u64, name: &str) -> Chance {
        Chance::seeded(mixed(seed, name))
    }

    /// True so often in a hundred.
    pub fn percent(&self, chance: u64) -> bool {
        self.0.below(100) < chance
    }

    /// A number below `limit`.
    pub fn below(&self, limit: usize) -> usize {
        usize::try_from(self.0.below(limit as u64)).unwrap_or(0)
    }

    /// A time between two, in milliseconds.
    pub fn ms(&self, from: u64, to: u64) -> Duration {
        Duration::from_millis(from + self.0.below(to.saturating_sub(from) + 1))
    }

    /// A time between two, in seconds, to the millisecond.
    pub fn secs(&self, from: u64, to: u64) -> Duration {
        self.ms(from * 1_000, to * 1_000)
    }

    /// One of these; the first where there are none to choose from.
    pub fn pick<'a, T>(&self, from: &'a [T]) -> Option<&'a T> {
        from.get(self.below(from.len()))
    }
}

/// FNV-1a of the name, on the seed.
fn mixed(seed: u64, name: &str) -> u64 {
    const BASIS: u64 = 0xcbf2_9ce4_8422_2325;
    const PRIME: u64 = 0x0100_0000_01b3;
    let bytes = seed.to_be_bytes().into_iter().chain(name.bytes());
    bytes.fold(BASIS, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(PRIME))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_depends_on_its_seed_and_its_name_alone() {
        let drawn = |seed, name: &str| {
            let dice = Dice::of(seed, name);
            (0..8).map(|_| dice.below(1_000_000)).collect::<Vec<_>>()
        };
        assert_eq!(drawn(7, "a"), drawn(7, "a"));
        assert_ne!(drawn(7, "a"), drawn(7, "b"));
        assert_ne!(drawn(7, "a"), drawn(8, "a"));
    }
}
