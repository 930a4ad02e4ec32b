//! The store of one process: `store: memory`, tests, simulation. It forgets everything at exit.
//!
//! It is also the plainest program that keeps the promises of [`Store`], which the others are compared with:
//! it counts by looking at every message, and has neither queue nor clock, so the same calls give the same answers.

mod listing;
mod log;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use wire::frame::Unread;
use wire::id::{ClientId, ConversationId, Epoch, GroupId, Seq, UserId};
use wire::{Message, Target};

use crate::bookmark::Bookmark;
use crate::store::{
    Appended, ConversationsPage, Denied, Draft, Page, PageQuery, PositionQuery, Roster, RosterChange, Store,
    StoreError, UnreadList,
};
use crate::{Ambient, PortError, Seam, SeamState};

use log::{Log, Place};

/// A store in memory.
#[derive(Debug)]
pub struct MemoryStore {
    epoch: Epoch,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    logs: BTreeMap<ConversationId, Log>,
    /// The logs in which a user has a place.
    by_user: BTreeMap<UserId, BTreeSet<ConversationId>>,
    sends: BTreeMap<SendKey, (ConversationId, Seq)>,
}

/// What a send is known by: sender, id and, for one of a list, the conversation.
type SendKey = (UserId, ClientId, Option<ConversationId>);

