//! What was published on one link and has no answer yet.

use std::collections::VecDeque;

use amqp::{Confirmed, Returned};

use super::parcel::Parcel;

/// What was published on this link and has no answer, by number.
#[derive(Default)]
pub(super) struct Unanswered {
    /// Those answered in between are gone.
    parcels: VecDeque<Option<Parcel>>,
    /// How many left at the front.
    gone: u64,
}

impl Unanswered {
    pub(super) fn len(&self) -> usize {
        self.parcels.len()
    }

    /// The number that the next message has.
    pub(super) fn next_number(&self) -> u64 {
        self.gone + self.parcels.len() as u64 + 1
    }

    pub(super) fn push(&mut self, parcel: Parcel) {
        self.parcels.push_back(Some(parcel));
    }

    /// All of them, in order; the next link numbers from the beginning.
    pub(super) fn take_all(&mut self) -> impl Iterator<Item = Parcel> + use<> {
        self.gone = 0;
        std::mem::take(&mut self.parcels).into_iter().flatten()
    }

    fn place(&self, number: u64) -> Option<usize> {
        usize::try_from(number.checked_sub(self.gone + 1)?).ok()
    }

    pub(super) fn mark_returned(&mut self, returned: &Returned) {
        let id = returned.message_id.as_deref().and_then(|id| std::str::from_utf8(id).ok()?.parse().ok());
        let place = id.and_then(|number| self.place(number));
        if let Some(Some(parcel)) = place.and_then(|place| self.parcels.get_mut(place)) {
            parcel.was_returned = true;
        }
    }

    pub(super) fn confirm(&mut self, confirmed: Confirmed) {
        let Some(place) = self.place(confirmed.number) else { return };
        let first = if confirmed.and_earlier { 0 } else { place };
        let last = (place + 1).min(self.parcels.len());
        for parcel in self.parcels.range_mut(first.min(last)..last).filter_map(Option::take) {
            parcel.confirmed(confirmed.taken);
        }
        while self.parcels.front().is_some_and(Option::is_none) {
            self.parcels.pop_front();
            self.gone += 1;
        }
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
            assert_eq!(unanswered.next_number(), number);
            let _room = room.clone().try_acquire_owned().unwrap();
            let body = number.to_string();
            unanswered.push(Parcel { content: content(body), answer, was_returned: false, _room });
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

    fn confirmed(number: u64, and_earlier: bool, taken: bool) -> Confirmed {
        Confirmed { taken, number, and_earlier }
    }

    fn returned(number: u64) -> Returned {
        let (why, exchange, key) = ("NO_ROUTE".to_owned(), "x".to_owned(), "node-1".to_owned());
        Returned { why, exchange, key, message_id: Some(number.to_string().into()) }
    }

    #[test]
    fn each_parcel_gets_its_own_answer_whatever_the_broker_puts_together() {
        let (mut unanswered, mut answers) = published(6);
        unanswered.mark_returned(&returned(5));
        unanswered.mark_returned(&returned(2));
        unanswered.confirm(confirmed(4, false, true));
        assert_eq!((seen(&mut answers).as_str(), unanswered.len()), ("oootoo", 6));
        unanswered.confirm(confirmed(2, true, true));
        unanswered.confirm(confirmed(3, false, false));
        assert_eq!(unanswered.len(), 2);
        unanswered.confirm(confirmed(6, true, true));
        assert_eq!(unanswered.len(), 0);
        // Each answer is there once.
        let (mut unanswered, mut answers) = published(6);
        unanswered.mark_returned(&returned(5));
        unanswered.mark_returned(&returned(2));
        unanswered.confirm(confirmed(3, false, false));
        unanswered.confirm(confirmed(6, true, true));
        assert_eq!(seen(&mut answers), "tnftnt");
        // What was answered already, or never published, changes nothing.
        unanswered.confirm(confirmed(2, true, false));
        unanswered.confirm(confirmed(99, false, true));
        unanswered.mark_returned(&returned(99));
    }

    #[test]
    fn what_has_no_answer_goes_again_in_its_order() {
        let (mut unanswered, _answers) = published(5);
        unanswered.confirm(confirmed(1, false, true));
        unanswered.confirm(confirmed(3, false, true));
        let again: Vec<Bytes> = unanswered.take_all().map(|parcel| parcel.content.body).collect();
        assert_eq!(again, ["2", "4", "5"]);
        assert_eq!(unanswered.next_number(), 1, "another link numbers from the beginning");
    }
}
