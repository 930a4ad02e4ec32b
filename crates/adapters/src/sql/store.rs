//! The [`Store`] itself: who asks the writer, who reads, and how the database is.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use ports::bookmark::Bookmark;
use ports::store::{
    Appended, ConversationsPage, Denied, Draft, Page, PageQuery, PositionQuery, Roster, RosterChange, Store,
    StoreError, UnreadList,
};
use ports::{PortError, Seam, SeamState};
use sqlx::Error;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};
use wire::id::{ConversationId, Epoch, GroupId, Seq, UserId};

use super::backend::Backend;
use super::reads;
use super::rosters::Rosters;
use super::writer::{ANSWER_WAIT, Ask, WRITES_WAITING_MAX, Write, Writer};
use super::writes::{FirstArrivals, GroupChange, Mark, NewMembers};

/// From asking for a read to its answer; a page takes milliseconds, so what takes longer will not come.
const READ_WAIT: Duration = Duration::from_secs(5);

/// A store in a SQL database.
pub struct SqlStore<B> {
    pub(super) backend: Arc<B>,
    epoch: Epoch,
    /// Where writes wait; `None` once the store is closed.
    queue: Mutex<Option<mpsc::Sender<Write>>>,
    writers: Mutex<JoinSet<()>>,
    rosters: Arc<Rosters>,
    health: Arc<Health>,
}

/// How the database was when it was last used.
#[derive(Debug, Default)]
pub(super) struct Health {
    trouble: Mutex<Option<String>>,
}

impl Health {
    pub(super) fn up(&self) {
        if self.trouble().take().is_some() {
            tracing::info!("the store works again");
        }
    }

    pub(super) fn down(&self, error: &Error) {
        let before = self.trouble().replace(error.to_string());
        if before.is_none() {
            tracing::error!(%error, "the store does not work");
        }
    }

    pub(super) fn is_up(&self) -> bool {
        self.trouble().is_none()
    }

    fn trouble(&self) -> MutexGuard<'_, Option<String>> {
        self.trouble.lock().unwrap_or_else(PoisonError::into_inner)
    }
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
    /// Starts the writer of a database that is ready. `link` is the first connection to write on.
    pub(super) fn start(backend: B, link: B::Link, epoch: Epoch) -> Arc<SqlStore<B>> {
        let backend = Arc::new(backend);
        let (queue, waiting) = mpsc::channel(WRITES_WAITING_MAX);
        let (rosters, health) = (Arc::<Rosters>::default(), Arc::<Health>::default());
        let writer = Writer {
            backend: backend.clone(),
            queue: waiting,
            link: Some(link),
            rosters: rosters.clone(),
            health: health.clone(),
        };
        let mut writers = JoinSet::new();
        writers.spawn(writer.run());
        let (queue, writers) = (Mutex::new(Some(queue)), Mutex::new(writers));
        Arc::new(SqlStore { backend, epoch, queue, writers, rosters, health })
    }

    /// Lets a question wait for the writer, and waits for the answer.
    async fn ask<Q, A>(
        &self,
        during: &'static str,
        question: Q,
        write: fn(Ask<Q, A>) -> Write,
    ) -> Result<A, StoreError> {
        let closed = || PortError::outage(Seam::Store, during, "the store is closed");
        let queue = self.queue().clone().ok_or_else(closed)?;
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

    async fn change(&self, group: &GroupId, members: NewMembers) -> Result<RosterChange, StoreError> {
        let change = GroupChange { group: group.clone(), members };
        self.ask("change a group", change, Write::Change).await
    }

    fn queue(&self) -> MutexGuard<'_, Option<mpsc::Sender<Write>>> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
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
        self.queue().take();
        let mut writers = std::mem::take(&mut *self.writers.lock().unwrap_or_else(PoisonError::into_inner));
        while writers.join_next().await.is_some() {}
        self.backend.close().await;
    }

    fn state(&self) -> SeamState {
        self.health.trouble().clone().map_or_else(SeamState::up, SeamState::down)
    }
}

/// A denial where the trait has no place for one.
fn port(error: StoreError, during: &'static str) -> PortError {
    match error {
        StoreError::Port(error) => error,
        StoreError::Denied(denied) => PortError::refused(Seam::Store, during, denied),
    }
}