impl MemoryStore {
    /// An empty one, with an epoch of its own.
    pub fn new(ambient: &Ambient) -> MemoryStore {
        let epoch = Epoch::mint(ambient.clock.unix_ms(), ambient.chance.bits());
        MemoryStore { epoch, state: Mutex::default() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Store for MemoryStore {
    fn epoch(&self) -> Epoch {
        self.epoch
    }

    async fn append(&self, draft: Draft) -> Result<Appended, StoreError> {
        Ok(self.state().append(draft)?)
    }

    async fn pages(&self, queries: &[PageQuery]) -> Result<Vec<Result<Page, Denied>>, PortError> {
        let state = self.state();
        Ok(queries.iter().map(|query| state.page(query)).collect())
    }

    async fn arrive(&self, users: &[UserId], items_max: usize) -> Result<Vec<UnreadList>, PortError> {
        let mut state = self.state();
        Ok(users.iter().map(|user| state.arrive(user, items_max)).collect())
    }

    async fn positions(&self, queries: &[PositionQuery]) -> Result<Vec<Seq>, PortError> {
        let state = self.state();
        Ok(queries.iter().map(|query| state.position(query)).collect())
    }

    async fn recent_heads(
        &self,
        users: &[UserId],
        since_ms: u64,
    ) -> Result<Vec<Vec<(ConversationId, Seq)>>, PortError> {
        let state = self.state();
        Ok(users.iter().map(|user| state.recent_heads(user, since_ms)).collect())
    }

    async fn mark_read(
        &self,
        user: &UserId,
        conversation: &ConversationId,
        seq: Seq,
    ) -> Result<Option<Seq>, StoreError> {
        Ok(self.state().mark_read(user, conversation, seq)?)
    }

    async fn conversations(
        &self,
        user: &UserId,
        items_max: usize,
        after: Option<&str>,
    ) -> Result<ConversationsPage, StoreError> {
        let after = after.map(str::parse::<Bookmark>).transpose()?;
        Ok(self.state().conversations(user, items_max, after))
    }

    async fn put_group(
        &self,
        group: &GroupId,
        members: Option<&[UserId]>,
    ) -> Result<RosterChange, PortError> {
        if group.is_everyone() {
            return Err(PortError::refused(Seam::Store, "change a group", "everyone has no members"));
        }
        let mut state = self.state();
        let wanted = match members {
            Some(members) => members.iter().cloned().collect(),
            None => state.members(group).unwrap_or_default(),
        };
        Ok(state.set_members(group, wanted))
    }

    async fn add_members(
        &self,
        group: &GroupId,
        users: &[UserId],
        create: bool,
    ) -> Result<RosterChange, StoreError> {
        let mut state = self.state();
        let mut members = match state.members_to_change(group) {
            Err(Denied::NotFound) if create => BTreeSet::new(),
            members => members?,
        };
        members.extend(users.iter().cloned());
        Ok(state.set_members(group, members))
    }

    async fn remove_members(&self, group: &GroupId, users: &[UserId]) -> Result<RosterChange, StoreError> {
        let mut state = self.state();
        let mut members = state.members_to_change(group)?;
        members.retain(|member| !users.contains(member));
        Ok(state.set_members(group, members))
    }

    async fn delete_group(&self, group: &GroupId) -> Result<RosterChange, StoreError> {
        let mut state = self.state();
        state.members_to_change(group)?;
        let mut change = state.set_members(group, BTreeSet::new());
        if let Some(log) = state.logs.get_mut(&ConversationId::group(group)) {
            log.end(change.left.is_empty());
            change.version = log.version;
            change.roster = log.empty_roster(group);
        }
        Ok(change)
    }

    async fn rosters(&self, groups: &[GroupId]) -> Result<Vec<Option<Arc<Roster>>>, PortError> {
        let state = self.state();
        let roster = |group| state.logs.get(&ConversationId::group(group))?.roster.clone();
        Ok(groups.iter().map(roster).collect())
    }

    async fn groups_of(&self, users: &[UserId]) -> Result<Vec<Vec<GroupId>>, PortError> {
        let state = self.state();
        let groups = |user| -> Vec<GroupId> {
            let names = state.by_user.get(user).into_iter().flatten();
            names.filter_map(ConversationId::group_id).filter(|group| !group.is_everyone()).collect()
        };
        Ok(users.iter().map(groups).collect())
    }

    async fn close(&self) {}

    fn state(&self) -> SeamState {
        SeamState::up()
    }
}

impl State {
    fn append(&mut self, draft: Draft) -> Result<Appended, Denied> {
        let conversation = draft.to.conversation(&draft.from);
        let key = (draft.from.clone(), draft.id.clone(), draft.listed.then(|| conversation.clone()));
        if let Some((kept_in, seq)) = self.sends.get(&key) {
            let first = self.logs.get(kept_in).and_then(|log| log.said(*seq)).ok_or(Denied::NotFound)?;
            let same = *kept_in == conversation && first.message.content.get() == draft.content.get();
            let repeated =
                || Appended { message: first.message.clone(), fresh: false, version: first.version };
            return same.then(repeated).ok_or(Denied::Conflict);
        }
        let version = match &draft.to {
            Target::Group(group) if !group.is_everyone() => {
                let log = self.group(&conversation)?;
                if draft.members_only && !log.places.contains_key(&draft.from) {
                    return Err(Denied::Forbidden);
                }
                Some(log.version)
            }
            Target::Group(_) => None,
            Target::User(to) => {
                for user in [&draft.from, to] {
                    self.take_place(user, &conversation, Place { joined: 0, read: 0 });
                }
                None
            }
        };
        let log = self.logs.entry(conversation.clone()).or_default();
        let message = Message {
            conversation: Some(conversation.clone()),
            seq: Some(log.head() + 1),
            message_id: draft.message_id,
            from: Some(draft.from),
            to: draft.to,
            content: draft.content,
            time_ms: draft.time_ms.max(log.last_ms()),
            id: Some(draft.id),
        };
        log.push(message.clone(), version);
        self.sends.insert(key, (conversation, log.head()));
        Ok(Appended { message, fresh: true, version })
    }

    /// Gives a user a place in a log where it has none.
    fn take_place(&mut self, user: &UserId, conversation: &ConversationId, place: Place) {
        let log = self.logs.entry(conversation.clone()).or_default();
        log.places.entry(user.clone()).or_insert(place);
        self.by_user.entry(user.clone()).or_default().insert(conversation.clone());
    }

    /// A group that is there; everyone always is.
    fn group(&self, conversation: &ConversationId) -> Result<&Log, Denied> {
        self.logs.get(conversation).filter(|log| log.roster.is_some()).ok_or(Denied::NotFound)
    }

    fn arrive(&mut self, user: &UserId, items_max: usize) -> UnreadList {
        let everyone = ConversationId::group(&GroupId::everyone());
        let head = self.logs.get(&everyone).map_or(0, Log::head);
        self.take_place(user, &everyone, Place { joined: 0, read: head });
        let names = self.by_user.get(user).into_iter().flatten();
        let logs = names.filter_map(|name| Some((name, self.logs.get(name)?)));
        let mut unread: Vec<(u64, Unread)> = logs
            .map(|(name, log)| {
                let line = Unread { conversation: name.clone(), unread: log.unread(user), head: log.head() };
                (log.last_ms(), line)
            })
            .filter(|(_, line)| line.unread > 0)
            .collect();
        unread.sort_by_key(|(time_ms, _)| Reverse(*time_ms));
        let more = unread.len() > items_max;
        UnreadList { items: unread.into_iter().take(items_max).map(|(_, line)| line).collect(), more }
    }

    fn position(&self, query: &PositionQuery) -> Seq {
        let Some(log) = self.logs.get(&query.conversation) else { return 0 };
        log.position(query)
    }

    fn recent_heads(&self, user: &UserId, since_ms: u64) -> Vec<(ConversationId, Seq)> {
        let names = self.listed(user);
        let logs = names.into_iter().filter_map(|name| Some((self.logs.get(&name)?, name)));
        let recent = logs.filter(|(log, _)| log.head() > 0 && log.last_ms() >= since_ms);
        recent.map(|(log, name)| (name, log.head())).collect()
    }

    /// The conversations of a user, everyone's included.
    fn listed(&self, user: &UserId) -> BTreeSet<ConversationId> {
        let mut names = self.by_user.get(user).cloned().unwrap_or_default();
        names.insert(ConversationId::group(&GroupId::everyone()));
        names
    }

    fn mark_read(
        &mut self,
        user: &UserId,
        conversation: &ConversationId,
        seq: Seq,
    ) -> Result<Option<Seq>, Denied> {
        let belongs = match conversation.group_id() {
            None => conversation.is_between(user),
            Some(group) => group.is_everyone() || self.group(conversation)?.places.contains_key(user),
        };
        if !belongs {
            return Err(Denied::Forbidden);
        }
        let Some(log) = self.logs.get_mut(conversation) else { return Ok(None) };
        let seq = seq.min(log.head());
        let Some(place) = log.places.get_mut(user).filter(|place| place.read < seq) else { return Ok(None) };
        place.read = seq;
        Ok(Some(seq))
    }

    fn members(&self, group: &GroupId) -> Option<BTreeSet<UserId>> {
        let roster = self.logs.get(&ConversationId::group(group))?.roster.as_ref()?;
        Some(roster.members.keys().cloned().collect())
    }

    fn members_to_change(&self, group: &GroupId) -> Result<BTreeSet<UserId>, Denied> {
        if group.is_everyone() {
            return Err(Denied::Forbidden);
        }
        self.members(group).ok_or(Denied::NotFound)
    }

    fn set_members(&mut self, group: &GroupId, wanted: BTreeSet<UserId>) -> RosterChange {
        let conversation = ConversationId::group(group);
        let before = self.members(group);
        let had = before.clone().unwrap_or_default();
        let joined: Vec<UserId> = wanted.difference(&had).cloned().collect();
        let left: Vec<UserId> = had.difference(&wanted).cloned().collect();
        let head = self.logs.get(&conversation).map_or(0, Log::head);
        for user in &joined {
            self.take_place(user, &conversation, Place { joined: head, read: head });
        }
        let log = self.logs.entry(conversation.clone()).or_default();
        for user in &left {
            log.places.remove(user);
            if let Some(names) = self.by_user.get_mut(user) {
                names.remove(&conversation);
            }
        }
        let changed = before.is_none() || !joined.is_empty() || !left.is_empty();
        log.version += u64::from(changed);
        let roster = log.take_roster(group);
        RosterChange { version: log.version, joined, left, roster }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn keeps_every_promise_of_a_store() {
        let ambient = Ambient::simulated(1_700_000_000_000, 5);
        let fresh = || async { Arc::new(MemoryStore::new(&ambient)) as Arc<dyn Store> };
        crate::contract::store::run(fresh).await;
    }
}
