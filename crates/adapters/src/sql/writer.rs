//! The writer: keeps what waits in one transaction, as much as there is, and answers after its commit.
//!
//! The questions of one transaction are all under way at once, so they are worked off kind by kind; those of one kind in the order in which they were asked.
//! Where the database refuses one of them, all are worked off again, each in a savepoint of its own, so that only the refused ones fail.
//! After any other error the connection is given up and everybody is told to come again: what a broken connection has kept is not known.

use std::sync::Arc;
use std::time::Duration;

use ports::store::{Appended, Denied, Draft, RosterChange, StoreError};
use ports::{PortError, Seam};
use sqlx::Error;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, timeout};
use wire::id::Seq;

use super::backend::Backend;
use super::link::Link;
use super::rosters::Rosters;
use super::store::Health;
use super::writes::{FirstArrivals, GroupChange, Mark, Question};

/// Writes in one transaction: enough that the disk's pace no longer matters, few enough that nobody waits long for the others.
const WRITES_PER_COMMIT_MAX: usize = 256;
/// Writes that wait for the writer; then who asks waits for a place. At 64 KiB each they are 64 MiB.
pub(super) const WRITES_WAITING_MAX: usize = 1_024;
/// From asking to the answer. Well below [`ports::store::COMMIT_LAG_MS_MAX`], which no message that was kept may exceed.
pub(super) const ANSWER_WAIT: Duration = Duration::from_secs(5);
/// How often a database that has failed is tried when nobody else does.
const PROBE_EVERY: Duration = Duration::from_secs(2);

/// A question that waits for its answer.
pub(super) struct Ask<Q, A> {
    pub(super) question: Q,
    pub(super) asked: Instant,
    pub(super) answer: oneshot::Sender<Result<A, StoreError>>,
}

/// What the writer can be asked.
pub(super) enum Write {
    Append(Ask<Draft, Appended>),
    Mark(Ask<Mark, Option<Seq>>),
    Arrive(Ask<FirstArrivals, ()>),
    Change(Ask<GroupChange, RosterChange>),
}

/// The questions of one transaction, kind by kind.
#[derive(Default)]
struct Batch {
    changes: Vec<Ask<GroupChange, RosterChange>>,
    arrivals: Vec<Ask<FirstArrivals, ()>>,
    drafts: Vec<Ask<Draft, Appended>>,
    marks: Vec<Ask<Mark, Option<Seq>>>,
}

/// The answers to the questions of a batch.
struct Answers {
    changes: Vec<Result<RosterChange, Denied>>,
    arrivals: Vec<Result<(), Denied>>,
    drafts: Vec<Result<Appended, Denied>>,
    marks: Vec<Result<Option<Seq>, Denied>>,
}

/// How questions are worked off.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    Together,
    /// Each in a savepoint of its own.
    Alone,
}

/// The only one who changes the database.
pub(super) struct Writer<B: Backend> {
    pub(super) backend: Arc<B>,
    pub(super) queue: mpsc::Receiver<Write>,
    pub(super) link: Option<B::Link>,
    pub(super) rosters: Arc<Rosters>,
    pub(super) health: Arc<Health>,
}

impl<B: Backend> Writer<B> {
    /// Works until nobody can ask any more and nothing waits.
    pub(super) async fn run(mut self) {
        let mut waiting = Vec::with_capacity(WRITES_PER_COMMIT_MAX);
        loop {
            let next = self.queue.recv_many(&mut waiting, WRITES_PER_COMMIT_MAX);
            // A healthy database is not probed, so its wait has no end.
            let taken = if self.health.is_up() { Ok(next.await) } else { timeout(PROBE_EVERY, next).await };
            if taken == Ok(0) {
                break;
            }
            self.commit(Batch::of(waiting.drain(..))).await;
        }
        if let Some(link) = self.link.take() {
            self.backend.disconnect(link).await;
        }
    }

    /// Keeps a batch, or tells everybody that it was not kept. An empty one finds out whether the database works again.
    async fn commit(&mut self, batch: Batch) {
        match self.transact(&batch).await {
            Ok(answers) => {
                self.health.up();
                self.rosters.remember(answers.changes.iter().flatten().map(|change| &change.roster));
                batch.answer(answers);
            }
            Err(error) => {
                self.health.down(&error);
                if let Some(link) = self.link.take() {
                    self.backend.disconnect(link).await;
                }
                batch.fail(&error);
            }
        }
    }

