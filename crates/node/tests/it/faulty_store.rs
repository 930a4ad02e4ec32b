//! The store in memory, with an outage or slow writes on request.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use ports::memory::store::MemoryStore;
use ports::store::{
    Appended, ConversationsPage, Denied, Draft, Page, PageQuery, PositionQuery, Roster, RosterChange,
    StoreError, UnreadList,
};
use ports::{Ambient, PortError, Seam, SeamState, Store};
use wire::id::{ConversationId, Epoch, GroupId, Seq, UserId};

/// A store that can be cut off, and slowed down.
#[derive(Debug)]
pub(crate) struct FaultyStore {
    inner: MemoryStore,
    cut: AtomicBool,
    write_ms: AtomicU64,
}

impl FaultyStore {
    /// One without faults.
    pub(crate) fn new(ambient: &Ambient) -> FaultyStore {
        FaultyStore {
            inner: MemoryStore::new(ambient),
            cut: AtomicBool::new(false),
            write_ms: AtomicU64::new(0),
        }
    }

    /// Begins an outage: every call fails and changes nothing.
    pub(crate) fn cut(&self) {
        self.cut.store(true, Ordering::SeqCst);
    }

    /// Ends an outage.
    pub(crate) fn mend(&self) {
        self.cut.store(false, Ordering::SeqCst);
    }

    /// From now on a write is answered so long after it is carried out.
    pub(crate) fn slow_writes(&self, by: Duration) {
        self.write_ms.store(u64::try_from(by.as_millis()).expect("a short time"), Ordering::SeqCst);
    }

    fn reach(&self, during: &'static str) -> Result<&MemoryStore, PortError> {
        if self.cut.load(Ordering::SeqCst) {
            return Err(PortError::outage(Seam::Store, during, "cut by the test"));
        }
        Ok(&self.inner)
    }

    async fn written<T>(&self, result: T) -> T {
        tokio::time::sleep(Duration::from_millis(self.write_ms.load(Ordering::SeqCst))).await;
        result
    }
}

#[async_trait]
impl Store for FaultyStore {
    fn epoch(&self) -> Epoch {
        self.inner.epoch()
    }

    async fn append(&self, draft: Draft) -> Result<Appended, StoreError> {
        self.written(self.reach("keep a message")?.append(draft).await).await
    }

    async fn pages(&self, queries: &[PageQuery]) -> Result<Vec<Result<Page, Denied>>, PortError> {
        self.reach("read pages")?.pages(queries).await
    }

    async fn arrive(&self, users: &[UserId], items_max: usize) -> Result<Vec<UnreadList>, PortError> {
        self.reach("read what is unread")?.arrive(users, items_max).await
    }

    async fn positions(&self, queries: &[PositionQuery]) -> Result<Vec<Seq>, PortError> {
        self.reach("read positions")?.positions(queries).await
    }

    async fn recent_heads(
        &self,
        users: &[UserId],
        since_ms: u64,
    ) -> Result<Vec<Vec<(ConversationId, Seq)>>, PortError> {
        self.reach("read heads")?.recent_heads(users, since_ms).await
    }

    async fn mark_read(
        &self,
        user: &UserId,
        conversation: &ConversationId,
        seq: Seq,
    ) -> Result<Option<Seq>, StoreError> {
        self.written(self.reach("mark read")?.mark_read(user, conversation, seq).await).await
    }

    async fn conversations(
        &self,
        user: &UserId,
        items_max: usize,
        after: Option<&str>,
    ) -> Result<ConversationsPage, StoreError> {
        self.reach("list conversations")?.conversations(user, items_max, after).await
    }

    async fn put_group(
        &self,
        group: &GroupId,
        members: Option<&[UserId]>,
    ) -> Result<RosterChange, PortError> {
        self.written(self.reach("put a group")?.put_group(group, members).await).await
    }

    async fn add_members(
        &self,
        group: &GroupId,
        users: &[UserId],
        create: bool,
    ) -> Result<RosterChange, StoreError> {
        self.written(self.reach("add members")?.add_members(group, users, create).await).await
    }

    async fn remove_members(&self, group: &GroupId, users: &[UserId]) -> Result<RosterChange, StoreError> {
        self.written(self.reach("remove members")?.remove_members(group, users).await).await
    }

    async fn delete_group(&self, group: &GroupId) -> Result<RosterChange, StoreError> {
        self.written(self.reach("delete a group")?.delete_group(group).await).await
    }

    async fn rosters(&self, groups: &[GroupId]) -> Result<Vec<Option<Arc<Roster>>>, PortError> {
        self.reach("read members")?.rosters(groups).await
    }

    async fn groups_of(&self, users: &[UserId]) -> Result<Vec<Vec<GroupId>>, PortError> {
        self.reach("read groups")?.groups_of(users).await
    }

    async fn close(&self) {
        self.inner.close().await;
    }

    fn state(&self) -> SeamState {
        match self.reach("") {
            Ok(inner) => inner.state(),
            Err(_) => SeamState::down("cut by the test"),
        }
    }
}
