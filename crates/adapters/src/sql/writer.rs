//! A writer: keeps what waits in one transaction, as much as there is, and answers after its commit.
//!
//! The questions of one transaction are all under way at once, so they are worked off kind by kind; those of one kind in the order in which they were asked.
//! Where a send was kept before, all are worked off again with a look at what was kept.
//! Where the database refuses one of them, all are worked off again, each in a savepoint of its own, so that only the refused ones fail.
//! Where another transaction was in the way, all are worked off again as they are, a few times.
//! While one waits for its turn more questions gather, so that a transaction is worth its round trips; a transaction that is held up gives its turn away.
//! After any other error the connection is given up and everybody is told to come again: what a broken connection has kept is not known.

use std::collections::BTreeMap;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use ports::store::Denied;
use sqlx::Error;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::time::timeout;
use wire::id::ConversationId;

use super::backend::{Backend, Fault, Repeated};
use super::batch::{Answers, Ask, Batch, Told, Write};
use super::ground::Ground;
use super::health::Health;
use super::link::Link;
use super::rosters::Rosters;
use super::writes::Question;

/// Writes in one transaction: enough that the disk's pace no longer matters, few enough that nobody waits long for the others.
const WRITES_PER_COMMIT_MAX: usize = 256;
/// Writes that wait for all writers of a store; then who asks waits for a place. At 64 KiB each they are 64 MiB.
pub(super) const WRITES_WAITING_MAX: usize = 1_024;
/// For one transaction: longer than anybody waits for its answer, so what is given up here nobody waits for any more.
/// With the wait of a question that was just in time it stays below [`ports::store::COMMIT_LAG_MS_MAX`].
const COMMIT_WAIT: Duration = Duration::from_millis(4_900);
/// A transaction that takes longer is held up, by a row or by the disk, and lets another one begin meanwhile.
const TURN_MAX: Duration = Duration::from_millis(30);
/// How often a database that has failed is tried when nobody else does.
const PROBE_EVERY: Duration = Duration::from_secs(2);
/// How often a transaction that lost a race is begun again. Each time somebody else has got on, so one more is rarely needed.
const RACES_MAX: u32 = 8;

/// How questions are worked off.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    /// At once, in the hope that no send was kept before: nobody looks for them. Where one was, the insert says so and nothing is kept.
    Hopeful,
    /// At once.
    Together,
    /// Each in a savepoint of its own.
    Alone,
}

/// The only one in this process who changes its share of the conversations.
pub(super) struct Writer<B: Backend> {
    /// Which of the store's writers it is.
    pub(super) number: usize,
    pub(super) backend: Arc<B>,
    pub(super) queue: mpsc::Receiver<Write>,
    pub(super) link: Option<B::Link>,
    /// As the last transaction left it, if that was committed.
    pub(super) ground: Ground,
    /// Whether sends were repeated in the last transaction. Then more of them will come, as after an outage.
    pub(super) meets_repeats: bool,
    pub(super) rosters: Arc<Rosters>,
    pub(super) health: Arc<Health>,
    /// The turns of all writers of the store, [`Backend::TURNS`] of them.
    pub(super) turns: Arc<Semaphore>,
}

impl<B: Backend> Writer<B> {
    /// Works until nobody can ask any more and nothing waits.
    pub(super) async fn run(mut self) {
        let mut waiting = Vec::with_capacity(WRITES_PER_COMMIT_MAX);
        loop {
            let wait = self.wait();
            let next = self.queue.recv_many(&mut waiting, WRITES_PER_COMMIT_MAX);
            let taken = match wait {
                Some(wait) => timeout(wait, next).await.ok(),
                None => Some(next.await),
            };
            match taken {
                Some(0) => break,
                Some(_) => self.commit_in_turn(&mut waiting).await,
                None if self.health.is_up(self.number) => self.look().await,
                None => self.commit(Batch::default(), None).await,
            }
        }
        if let Some(link) = self.link.take() {
            self.backend.disconnect(link).await;
        }
    }

    /// How long to wait for work before seeing how the database is. One writer that looks is enough, but each has to mend itself.
    fn wait(&self) -> Option<Duration> {
        match self.health.is_up(self.number) {
            true => B::LOOK_EVERY.filter(|_| self.number == 0),
            false => Some(PROBE_EVERY),
        }
    }