    async fn transact(&mut self, batch: &Batch) -> Result<Answers, Error> {
        let link = match self.link.take() {
            Some(link) => self.link.insert(link),
            None => self.link.insert(self.backend.connect().await?),
        };
        link.run(B::BEGIN, vec![]).await?;
        let answers = match work_off::<B>(link, &self.rosters, batch, Mode::Together).await {
            Err(error) if B::refuses(&error) => {
                link.run("ROLLBACK", vec![]).await?;
                link.run(B::BEGIN, vec![]).await?;
                work_off::<B>(link, &self.rosters, batch, Mode::Alone).await?
            }
            answers => answers?,
        };
        if batch.is_empty() {
            link.run(B::Link::STATEMENTS.probe, vec![]).await?;
        }
        link.run("COMMIT", vec![]).await?;
        Ok(answers)
    }
}

async fn work_off<B: Backend>(
    link: &mut B::Link,
    rosters: &Rosters,
    batch: &Batch,
    mode: Mode,
) -> Result<Answers, Error> {
    Ok(Answers {
        changes: apply::<B, _, _>(link, rosters, &batch.changes, mode).await?,
        arrivals: apply::<B, _, _>(link, rosters, &batch.arrivals, mode).await?,
        drafts: apply::<B, _, _>(link, rosters, &batch.drafts, mode).await?,
        marks: apply::<B, _, _>(link, rosters, &batch.marks, mode).await?,
    })
}

async fn apply<B: Backend, Q: Question<Answer = A>, A: Send>(
    link: &mut B::Link,
    rosters: &Rosters,
    asks: &[Ask<Q, A>],
    mode: Mode,
) -> Result<Vec<Result<A, Denied>>, Error> {
    let questions: Vec<&Q> = asks.iter().map(|ask| &ask.question).collect();
    match mode {
        Mode::Together if questions.is_empty() => Ok(Vec::new()),
        Mode::Together => Q::apply(link, rosters, &questions).await,
        Mode::Alone => {
            let mut answers = Vec::with_capacity(questions.len());
            for question in questions {
                answers.push(apply_alone::<B, Q>(link, rosters, question).await?);
            }
            Ok(answers)
        }
    }
}

async fn apply_alone<B: Backend, Q: Question>(
    link: &mut B::Link,
    rosters: &Rosters,
    question: &Q,
) -> Result<Result<Q::Answer, Denied>, Error> {
    link.run("SAVEPOINT alone", vec![]).await?;
    let answer = match Q::apply(link, rosters, &[question]).await {
        Ok(answers) => answers.into_iter().next().unwrap_or(Err(Denied::Unacceptable)),
        Err(error) if B::refuses(&error) => {
            tracing::warn!(%error, "the database refuses a write");
            link.run("ROLLBACK TO SAVEPOINT alone", vec![]).await?;
            Err(Denied::Unacceptable)
        }
        Err(error) => return Err(error),
    };
    link.run("RELEASE SAVEPOINT alone", vec![]).await?;
    Ok(answer)
}

impl Batch {
    /// Sorts questions by kind. Those that have waited too long are refused, because nobody waits for the answer any more.
    fn of(waiting: impl Iterator<Item = Write>) -> Batch {
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

    fn is_empty(&self) -> bool {
        self.changes.is_empty() && self.arrivals.is_empty() && self.drafts.is_empty() && self.marks.is_empty()
    }

    fn answer(self, answers: Answers) {
        tell(self.changes, answers.changes);
        tell(self.arrivals, answers.arrivals);
        tell(self.drafts, answers.drafts);
        tell(self.marks, answers.marks);
    }

    fn fail(self, error: &Error) {
        self.changes.into_iter().for_each(|ask| ask.fail("change a group", error));
        self.arrivals.into_iter().for_each(|ask| ask.fail("let users arrive", error));
        self.drafts.into_iter().for_each(|ask| ask.fail("keep a message", error));
        self.marks.into_iter().for_each(|ask| ask.fail("move a cursor", error));
    }
}

fn tell<Q, A>(asks: Vec<Ask<Q, A>>, answers: Vec<Result<A, Denied>>) {
    for (ask, answer) in asks.into_iter().zip(answers) {
        // Who no longer listens has given up, and may ask again.
        ask.answer.send(answer.map_err(StoreError::Denied)).ok();
    }
}

impl<Q, A> Ask<Q, A> {
    fn unless_late(self) -> Option<Ask<Q, A>> {
        if self.asked.elapsed() < ANSWER_WAIT {
            return Some(self);
        }
        let error = PortError::timed_out(Seam::Store, "wait for the writer", ANSWER_WAIT);
        self.answer.send(Err(error.into())).ok();
        None
    }

    fn fail(self, during: &'static str, error: &Error) {
        let error = PortError::outage(Seam::Store, during, error.to_string());
        self.answer.send(Err(error.into())).ok();
    }
}
