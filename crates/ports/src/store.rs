//! Keeps messages, groups and cursors. The truth: what `append` returned is still there after a crash.

use std::{collections::BTreeMap, sync::Arc};

use async_trait::async_trait;
use serde_json::value::RawValue;
use wire::frame::{Range, Unread};
use wire::id::{ClientId, ConversationId, Epoch, GroupId, MessageId, Seq, UserId};
use wire::{Message, Target};

use crate::{PortError, SeamState};

/// A message before it is kept.
#[derive(Debug, Clone)]
pub struct Draft {
    /// Who says it.
    pub from: UserId,
    /// The sender's name of the send.
    pub id: ClientId,
    /// True for one of a list of users: the same `id` is then remembered for each user on its own.
    pub listed: bool,
    /// To whom.
    pub to: Target,
    /// What, byte for byte.
    pub content: Arc<RawValue>,
    /// The name that the message gets if it is new.
    pub message_id: MessageId,
    /// The time that the message gets if it is new; never earlier than that of the message before it.
    pub time_ms: u64,
    /// True where the sender of a group message must be a member; false where the API key speaks for the service.
    pub members_only: bool,
}

/// A message that is kept.
#[derive(Debug, Clone)]
pub struct Appended {
    /// The message with its conversation and seq. For a repeated send, the first one.
    pub message: Message,
    /// False when the same send was kept before.
    pub fresh: bool,
    /// The version of the group's members that it was said under; `None` for a direct message and for everyone.
    pub version: Option<u64>,
}

/// Why a store does not do what it could do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Denied {
    /// The same (sender, id) was used for other bytes of `to` or `content`.
    #[error("the same id was used for another message")]
    Conflict,
    /// No such group or conversation.
    #[error("there is no such group")]
    NotFound,
    /// Not a member, or not one of the two.
    #[error("not a member")]
    Forbidden,
    /// The database refuses this one draft.
    #[error("the store does not take this message")]
    Unacceptable,
}

/// Why a call on a store has no result.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The caller's fault.
    #[error(transparent)]
    Denied(#[from] Denied),
    /// The store's.
    #[error(transparent)]
    Port(#[from] PortError),
}

/// Who reads, which decides what is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reader {
    /// A user: of a direct conversation one of the two, of a group a member, who sees what came after joining.
    User(UserId),
    /// A node that pushes to several users, or the service over HTTP: everything, with the roster where it is a group.
    All,
}

/// A piece of a log that is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageQuery {
    /// Which log.
    pub conversation: ConversationId,
    /// Who reads.
    pub reader: Reader,
    /// From where, and in which direction.
    pub range: Range,
    /// Messages at most.
    pub items_max: usize,
    /// Bytes of content at most, but always one message.
    pub bytes_max: usize,
}

/// A piece of a log, ascending.
#[derive(Debug, Clone)]
pub struct Page {
    /// The messages.
    pub messages: Vec<Message>,
    /// Where the log now begins for this reader.
    pub first: Seq,
    /// True when there are more in the direction of the query.
    pub more: bool,
    /// The highest seq, for this reader too.
    pub head: Seq,
    /// The members of the group as of this page; `None` for a direct conversation and for everyone.
    pub roster: Option<Arc<Roster>>,
}

/// The members of a group at one version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Roster {
    /// Which group.
    pub group: GroupId,
    /// Grows with each change.
    pub version: u64,
    /// Each member, and the head of the log when it joined: it sees what lies above.
    pub members: BTreeMap<UserId, Seq>,
}

/// A change of a group's members that was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RosterChange {
    /// The version afterwards.
    pub version: u64,
    /// Who was no member before.
    pub joined: Vec<UserId>,
    /// Who is no member any more.
    pub left: Vec<UserId>,
    /// The members afterwards.
    pub roster: Arc<Roster>,
}

/// What a user has not read, the latest conversation first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UnreadList {
    /// The conversations with something unread.
    pub items: Vec<Unread>,
    /// True when there are more.
    pub more: bool,
}

/// Asks from where a session is to be pushed in a conversation that it was told nothing of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PositionQuery {
    /// Which log.
    pub conversation: ConversationId,
    /// Whose cursor counts; `None` for a session without cursors, whose position is the head at its arrival.
    pub user: Option<UserId>,
    /// When the session arrived, in milliseconds since 1970.
    pub arrived_ms: u64,
}

/// One of a user's conversations.
#[derive(Debug, Clone)]
pub struct ConversationSummary {
    /// Which.
    pub conversation: ConversationId,
    /// The highest seq; 0 for a group without messages.
    pub head: Seq,
    /// Others' messages above the cursor.
    pub unread: u64,
    /// The user's read cursor.
    pub read: Seq,
    /// The latest message.
    pub last: Option<Message>,
}

