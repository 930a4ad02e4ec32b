//! Which of the confirmed messages came back, told from confirmations that carry messages which are not their own.
//!
//! The broker sends a message back before it confirms it.
//! The library keeps what came back in a row, and gives each confirmation the first of it, whosever it is; and where the broker confirms many
//! messages at once, it completes them in any order.
//! So a confirmation that carries nothing is final: nothing was in the row any more, its own message included.
//! One that carries another's message is final once that is so of a later one, once its own message was carried by another, or once nothing
//! is under way.

use std::collections::BTreeSet;

/// A confirmation as the library gives it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Confirmation {
    /// The number of the message that was published.
    pub(super) number: u64,
    /// Whether the broker is responsible for it now.
    pub(super) taken: bool,
    /// The number of a message that came back.
    pub(super) carried: Option<u64>,
}

/// What became of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Outcome {
    /// The number of the message that was published.
    pub(super) number: u64,
    /// Whether the broker is responsible for it.
    pub(super) taken: bool,
    /// Whether it came back: no queue wanted it.
    pub(super) came_back: bool,
}

/// Confirmations that are not final, and messages that came back before they were confirmed.
#[derive(Debug, Default)]
pub(super) struct Returns {
    open: Vec<Confirmation>,
    came_back: BTreeSet<u64>,
}

impl Returns {
    /// Takes all confirmations that are there by now, in any order, and gives those that are final.
    pub(super) fn settle(
        &mut self,
        mut batch: Vec<Confirmation>,
        nothing_under_way: bool,
        mut tell: impl FnMut(Outcome),
    ) {
        self.came_back.extend(batch.iter().filter_map(|confirmation| confirmation.carried));
        let row_was_empty = batch.iter().any(|confirmation| confirmation.carried.is_none());
        // All of these were completed before any of the batch.
        let earlier = std::mem::take(&mut self.open).into_iter();
        let earlier = earlier.map(|confirmation| (row_was_empty, confirmation));
        let batch = batch.drain(..).map(|confirmation| (confirmation.carried.is_none(), confirmation));
        for (is_final, confirmation) in earlier.chain(batch) {
            let Confirmation { number, taken, .. } = confirmation;
            let came_back = self.came_back.remove(&number);
            if is_final || came_back || nothing_under_way {
                tell(Outcome { number, taken, came_back });
            } else {
                self.open.push(confirmation);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, VecDeque};

    use proptest::prelude::*;

    use super::*;

    /// The library, as far as it matters: a row of what came back, and messages without a confirmation.
    #[derive(Default)]
    struct Library {
        row: VecDeque<u64>,
        completed: Vec<Confirmation>,
    }

    impl Library {
        fn complete(&mut self, number: u64) {
            let carried = self.row.pop_front();
            self.completed.push(Confirmation { number, taken: true, carried });
        }
    }

    proptest! {
        /// Messages come back in their order, each before it is confirmed; any of them are confirmed together, in any order, and looked at meanwhile.
        #[test]
        fn every_message_is_told_once_and_as_it_was(
            unwanted in prop::collection::vec(any::<bool>(), 1..40),
            steps in prop::collection::vec((1_usize..8, any::<usize>(), any::<u64>()), 0..60),
        ) {
            let (mut library, mut returns) = (Library::default(), Returns::default());
            let mut told: BTreeMap<u64, bool> = BTreeMap::new();
            let mut look = |library: &mut Library, returns: &mut Returns, nothing_under_way| {
                let mut seen = std::mem::take(&mut library.completed);
                seen.reverse();
                returns.settle(seen, nothing_under_way, |outcome| {
                    assert_eq!(told.insert(outcome.number, outcome.came_back), None);
                });
            };
            let mut waiting: Vec<u64> = (0..unwanted.len() as u64).collect();
            let mut back: VecDeque<u64> =
                waiting.iter().copied().filter(|number| unwanted[*number as usize]).collect();
            let last = [(usize::MAX, 0, 0)];
            for (count, turn, looks) in steps.into_iter().chain(last) {
                let turn = turn % waiting.len().max(1);
                waiting.rotate_left(turn);
                let batch: Vec<u64> = waiting.drain(..count.min(waiting.len())).collect();
                while back.iter().any(|number| batch.contains(number)) {
                    library.row.extend(back.pop_front());
                }
                for (place, number) in batch.iter().enumerate() {
                    library.complete(*number);
                    let under_way = waiting.len() + batch.len() - place - 1;
                    if looks >> (place % 64) & 1 == 1 {
                        look(&mut library, &mut returns, under_way == 0);
                    }
                }
            }
            look(&mut library, &mut returns, true);
            let expected: BTreeMap<u64, bool> = (0..).zip(unwanted).collect();
            prop_assert_eq!(told, expected);
            prop_assert!(returns.open.is_empty() && returns.came_back.is_empty());
        }
    }

    #[test]
    fn a_confirmation_that_carries_anothers_message_waits_until_it_is_sure() {
        let carries = |number, carried| Confirmation { number, taken: true, carried };
        let mut returns = Returns::default();
        let mut settle = |batch: &[Confirmation], nothing_under_way| {
            let mut told = Vec::new();
            returns.settle(batch.to_vec(), nothing_under_way, |outcome| {
                told.push((outcome.number, outcome.came_back));
            });
            told
        };
        assert_eq!(settle(&[carries(1, Some(2))], false), []);
        assert_eq!(settle(&[carries(2, Some(1))], false), [(1, true), (2, true)]);
        assert_eq!(settle(&[carries(3, Some(4))], false), []);
        assert_eq!(settle(&[carries(4, None)], false), [(3, false), (4, true)]);
        assert_eq!(settle(&[carries(5, Some(6)), carries(7, None)], false), [(7, false)]);
        assert_eq!(settle(&[carries(6, None)], true), [(5, false), (6, true)]);
    }
}
