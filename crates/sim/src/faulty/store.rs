//! The store under the weather: it refuses, is slow, hangs, or keeps what it was given and loses the answer.

use std::sync::Arc;

use async_trait::async_trait;
use ports::store::{
    Appended, ConversationsPage, Denied, Draft, Page, PageQuery, PositionQuery, Roster, RosterChange,
    StoreError, UnreadList,
};
use ports::{PortError, Seam, SeamState, Store};
use wire::id::{ConversationId, Epoch, GroupId, Seq, UserId};

use super::Faulty;

impl<T: Store> Faulty<T> {
    async fn ask_store<R, E, W>(&self, during: &'static str, work: W) -> Result<R, E>
    where
        R: Send + 'static,
        E: From<PortError> + Send + 'static,
        W: Future<Output = Result<R, E>> + Send + 'static,
    {
        self.weather.call(Seam::Store, during, self.node, work).await?
    }
}

#[async_trait]
impl<T: Store> Store for Faulty<T> {
    fn epoch(&self) -> Epoch {
        self.inner.epoch()
    }

    async fn append(&self, draft: Draft) -> Result<Appended, StoreError> {
        let inner = self.inner.clone();
        self.ask_store("keep a message", async move { inner.append(draft).await }).await
    }

    async fn pages(&self, queries: &[PageQuery]) -> Result<Vec<Result<Page, Denied>>, PortError> {
        let (inner, queries) = (self.inner.clone(), queries.to_vec());
        self.ask_store("read pages", async move { inner.pages(&queries).await }).await
    }

    async fn arrive(&self, users: &[UserId], items_max: usize) -> Result<Vec<UnreadList>, PortError> {
        let (inner, users) = (self.inner.clone(), users.to_vec());
        self.ask_store("read what is unread", async move { inner.arrive(&users, items_max).await }).await
    }

    async fn positions(&self, queries: &[PositionQuery]) -> Result<Vec<Seq>, PortError> {
        let (inner, queries) = (self.inner.clone(), queries.to_vec());
        self.ask_store("read positions", async move { inner.positions(&queries).await }).await
    }

    async fn recent_heads(
        &self,
        users: &[UserId],
        since_ms: u64,
    ) -> Result<Vec<Vec<(ConversationId, Seq)>>, PortError> {
        let (inner, users) = (self.inner.clone(), users.to_vec());
        self.ask_store("read heads", async move { inner.recent_heads(&users, since_ms).await }).await
    }

    async fn mark_read(
        &self,
        user: &UserId,
        conversation: &ConversationId,
        seq: Seq,
    ) -> Result<Option<Seq>, StoreError> {
        let (inner, user, conversation) = (self.inner.clone(), user.clone(), conversation.clone());
        self.ask_store("mark read", async move { inner.mark_read(&user, &conversation, seq).await }).await
    }

    async fn conversations(
        &self,
        user: &UserId,
        items_max: usize,
        after: Option<&str>,
    ) -> Result<ConversationsPage, StoreError> {
        let (inner, user, after) = (self.inner.clone(), user.clone(), after.map(str::to_owned));
        let work = async move { inner.conversations(&user, items_max, after.as_deref()).await };
        self.ask_store("list conversations", work).await
    }

    async fn put_group(
        &self,
        group: &GroupId,
        members: Option<&[UserId]>,
    ) -> Result<RosterChange, PortError> {
        let (inner, group, members) = (self.inner.clone(), group.clone(), members.map(<[UserId]>::to_vec));
        self.ask_store("put a group", async move { inner.put_group(&group, members.as_deref()).await }).await
    }

    async fn add_members(
        &self,
        group: &GroupId,
        users: &[UserId],
        create: bool,
    ) -> Result<RosterChange, StoreError> {
        let (inner, group, users) = (self.inner.clone(), group.clone(), users.to_vec());
        self.ask_store("add members", async move { inner.add_members(&group, &users, create).await }).await
    }

    async fn remove_members(&self, group: &GroupId, users: &[UserId]) -> Result<RosterChange, StoreError> {
        let (inner, group, users) = (self.inner.clone(), group.clone(), users.to_vec());
        self.ask_store("remove members", async move { inner.remove_members(&group, &users).await }).await
    }

    async fn delete_group(&self, group: &GroupId) -> Result<RosterChange, StoreError> {
        let (inner, group) = (self.inner.clone(), group.clone());
        self.ask_store("delete a group", async move { inner.delete_group(&group).await }).await
    }

    async fn rosters(&self, groups: &[GroupId]) -> Result<Vec<Option<Arc<Roster>>>, PortError> {
        let (inner, groups) = (self.inner.clone(), groups.to_vec());
        self.ask_store("read members", async move { inner.rosters(&groups).await }).await
    }

    async fn groups_of(&self, users: &[UserId]) -> Result<Vec<Vec<GroupId>>, PortError> {
        let (inner, users) = (self.inner.clone(), users.to_vec());
        self.ask_store("read groups", async move { inner.groups_of(&users).await }).await
    }

    async fn close(&self) {
        self.inner.close().await;
    }

    fn state(&self) -> SeamState {
        self.inner.state()
    }
}