/// Some of a user's conversations, the latest first.
#[derive(Debug, Clone, Default)]
pub struct ConversationsPage {
    /// The conversations.
    pub items: Vec<ConversationSummary>,
    /// What to pass for the rest; opaque to everyone else.
    pub next: Option<String>,
}

/// Milliseconds that a message may take from its time to being readable, for [`Store::positions`]: it waits in a queue and for the disk.
/// Longer than a node waits for a store; what it costs is that a few messages may be pushed that another device has read.
pub const COMMIT_LAG_MS_MAX: u64 = 10_000;

/// Keeps messages, groups and cursors.
///
/// What is asked for many at once is answered in the order given. Once n+1 of a conversation is readable, n is readable by everyone.
/// A failed call changes nothing or is not known to have changed anything; each can be repeated.
#[async_trait]
pub trait Store: Send + Sync + 'static {
    /// The life of this store: a random id written by its first migration.
    fn epoch(&self) -> Epoch;

    /// Keeps a message and gives it the next seq of its conversation. Returns after it is durable.
    /// The same (sender, id) again returns the first message and keeps nothing; with other bytes it is [`Denied::Conflict`].
    /// So it is even when the sender or the group is gone since: the first send was kept, and its receipt is owed.
    /// A direct message to any user is kept. A group must exist, and have the sender as a member where [`Draft::members_only`] is set.
    /// A send moves the sender's cursor along when nothing unread lies below it.
    /// Appends of one caller to one conversation that are under way at once are kept in the order in which they were called.
    async fn append(&self, draft: Draft) -> Result<Appended, StoreError>;

    /// Reads pieces of logs.
    async fn pages(&self, queries: &[PageQuery]) -> Result<Vec<Result<Page, Denied>>, PortError>;

    /// What users have not read, at most `items_max` conversations each. A user that is seen for the first time gets its cursor for everyone, at the head.
    async fn arrive(&self, users: &[UserId], items_max: usize) -> Result<Vec<UnreadList>, PortError>;

    /// From where sessions are to be pushed: the lower of the user's cursor and the head at the session's arrival. May be lower, never higher.
    /// The head at a time is told by the times of messages. A message may be readable a little later than its time says, so for a user
    /// [`COMMIT_LAG_MS_MAX`] is taken off the arrival; without a user nothing is, because nothing older may be pushed.
    async fn positions(&self, queries: &[PositionQuery]) -> Result<Vec<Seq>, PortError>;

    /// The heads of the conversations of users in which something was said since `since_ms`, everyone's included.
    async fn recent_heads(
        &self,
        users: &[UserId],
        since_ms: u64,
    ) -> Result<Vec<Vec<(ConversationId, Seq)>>, PortError>;

    /// The user has seen up to `seq`; forward only, never above the head. Returns the cursor when it has moved.
    async fn mark_read(
        &self,
        user: &UserId,
        conversation: &ConversationId,
        seq: Seq,
    ) -> Result<Option<Seq>, StoreError>;

    /// The user's conversations, the latest first, groups without messages too. `after` is the `next` of the page before;
    /// any other text is [`Denied::Unacceptable`]. What is said between two pages changes what they show, but not which conversations: each comes once.
    async fn conversations(
        &self,
        user: &UserId,
        items_max: usize,
        after: Option<&str>,
    ) -> Result<ConversationsPage, StoreError>;

    /// Makes the members of a group exactly these, and the group if it is not there; with `None`, only makes the group.
    /// Everyone has no members: to change them is refused here, and [`Denied::Forbidden`] in the other calls.
    async fn put_group(&self, group: &GroupId, members: Option<&[UserId]>)
    -> Result<RosterChange, PortError>;

    /// Adds members; makes the group if it is not there and `create` is set.
    async fn add_members(
        &self,
        group: &GroupId,
        users: &[UserId],
        create: bool,
    ) -> Result<RosterChange, StoreError>;

    /// Removes members.
    async fn remove_members(&self, group: &GroupId, users: &[UserId]) -> Result<RosterChange, StoreError>;

    /// Removes a group and all its members. Its log is no longer shown; a group made again under this name goes on above it.
    async fn delete_group(&self, group: &GroupId) -> Result<RosterChange, StoreError>;

    /// The members of groups; `None` where there is no such group, and for everyone.
    async fn rosters(&self, groups: &[GroupId]) -> Result<Vec<Option<Arc<Roster>>>, PortError>;

    /// The groups that each user is a member of, without everyone.
    async fn groups_of(&self, users: &[UserId]) -> Result<Vec<Vec<GroupId>>, PortError>;

    /// Finishes what is under way and lets go of the database.
    async fn close(&self);

    /// How the store is.
    fn state(&self) -> SeamState;
}
