//! What a writer keeps in one transaction: the questions that waited, by kind, and what becomes of each.

use std::collections::BTreeMap;
use std::time::Duration;

use ports::store::{Denied, Draft, StoreError};
use ports::{PortError, Seam};
use tokio::sync::oneshot;
use tokio::time::Instant;
use wire::id::ConversationId;

use super::writes::{FirstArrivals, GroupChange, Mark, Question};

/// From asking to the answer. Well below [`ports::store::COMMIT_LAG_MS_MAX`], which no message that was kept may exceed.
pub(super) const ANSWER_WAIT: Duration = Duration::from_secs(5);

/// A question that waits for its answer.
pub(super) struct Ask<Q: Question> {
    pub(super) question: Q,
    pub(super) asked: Instant,
    pub(super) answer: oneshot::Sender<Result<Q::Answer, StoreError>>,
}

/// What a writer can be asked.
pub(super) enum Write {
    Append(Ask<Draft>),
    Mark(Ask<Mark>),
    Arrive(Ask<FirstArrivals>),
    Change(Ask<GroupChange>),
}

/// The questions of one transaction, kind by kind.
#[derive(Default)]
pub(super) struct Batch {
    pub(super) changes: Vec<Ask<GroupChange>>,
    pub(super) arrivals: Vec<Ask<FirstArrivals>>,
    pub(super) drafts: Vec<Ask<Draft>>,
    pub(super) marks: Vec<Ask<Mark>>,
}

/// The answers to some questions, in their order.
pub(super) type Told<Q> = Vec<Result<<Q as Question>::Answer, Denied>>;

/// The answers to the questions of a batch.
pub(super) struct Answers {
    pub(super) changes: Told<GroupChange>,
    pub(super) arrivals: Told<FirstArrivals>,
    pub(super) drafts: Told<Draft>,
    pub(super) marks: Told<Mark>,
}

impl Batch {
    /// Sorts questions by kind. Those that have waited too long are refused, because nobody waits for the answer any more.
    pub(super) fn of(waiting: impl Iterator<Item = Write>) -> Batch {
        let mut batch = Batch::default();
        for write in waiting {
            match write {
                Write::Append(ask) => batch.drafts.extend(ask.unless_late()),
                Write::Mark(ask) => batch.marks.extend(ask.unless_late()),
                Write::Arrive(ask) => batch.arrivals.extend(ask.unless_late()),
                Write::Change(ask) => batch.changes.extend(ask.unless_late()),
            }
        }
        batch
    }

    /// The conversations that its questions are about, and whether one of them may make it.
    pub(super) fn conversations(&self) -> BTreeMap<ConversationId, bool> {
        fn about<Q: Question>(asks: &[Ask<Q>]) -> impl Iterator<Item = (ConversationId, bool)> {
            asks.iter().map(|ask| (ask.question.conversation(), ask.question.makes_it()))
        }
        let mut names = BTreeMap::new();
        let all = about(&self.changes).chain(about(&self.arrivals)).chain(about(&self.drafts));
        for (name, makes_it) in all.chain(about(&self.marks)) {
            *names.entry(name).or_insert(false) |= makes_it;
        }
        names
    }

    pub(super) fn is_empty(&self) -> bool {
        self.changes.is_empty() && self.arrivals.is_empty() && self.drafts.is_empty() && self.marks.is_empty()
    }

    pub(super) fn answer(self, answers: Answers) {
        tell(self.changes, answers.changes);
        tell(self.arrivals, answers.arrivals);
        tell(self.drafts, answers.drafts);
        tell(self.marks, answers.marks);
    }

    pub(super) fn fail(self, error: &str) {
        self.changes.into_iter().for_each(|ask| ask.fail("change a group", error));
        self.arrivals.into_iter().for_each(|ask| ask.fail("let users arrive", error));
        self.drafts.into_iter().for_each(|ask| ask.fail("keep a message", error));
        self.marks.into_iter().for_each(|ask| ask.fail("move a cursor", error));
    }
}

fn tell<Q: Question>(asks: Vec<Ask<Q>>, answers: Told<Q>) {
    for (ask, answer) in asks.into_iter().zip(answers) {
        // Who no longer listens has given up, and may ask again.
        ask.answer.send(answer.map_err(StoreError::Denied)).ok();
    }
}

impl<Q: Question> Ask<Q> {
    fn unless_late(self) -> Option<Ask<Q>> {
        if self.asked.elapsed() < ANSWER_WAIT {
            return Some(self);
        }
        let error = PortError::timed_out(Seam::Store, "wait for the writer", ANSWER_WAIT);
        self.answer.send(Err(error.into())).ok();
        None
    }

    fn fail(self, during: &'static str, error: &str) {
        let error = PortError::outage(Seam::Store, during, error);
        self.answer.send(Err(error.into())).ok();
    }
}
