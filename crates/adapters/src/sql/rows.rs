//! What is in the tables: conversations, places and messages, read and written many at once.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::value::RawValue;
use sqlx::Error;
use wire::id::{ConversationId, Seq, UserId};
use wire::{Message, Target};

use super::link::{Link, Row, Rows, Value, unexpected};
use super::statements::Insert;

/// A row of `conversations`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Conversation {
    pub(super) head: Seq,
    pub(super) last_ms: u64,
    pub(super) first: Seq,
    pub(super) version: u64,
    pub(super) is_open: bool,
}

impl Conversation {
    /// A conversation in which nothing was said: a group is not there before it is made, any other is open to its users.
    pub(super) fn unsaid(name: &ConversationId) -> Conversation {
        let is_open = name.group_id().is_none_or(|group| group.is_everyone());
        Conversation { is_open, ..Conversation::default() }
    }
}

impl Default for Conversation {
    fn default() -> Conversation {
        Conversation { head: 0, last_ms: 0, first: 1, version: 0, is_open: true }
    }
}

/// A row of `places`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) joined: Seq,
    pub(super) read: Seq,
    pub(super) own_above: u64,
}

impl Place {
    /// The place of one who comes when the log has this head.
    pub(super) fn at(head: Seq) -> Place {
        Place { joined: head, read: head, own_above: 0 }
    }

    /// Others' messages above the cursor.
    pub(super) fn unread(&self, head: Seq) -> u64 {
        head.saturating_sub(self.read).saturating_sub(self.own_above)
    }
}

/// What a place is found by.
pub(super) type PlaceKey = (UserId, ConversationId);

/// Questions as a statement takes them: a JSON array of arrays.
pub(super) fn questions<T: Serialize>(rows: impl IntoIterator<Item = T>) -> Result<Value, Error> {
    let rows: Vec<T> = rows.into_iter().collect();
    let text = serde_json::to_string(&rows).map_err(|error| Error::Encode(error.into()))?;
    Ok(Value::Text(text))
}

/// The conversations of these names that there are.
pub(super) async fn conversations<L: Link>(
    link: &mut L,
    names: impl IntoIterator<Item = &ConversationId>,
) -> Result<BTreeMap<ConversationId, Conversation>, Error> {
    let names = questions(names.into_iter().map(|name| [name]))?;
    conversation_rows(link.rows(L::STATEMENTS.conversations, vec![names]).await?)
}

/// As [`conversations`], and locked until the end of the transaction, one after the other in the order of their names.
pub(super) async fn conversations_to_write<L: Link>(
    link: &mut L,
    names: impl IntoIterator<Item = &ConversationId>,
) -> Result<BTreeMap<ConversationId, Conversation>, Error> {
    let names = questions(names.into_iter().map(|name| [name]))?;
    conversation_rows(link.rows(L::STATEMENTS.conversations_to_write, vec![names]).await?)
}

fn conversation_rows(rows: Vec<Row>) -> Result<BTreeMap<ConversationId, Conversation>, Error> {
    let conversation = |row: &Row| {
        let conversation = Conversation {
            head: row.number(1)?,
            last_ms: row.number(2)?,
            first: row.number(3)?,
            version: row.number(4)?,
            is_open: row.number(5)? != 0,
        };
        Ok((row.parsed(0)?, conversation))
    };
    rows.iter().map(conversation).collect()
}

/// The rows of conversations as they are now.
pub(super) fn conversation_values<'a>(
    how: Insert,
    rows: impl IntoIterator<Item = (&'a ConversationId, &'a Conversation)>,
) -> Rows {
    let rows = rows.into_iter().map(|(name, row)| {
        let is_open = u64::from(row.is_open);
        vec![
            name.as_str().into(),
            row.head.into(),
            row.last_ms.into(),
            row.first.into(),
            row.version.into(),
            is_open.into(),
        ]
    });
    Rows { how, rows: rows.collect() }
}

/// The places of these users in these conversations that there are.
pub(super) async fn places<L: Link>(
    link: &mut L,
    keys: impl IntoIterator<Item = &PlaceKey>,
) -> Result<BTreeMap<PlaceKey, Place>, Error> {
    let keys = questions(keys)?;
    let rows = link.rows(L::STATEMENTS.places, vec![keys]).await?;
    let place = |row: &Row| {
        let place = Place { joined: row.number(2)?, read: row.number(3)?, own_above: row.number(4)? };
        Ok(((row.parsed(0)?, row.parsed(1)?), place))
    };
    rows.iter().map(place).collect()
}

/// The rows of places: their cursors as they are now, or with `add_places` only those that are new.
pub(super) fn place_values<'a>(
    how: Insert,
    rows: impl IntoIterator<Item = (&'a PlaceKey, &'a Place)>,
) -> Rows {
    let rows = rows.into_iter().map(|((user, conversation), place)| {
        vec![
            user.as_str().into(),
            conversation.as_str().into(),
            place.joined.into(),
            place.read.into(),
            place.own_above.into(),
        ]
    });
    Rows { how, rows: rows.collect() }
}

/// The message of a row of `pages`, `messages` or `sends`.
pub(super) fn message(row: &mut Row, conversation: &ConversationId) -> Result<Message, Error> {
    let content = RawValue::from_string(row.take_text(6)?)
        .map_err(|error| unexpected(6, format!("no JSON: {error}")))?;
    let from: UserId = row.parsed(2)?;
    Ok(Message {
        conversation: Some(conversation.clone()),
        seq: Some(row.number(1)?),
        message_id: row.parsed(4)?,
        to: target(conversation, &from)?,
        from: Some(from),
        content: content.into(),
        time_ms: row.number(5)?,
        id: Some(row.parsed(3)?),
    })
}

/// To whom `from` speaks in a conversation.
fn target(conversation: &ConversationId, from: &UserId) -> Result<Target, Error> {
    match (conversation.group_id(), conversation.users()) {
        (Some(group), _) => Ok(Target::Group(group)),
        (None, Some((one, other))) => Ok(Target::User(if one == *from { other } else { one })),
        (None, None) => Err(unexpected(0, "no conversation")),
    }
}