    /// Waits for a turn, and keeps what waits by then.
    async fn commit_in_turn(&mut self, waiting: &mut Vec<Write>) {
        // An error would mean that there are no turns any more, and then nobody has to wait for one.
        let turn = self.turns.clone().acquire_owned().await.ok();
        while waiting.len() < WRITES_PER_COMMIT_MAX
            && let Ok(write) = self.queue.try_recv()
        {
            waiting.push(write);
        }
        self.commit(Batch::of(waiting.drain(..)), turn).await;
    }

    /// Keeps a batch, or tells everybody that it was not kept. An empty one finds out whether the database works again.
    async fn commit(&mut self, batch: Batch, turn: Option<OwnedSemaphorePermit>) {
        let kept = {
            let mut keeping = pin!(timeout(COMMIT_WAIT, self.transact(&batch)));
            match timeout(TURN_MAX, keeping.as_mut()).await {
                Ok(kept) => kept,
                Err(_) => {
                    drop(turn);
                    keeping.await
                }
            }
        };
        let error = match kept {
            Ok(Ok(answers)) => {
                self.health.up(self.number);
                self.rosters.remember(answers.changes.iter().flatten().map(|change| &change.roster));
                return batch.answer(answers);
            }
            Ok(Err(error)) if B::fault(&error) == Fault::Busy => {
                tracing::warn!(%error, "some messages are not kept: somebody else holds their conversations");
                self.give_up_transaction().await;
                error.to_string()
            }
            Ok(Err(error)) => self.give_up_connection(error.to_string()).await,
            Err(_) => self.give_up_connection(format!("no answer within {COMMIT_WAIT:?}")).await,
        };
        batch.fail(&error);
    }

    /// Ends a transaction that came to nothing, on a connection that works.
    async fn give_up_transaction(&mut self) {
        if let Some(mut link) = self.link.take()
            && let Ok(Ok(_)) = timeout(COMMIT_WAIT, link.run("ROLLBACK", vec![])).await
        {
            self.link = Some(link);
        }
    }

    async fn give_up_connection(&mut self, error: String) -> String {
        self.health.down(self.number, &error);
        if let Some(link) = self.link.take() {
            self.backend.disconnect(link).await;
        }
        error
    }

    /// Sees how the database is while there is nothing to write.
    async fn look(&mut self) {
        let looking = async {
            let link = connection(&*self.backend, &mut self.link, &self.health).await?;
            self.backend.look(link).await
        };
        let told = match timeout(COMMIT_WAIT, looking).await {
            Ok(Ok(note)) => return self.health.note(note),
            Ok(Err(error)) => error.to_string(),
            Err(_) => format!("no answer within {COMMIT_WAIT:?}"),
        };
        // A connection that was cut while nobody used it says nothing of the database; the next one does.
        if let Some(link) = self.link.take() {
            self.backend.disconnect(link).await;
        }
        tracing::debug!(error = told, "the connection to the database is lost");
        self.commit(Batch::default(), None).await;
    }

    /// Keeps a batch in one transaction, in as many attempts as it takes.
    async fn transact(&mut self, batch: &Batch) -> Result<Answers, Error> {
        let names = batch.conversations();
        let (mut mode, mut races) = (if self.meets_repeats { Mode::Together } else { Mode::Hopeful }, 0);
        loop {
            let error = match self.attempt(batch, &names, mode).await {
                Ok(answers) => return Ok(answers),
                Err(error) => error,
            };
            match fault::<B>(&error) {
                Fault::Repeated if mode == Mode::Hopeful => mode = Mode::Together,
                Fault::Raced | Fault::Repeated if races < RACES_MAX => races += 1,
                Fault::Refused | Fault::Raced | Fault::Repeated if mode != Mode::Alone => mode = Mode::Alone,
                _ => return Err(error),
            }
            if let Some(link) = &mut self.link {
                link.run("ROLLBACK", vec![]).await?;
            }
        }
    }

    async fn attempt(
        &mut self,
        batch: &Batch,
        names: &BTreeMap<ConversationId, bool>,
        mode: Mode,
    ) -> Result<Answers, Error> {
        // It is put back after the commit only, so what a lost transaction has done to it is forgotten.
        let ground = std::mem::take(&mut self.ground);
        let (link, mut ground) = begin(&*self.backend, &mut self.link, &self.health, ground, names).await?;
        ground.sends_are_fresh = mode == Mode::Hopeful;
        let answers = work_off::<B>(link, &self.rosters, &mut ground, batch, mode).await?;
        if batch.is_empty() {
            link.run(B::Link::STATEMENTS.probe, vec![]).await?;
        }
        // Where more waits already, the next transaction begins with no word of its own.
        ground.is_begun = !self.queue.is_empty();
        link.run(if ground.is_begun { B::Link::COMMIT_AND_BEGIN } else { "COMMIT" }, vec![]).await?;
        self.ground = ground;
        self.meets_repeats = answers.drafts.iter().flatten().any(|appended| !appended.fresh);
        Ok(answers)
    }
}

