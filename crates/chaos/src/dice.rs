//! Chance that comes again: the same seed throws the same numbers.
//!
//! Enough to choose faults and users; nothing here is secret.

use std::time::Duration;

use ports::Chance;

/// Spreads the numbers of those who throw: 2^64 divided by the golden ratio.
const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;

/// A seeded source of numbers.
#[derive(Debug)]
pub(crate) struct Dice(Chance);

impl Dice {
    /// Dice that throw what `seed` says.
    pub(crate) fn new(seed: u64) -> Self {
        Self(Chance::seeded(seed))
    }

    /// Other dice of the same seed, for somebody who throws at his own times.
    pub(crate) fn of(seed: u64, whose: u64) -> Self {
        let mut dice = Self::new(seed ^ whose.wrapping_mul(SPREAD));
        dice.next();
        dice
    }

    /// The next 64 bits.
    pub(crate) fn next(&mut self) -> u64 {
        self.0.bits64()
    }

    /// One of 0 to `sides` - 1; 0 of nothing.
    pub(crate) fn below(&mut self, sides: usize) -> usize {
        let sides = sides.max(1) as u64;
        (self.next() % sides) as usize
    }

    /// One of these.
    pub(crate) fn one_of<'a, T>(&mut self, all: &'a [T]) -> Option<&'a T> {
        all.get(self.below(all.len()))
    }

    /// True in `of_thousand` of 1,000 throws.
    pub(crate) fn chance(&mut self, of_thousand: usize) -> bool {
        self.below(1000) < of_thousand
    }

    /// A time between the two, to the millisecond.
    pub(crate) fn between(&mut self, least: Duration, most: Duration) -> Duration {
        let span = most.saturating_sub(least).as_millis() as usize;
        least + Duration::from_millis(self.below(span + 1) as u64)
    }

    /// Another order of these.
    pub(crate) fn shuffle<T>(&mut self, all: &mut [T]) {
        for last in (1..all.len()).rev() {
            all.swap(last, self.below(last + 1));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_throws_the_same_and_another_one_does_not() {
        let throws = |mut dice: Dice| (0..50).map(|_| dice.below(1000)).collect::<Vec<_>>();
        assert_eq!(throws(Dice::new(7)), throws(Dice::new(7)));
        assert_ne!(throws(Dice::new(7)), throws(Dice::new(8)));
        assert_ne!(throws(Dice::of(7, 1)), throws(Dice::of(7, 2)));
    }

    #[test]
    fn times_lie_between_and_a_shuffle_loses_nothing() {
        let mut dice = Dice::new(1);
        let (least, most) = (Duration::from_millis(5), Duration::from_millis(9));
        assert!((0..200).all(|_| (least..=most).contains(&dice.between(least, most))));
        let mut all: Vec<u32> = (0..40).collect();
        dice.shuffle(&mut all);
        assert_ne!(all, (0..40).collect::<Vec<_>>());
        all.sort_unstable();
        assert_eq!(all, (0..40).collect::<Vec<_>>());
    }
}
