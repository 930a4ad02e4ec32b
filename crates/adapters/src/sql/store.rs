//! The [`Store`] itself: who asks the writer, who reads, and how the database is.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use ports::bookmark::Bookmark;
use ports::store::{
    Appended, ConversationsPage, Denied, Draft, Page, PageQuery, PositionQuery, Roster, RosterChange, Store,
    StoreError, UnreadList,
};
use ports::{PortError, Seam, SeamState};
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};
use wire::id::{ConversationId, Epoch, GroupId, Seq, UserId};

use super::backend::Backend;
use super::batch::{ANSWER_WAIT, Ask, Write};
use super::ground::Ground;
use super::health::Health;
use super::reads;
use super::rosters::Rosters;
use super::writer::{WRITES_WAITING_MAX, Writer};
use super::writes::{FirstArrivals, GroupChange, Mark, NewMembers, Question};

/// From asking for a read to its answer; a page takes milliseconds, so what takes longer will not come.
const READ_WAIT: Duration = Duration::from_secs(5);

/// A store in a SQL database.
pub struct SqlStore<B> {
    pub(super) backend: Arc<B>,
    epoch: Epoch,
    /// Where writes wait, each conversation's always in the same; empty once the store is closed.
    queues: Mutex<Vec<mpsc::Sender<Write>>>,
    writers: Mutex<JoinSet<()>>,
    rosters: Arc<Rosters>,
    health: Arc<Health>,
}

/// Runs one read on a snapshot and gives the connection back, whatever came of it.
macro_rules! read {
    ($store:expr, $during:literal, |$link:ident, $rosters:ident| $work:expr) => {{
        let reading = async {
            let mut reading = $store.backend.begin_reading().await?;
            let ($link, $rosters) = (&mut *reading, &*$store.rosters);
            // Only a group's roster is remembered, and not every read is about groups.
            let _ = $rosters;
            let result = $work.await;
            let ended = $store.backend.end_reading(reading).await;
            result.and_then(|found| ended.map(|()| found))
        };
        match timeout(READ_WAIT, reading).await {
            Ok(Ok(found)) => Ok(found),
            Ok(Err(error)) => Err(PortError::outage(Seam::Store, $during, error)),
            Err(_) => Err(PortError::timed_out(Seam::Store, $during, READ_WAIT)),
        }
    }};
}

#[expect(private_bounds, reason = "nobody outside adds a database")]
impl<B: Backend> SqlStore<B> {
    /// Starts the writers of a database that is ready. `link` is the first connection to write on, and `note` what it has found.
    pub(super) fn start(backend: B, link: B::Link, epoch: Epoch, note: Option<String>) -> Arc<SqlStore<B>> {
        let backend = Arc::new(backend);
        let (rosters, health) = (Arc::<Rosters>::default(), Arc::new(Health::new(note)));
        let (mut queues, mut writers) = (Vec::new(), JoinSet::new());
        let mut link = Some(link);
        let turns = Arc::new(Semaphore::new(B::TURNS));
        for number in 0..B::WRITERS {
            let (queue, waiting) = mpsc::channel(WRITES_WAITING_MAX / B::WRITERS);
            queues.push(queue);
            let writer = Writer {
                number,
                backend: backend.clone(),
                queue: waiting,
                link: link.take(),
                ground: Ground::default(),
                meets_repeats: false,
                rosters: rosters.clone(),
                health: health.clone(),
                turns: turns.clone(),
            };
            writers.spawn(writer.run());
        }
        let (queues, writers) = (Mutex::new(queues), Mutex::new(writers));
        Arc::new(SqlStore { backend, epoch, queues, writers, rosters, health })
    }

    /// Lets a question wait for its writer, and waits for the answer.
    async fn ask<Q: Question>(
        &self,
        during: &'static str,
        question: Q,
        write: fn(Ask<Q>) -> Write,
    ) -> Result<Q::Answer, StoreError> {
        let closed = || PortError::outage(Seam::Store, during, "the store is closed");
        let queue = self.queue_of(&question.conversation()).ok_or_else(closed)?;
        let (answer, answered) = oneshot::channel();
        let ask = Ask { question, asked: Instant::now(), answer };
        let asking = async move {
            queue.send(write(ask)).await.map_err(|_| closed())?;
            // A store that is being closed works until every queue is given up.
            drop(queue);
            answered.await.map_err(|_| closed())?
        };
        let timed_out = || PortError::timed_out(Seam::Store, during, ANSWER_WAIT);
        timeout(ANSWER_WAIT, asking).await.map_err(|_| timed_out())?
    }