/// Whose fault an error in a transaction is.
fn fault<B: Backend>(error: &Error) -> Fault {
    match error {
        Error::AnyDriverError(error) if error.is::<Repeated>() => Fault::Repeated,
        error => B::fault(error),
    }
}

/// Begins a transaction on the connection that there is, or on a new one.
async fn begin<'a, B: Backend>(
    backend: &B,
    link: &'a mut Option<B::Link>,
    health: &Health,
    mut ground: Ground,
    names: &BTreeMap<ConversationId, bool>,
) -> Result<(&'a mut B::Link, Ground), Error> {
    if let Some(used) = link {
        match ground.take(used, names).await {
            Ok(()) => {
                // Asked for again, because a borrow that is returned from one arm would last for all.
                let link = connection(backend, link, health).await?;
                return Ok((link, ground));
            }
            Err(error) if B::fault(&error) == Fault::Broken => {
                // It may have been cut while nobody used it. Nothing was kept yet, so another one can do it all.
                tracing::debug!(%error, "the connection to the database is lost");
                if let Some(used) = link.take() {
                    backend.disconnect(used).await;
                }
            }
            Err(error) => return Err(error),
        }
    }
    let link = connection(backend, link, health).await?;
    let mut ground = Ground::default();
    ground.take(link, names).await?;
    Ok((link, ground))
}

/// The connection that there is, or a new one.
async fn connection<'a, B: Backend>(
    backend: &B,
    link: &'a mut Option<B::Link>,
    health: &Health,
) -> Result<&'a mut B::Link, Error> {
    match link {
        Some(link) => Ok(link),
        None => {
            let (new, note) = backend.connect().await?;
            health.note(note);
            Ok(link.insert(new))
        }
    }
}

async fn work_off<B: Backend>(
    link: &mut B::Link,
    rosters: &Rosters,
    ground: &mut Ground,
    batch: &Batch,
    mode: Mode,
) -> Result<Answers, Error> {
    Ok(Answers {
        changes: apply::<B, _>(link, rosters, ground, &batch.changes, mode).await?,
        arrivals: apply::<B, _>(link, rosters, ground, &batch.arrivals, mode).await?,
        drafts: apply::<B, _>(link, rosters, ground, &batch.drafts, mode).await?,
        marks: apply::<B, _>(link, rosters, ground, &batch.marks, mode).await?,
    })
}

async fn apply<B: Backend, Q: Question>(
    link: &mut B::Link,
    rosters: &Rosters,
    ground: &mut Ground,
    asks: &[Ask<Q>],
    mode: Mode,
) -> Result<Told<Q>, Error> {
    let questions: Vec<&Q> = asks.iter().map(|ask| &ask.question).collect();
    match mode {
        Mode::Hopeful | Mode::Together if questions.is_empty() => Ok(Vec::new()),
        Mode::Hopeful | Mode::Together => Q::apply(link, rosters, ground, &questions).await,
        Mode::Alone => {
            let mut answers = Vec::with_capacity(questions.len());
            for question in questions {
                answers.push(apply_alone::<B, Q>(link, rosters, ground, question).await?);
            }
            Ok(answers)
        }
    }
}

async fn apply_alone<B: Backend, Q: Question>(
    link: &mut B::Link,
    rosters: &Rosters,
    ground: &mut Ground,
    question: &Q,
) -> Result<Result<Q::Answer, Denied>, Error> {
    let name = question.conversation();
    let before = ground.get(&name);
    link.run("SAVEPOINT alone", vec![]).await?;
    let answer = match Q::apply(link, rosters, ground, &[question]).await {
        Ok(answers) => answers.into_iter().next().unwrap_or(Err(Denied::Unacceptable)),
        Err(error) if B::fault(&error) == Fault::Refused => {
            tracing::warn!(%error, "the database refuses a write");
            link.run("ROLLBACK TO SAVEPOINT alone", vec![]).await?;
            ground.restore(&name, before);
            Err(Denied::Unacceptable)
        }
        Err(error) => return Err(error),
    };
    link.run("RELEASE SAVEPOINT alone", vec![]).await?;
    Ok(answer)
}
