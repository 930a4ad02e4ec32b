//! What was published on one link and has no answer yet.

use std::collections::VecDeque;

use super::parcel::{Destination, Parcel};
use super::returns::Outcome;

/// What was published on this link and has no answer, by number.
#[derive(Default)]
pub(super) struct Unanswered {
    /// Those answered in between are gone.
    parcels: VecDeque<Option<Parcel>>,
    /// How many left at the front.
    gone: u64,
    /// The bodies of all of them.
    bytes: usize,
}

impl Unanswered {
    pub(super) fn len(&self) -> usize {
        self.parcels.len()
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Takes what was published next.
    pub(super) fn push(&mut self, parcel: Parcel) {
        self.bytes += parcel.content.body.len();
        self.parcels.push_back(Some(parcel));
    }

    /// All of them, in order; the next link numbers from the beginning.
    pub(super) fn take_all(&mut self) -> impl Iterator<Item = Parcel> + use<> {
        self.gone = 0;
        self.bytes = 0;
        std::mem::take(&mut self.parcels).into_iter().flatten()
    }

    /// Answers one, and says whether it was for the queue of copies and found none.
    pub(super) fn answer(&mut self, outcome: Outcome) -> bool {
        let place = outcome.number.checked_sub(self.gone + 1).and_then(|place| usize::try_from(place).ok());
        let parcel = place.and_then(|place| self.parcels.get_mut(place)).and_then(Option::take);
        while self.parcels.front().is_some_and(Option::is_none) {
            self.parcels.pop_front();
            self.gone += 1;
        }
        let Some(parcel) = parcel else { return false };
        self.bytes -= parcel.content.body.len();
        let misses_copies = outcome.came_back && matches!(parcel.content.to, Destination::Copies);
        parcel.answered(outcome.taken, outcome.came_back);
        misses_copies
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use bytes::Bytes;
    use ports::bus::{Address, NoInbox};
    use tokio::sync::{Semaphore, oneshot};
    use tokio::time::Instant;
    use wire::envelope::Lane;

    use super::super::parcel::{Answer, Destination, NewParcel};
    use super::*;

    fn content(body: String) -> NewParcel {
        let to = Destination::Nodes(Lane::Single, Address::Node("node-1".parse().unwrap()));
        NewParcel { to, body: body.into(), deadline: Instant::now(), during: "post" }
    }

    /// So many parcels without an answer, and where their answers come from.
    fn published(count: u64) -> (Unanswered, Vec<Answer>) {
        let room = Arc::new(Semaphore::new(100));
        let mut unanswered = Unanswered::default();
        let answers = (1..=count).map(|number| {
            let (answer, answered) = oneshot::channel();
            let _room = room.clone().try_acquire_owned().unwrap();
            let body = number.to_string();
            unanswered.push(Parcel { content: content(body), answer, _room });
            answered
        });
        let answers = answers.collect();
        (unanswered, answers)
    }

    /// A letter for each: open, taken, no inbox, or failed.
    fn seen(answers: &mut [Answer]) -> String {
        let letter = |answer: &mut Answer| match answer.try_recv() {
            Err(_) => 'o',
            Ok(Ok(())) => 't',
            Ok(Err(error)) if NoInbox::is_why(&error) => 'n',
            Ok(Err(_)) => 'f',
        };
        answers.iter_mut().map(letter).collect()
    }

    fn outcome(number: u64, taken: bool, came_back: bool) -> Outcome {
        Outcome { number, taken, came_back }
    }

    #[test]
    fn each_parcel_gets_its_own_answer_in_any_order() {
        let (mut unanswered, mut answers) = published(6);
        assert_eq!(unanswered.bytes(), 6);
        unanswered.answer(outcome(4, true, false));
        assert_eq!((seen(&mut answers).as_str(), unanswered.len(), unanswered.bytes()), ("oootoo", 6, 5));
        unanswered.answer(outcome(2, true, true));
        unanswered.answer(outcome(1, true, false));
        assert_eq!(unanswered.len(), 4);
        // What was answered already, or never published, changes nothing.
        unanswered.answer(outcome(2, true, false));
        unanswered.answer(outcome(99, true, false));
        unanswered.answer(outcome(3, false, false));
        unanswered.answer(outcome(6, true, false));
        unanswered.answer(outcome(5, true, true));
        assert_eq!((unanswered.len(), unanswered.bytes()), (0, 0));
    }

    #[test]
    fn an_answer_is_that_of_its_own_parcel() {
        let (mut unanswered, mut answers) = published(3);
        for outcome in [outcome(3, false, false), outcome(1, true, true), outcome(2, true, false)] {
            assert!(!unanswered.answer(outcome));
        }
        assert_eq!(seen(&mut answers), "ntf");
    }

    #[test]
    fn what_has_no_answer_goes_again_in_its_order() {
        let (mut unanswered, _answers) = published(5);
        unanswered.answer(outcome(1, true, false));
        unanswered.answer(outcome(3, true, false));
        let again: Vec<Bytes> = unanswered.take_all().map(|parcel| parcel.content.body).collect();
        assert_eq!(again, ["2", "4", "5"]);
        let (answer, _answered) = oneshot::channel();
        let _room = Arc::new(Semaphore::new(1)).try_acquire_owned().unwrap();
        unanswered.push(Parcel { content: content("6".to_owned()), answer, _room });
        unanswered.answer(outcome(1, true, false));
        assert_eq!(unanswered.len(), 0, "another link numbers from the beginning");
    }
}
