//! A store on stage: short words for the calls, so that a check reads as what it says.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::value::RawValue;
use wire::Target;
use wire::frame::{Range, Unread};
use wire::id::{ConversationId, GroupId, MessageId, Seq, UserId};

use crate::store::{
    Appended, ConversationsPage, Denied, Draft, Page, PageQuery, PositionQuery, Reader, Roster, Store,
    StoreError,
};

/// More than any check says in a conversation.
pub(super) const MANY: usize = 1_000;
/// More than any check says in bytes.
pub(super) const MANY_BYTES: usize = 1 << 20;

/// A store and what its checks need around it. Clones share the store.
#[derive(Clone)]
pub(super) struct Scene {
    pub(super) store: Arc<dyn Store>,
    minted: Arc<AtomicU64>,
}

pub(super) fn user(id: &str) -> UserId {
    id.parse().unwrap()
}

pub(super) fn users(ids: &[&str]) -> Vec<UserId> {
    ids.iter().map(|id| user(id)).collect()
}

pub(super) fn group(id: &str) -> GroupId {
    id.parse().unwrap()
}

pub(super) fn conversation(id: &str) -> ConversationId {
    id.parse().unwrap()
}

/// `g:ID` for a group, else a user.
pub(super) fn target(id: &str) -> Target {
    match id.strip_prefix("g:") {
        Some(id) => Target::Group(group(id)),
        None => Target::User(user(id)),
    }
}

pub(super) fn raw(text: &str) -> Arc<RawValue> {
    RawValue::from_string(text.to_owned()).unwrap().into()
}

/// The seqs of a page.
pub(super) fn seqs(page: &Page) -> Vec<Seq> {
    page.messages.iter().map(|message| message.seq.unwrap()).collect()
}

/// The conversations of a list, by name.
pub(super) fn names(page: &ConversationsPage) -> Vec<&str> {
    page.items.iter().map(|item| item.conversation.as_str()).collect()
}

impl Scene {
    pub(super) fn new(store: Arc<dyn Store>) -> Scene {
        Scene { store, minted: Arc::default() }
    }

    /// A draft with an id of its own, said at the time 1,000.
    pub(super) fn draft(&self, from: &str, to: &str) -> Draft {
        let number = self.minted.fetch_add(1, Ordering::Relaxed);
        Draft {
            from: user(from),
            id: format!("send-{number}").parse().unwrap(),
            listed: false,
            to: target(to),
            content: raw(&format!("{{\"n\":{number}}}")),
            message_id: MessageId::mint(1_000, number.into()),
            time_ms: 1_000,
            members_only: true,
        }
    }

    pub(super) async fn append(&self, draft: &Draft) -> Result<Appended, Denied> {
        denied(self.store.append(draft.clone()).await)
    }

    /// Says something and returns its seq.
    pub(super) async fn say(&self, from: &str, to: &str) -> Seq {
        self.say_at(1_000, from, to).await
    }

    pub(super) async fn say_at(&self, time_ms: u64, from: &str, to: &str) -> Seq {
        let draft = Draft { time_ms, ..self.draft(from, to) };
        self.append(&draft).await.unwrap().message.seq.unwrap()
    }

    /// Says something so many times.
    pub(super) async fn say_times(&self, times: usize, from: &str, to: &str) {
        for _ in 0..times {
            self.say(from, to).await;
        }
    }

    pub(super) async fn put(&self, id: &str, members: &[&str]) -> Arc<Roster> {
        self.store.put_group(&group(id), Some(&users(members))).await.unwrap().roster
    }

    pub(super) async fn join(&self, id: &str, member: &str) {
        self.store.add_members(&group(id), &users(&[member]), false).await.unwrap();
    }

    pub(super) async fn leave(&self, id: &str, member: &str) {
        self.store.remove_members(&group(id), &users(&[member])).await.unwrap();
    }

    pub(super) async fn page(&self, query: PageQuery) -> Result<Page, Denied> {
        self.store.pages(&[query]).await.unwrap().pop().unwrap()
    }

    /// A page as a user reads it, uncut.
    pub(super) async fn read(&self, reader: &str, name: &str, range: Range) -> Result<Page, Denied> {
        self.page(query(name, Reader::User(user(reader)), range)).await
    }

    /// All messages of a conversation, whoever may see them.
    pub(super) async fn log(&self, name: &str) -> Page {
        self.page(query(name, Reader::All, Range::After(0))).await.unwrap()
    }

    pub(super) async fn unread(&self, id: &str) -> Vec<Unread> {
        self.store.arrive(&users(&[id]), MANY).await.unwrap().pop().unwrap().items
    }

    /// How many are unread in one conversation.
    pub(super) async fn count(&self, id: &str, name: &str) -> u64 {
        let items = self.unread(id).await;
        items.iter().find(|item| item.conversation.as_str() == name).map_or(0, |item| item.unread)
    }

    pub(super) async fn mark(&self, id: &str, name: &str, seq: Seq) -> Result<Option<Seq>, Denied> {
        denied(self.store.mark_read(&user(id), &conversation(name), seq).await)
    }

    pub(super) async fn list(&self, id: &str, items_max: usize, after: Option<&str>) -> ConversationsPage {
        self.store.conversations(&user(id), items_max, after).await.unwrap()
    }

    /// The cursor of a user, as the list of conversations tells it.
    pub(super) async fn cursor(&self, id: &str, name: &str) -> Seq {
        let page = self.list(id, MANY, None).await;
        page.items.iter().find(|item| item.conversation.as_str() == name).unwrap().read
    }

    pub(super) async fn position(&self, name: &str, of: Option<&str>, arrived_ms: u64) -> Seq {
        let query = PositionQuery { conversation: conversation(name), user: of.map(user), arrived_ms };
        self.store.positions(&[query]).await.unwrap().pop().unwrap()
    }
}

/// A query that nothing but the range cuts.
pub(super) fn query(name: &str, reader: Reader, range: Range) -> PageQuery {
    PageQuery { conversation: conversation(name), reader, range, items_max: MANY, bytes_max: MANY_BYTES }
}

/// What the caller did wrong; what went wrong in the store fails the check.
pub(super) fn denied<T>(result: Result<T, StoreError>) -> Result<T, Denied> {
    match result {
        Ok(value) => Ok(value),
        Err(StoreError::Denied(denied)) => Err(denied),
        Err(StoreError::Port(error)) => panic!("{}", error.chain()),
    }
}