    /// Where the writes of a conversation wait: always in the same queue, so that they are kept in order and one transaction is enough to lock it.
    fn queue_of(&self, conversation: &ConversationId) -> Option<mpsc::Sender<Write>> {
        let queues = self.queues.lock().unwrap_or_else(PoisonError::into_inner);
        let mut hasher = DefaultHasher::new();
        conversation.hash(&mut hasher);
        let turn = hasher.finish().checked_rem(queues.len() as u64)?;
        queues.get(usize::try_from(turn).ok()?).cloned()
    }

    async fn change(&self, group: &GroupId, members: NewMembers) -> Result<RosterChange, StoreError> {
        let change = GroupChange { group: group.clone(), members };
        self.ask("change a group", change, Write::Change).await
    }
}

#[async_trait]
impl<B: Backend> Store for SqlStore<B> {
    fn epoch(&self) -> Epoch {
        self.epoch
    }

    async fn append(&self, draft: Draft) -> Result<Appended, StoreError> {
        self.ask("keep a message", draft, Write::Append).await
    }

    async fn pages(&self, queries: &[PageQuery]) -> Result<Vec<Result<Page, Denied>>, PortError> {
        read!(self, "read pages", |link, rosters| reads::pages(link, rosters, queries))
    }

    async fn arrive(&self, users: &[UserId], items_max: usize) -> Result<Vec<UnreadList>, PortError> {
        let (lists, unseen) =
            read!(self, "read what is unread", |link, _rosters| reads::unread(link, users, items_max))?;
        if !unseen.is_empty() {
            let arriving = self.ask("let users arrive", FirstArrivals(unseen), Write::Arrive);
            arriving.await.map_err(|error| port(error, "let users arrive"))?;
        }
        Ok(lists)
    }

    async fn positions(&self, queries: &[PositionQuery]) -> Result<Vec<Seq>, PortError> {
        read!(self, "read positions", |link, _rosters| reads::positions(link, queries))
    }

    async fn recent_heads(
        &self,
        users: &[UserId],
        since_ms: u64,
    ) -> Result<Vec<Vec<(ConversationId, Seq)>>, PortError> {
        read!(self, "read recent heads", |link, _rosters| reads::recent_heads(link, users, since_ms))
    }

    async fn mark_read(
        &self,
        user: &UserId,
        conversation: &ConversationId,
        seq: Seq,
    ) -> Result<Option<Seq>, StoreError> {
        let mark = Mark { user: user.clone(), conversation: conversation.clone(), seq };
        self.ask("move a cursor", mark, Write::Mark).await
    }

    async fn conversations(
        &self,
        user: &UserId,
        items_max: usize,
        after: Option<&str>,
    ) -> Result<ConversationsPage, StoreError> {
        let after = after.map(str::parse::<Bookmark>).transpose()?;
        let page = read!(self, "list conversations", |link, _rosters| reads::conversations(
            link, user, items_max, after
        ));
        Ok(page?)
    }

    async fn put_group(
        &self,
        group: &GroupId,
        members: Option<&[UserId]>,
    ) -> Result<RosterChange, PortError> {
        let members = members.map_or(NewMembers::Same, |members| NewMembers::Exactly(members.to_vec()));
        self.change(group, members).await.map_err(|error| port(error, "change a group"))
    }

    async fn add_members(
        &self,
        group: &GroupId,
        users: &[UserId],
        create: bool,
    ) -> Result<RosterChange, StoreError> {
        self.change(group, NewMembers::With { users: users.to_vec(), create }).await
    }

    async fn remove_members(&self, group: &GroupId, users: &[UserId]) -> Result<RosterChange, StoreError> {
        self.change(group, NewMembers::Without(users.to_vec())).await
    }

    async fn delete_group(&self, group: &GroupId) -> Result<RosterChange, StoreError> {
        self.change(group, NewMembers::None).await
    }

    async fn rosters(&self, groups: &[GroupId]) -> Result<Vec<Option<Arc<Roster>>>, PortError> {
        read!(self, "read rosters", |link, rosters| reads::rosters(link, rosters, groups))
    }

    async fn groups_of(&self, users: &[UserId]) -> Result<Vec<Vec<GroupId>>, PortError> {
        read!(self, "read the groups of users", |link, _rosters| reads::groups_of(link, users))
    }

    async fn close(&self) {
        self.queues.lock().unwrap_or_else(PoisonError::into_inner).clear();
        let mut writers = std::mem::take(&mut *self.writers.lock().unwrap_or_else(PoisonError::into_inner));
        while writers.join_next().await.is_some() {}
        self.backend.close().await;
    }

    fn state(&self) -> SeamState {
        self.health.state()
    }
}

/// A denial where the trait has no place for one.
fn port(error: StoreError, during: &'static str) -> PortError {
    match error {
        StoreError::Port(error) => error,
        StoreError::Denied(denied) => PortError::refused(Seam::Store, during, denied),
    }
}
