//! One conversation in memory: its messages, who has a place in it, and the roster where it is a group.

use std::collections::BTreeMap;
use std::sync::Arc;

use wire::Message;
use wire::frame::Range;
use wire::id::{GroupId, Seq, UserId};

use super::State;
use crate::store::{COMMIT_LAG_MS_MAX, Denied, Page, PageQuery, PositionQuery, Reader, Roster};

/// A conversation. The message with seq n lies at index n - 1.
#[derive(Debug)]
pub(super) struct Log {
    messages: Vec<Said>,
    /// The lowest seq that is shown.
    first: Seq,
    /// Grows with each change of the members, and goes on growing when the group is made again.
    pub(super) version: u64,
    /// The members of a group that is there.
    pub(super) roster: Option<Arc<Roster>>,
    /// Of a direct conversation the two, of a group the members, of everyone those who have been seen.
    pub(super) places: BTreeMap<UserId, Place>,
}

/// A message and the version of the group that it was said under.
#[derive(Debug)]
pub(super) struct Said {
    pub(super) message: Message,
    pub(super) version: Option<u64>,
}

/// What a conversation is to one user.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    /// The head when it began: what lies above is shown.
    pub(super) joined: Seq,
    /// The read cursor.
    pub(super) read: Seq,
}

impl Default for Log {
    fn default() -> Log {
        Log { messages: Vec::new(), first: 1, version: 0, roster: None, places: BTreeMap::new() }
    }
}

impl Log {
    pub(super) fn head(&self) -> Seq {
        self.messages.len() as Seq
    }

    /// The time of the latest message; 0 where there is none.
    pub(super) fn last_ms(&self) -> u64 {
        self.messages.last().map_or(0, |said| said.message.time_ms)
    }

    pub(super) fn said(&self, seq: Seq) -> Option<&Said> {
        self.messages.get(usize::try_from(seq.checked_sub(1)?).ok()?)
    }

    /// The latest message that a user with this place is shown.
    pub(super) fn last(&self, place: Place) -> Option<&Message> {
        let last = &self.messages.last()?.message;
        (self.head() >= self.first.max(place.joined + 1)).then_some(last)
    }

    /// Takes in the next message. The sender's cursor moves along when nothing unread lies below it.
    pub(super) fn push(&mut self, message: Message, version: Option<u64>) {
        let sender = message.from.clone();
        let read_all = sender.as_ref().filter(|sender| self.others_above(sender).next().is_none());
        let place = read_all.and_then(|sender| self.places.get_mut(sender));
        self.messages.push(Said { message, version });
        if let Some(place) = place {
            place.read = self.messages.len() as Seq;
        }
    }

    /// How many of others' messages lie above the user's cursor.
    pub(super) fn unread(&self, user: &UserId) -> u64 {
        self.others_above(user).count() as u64
    }

    /// Others' messages above the user's cursor; none for one without a place.
    fn others_above(&self, user: &UserId) -> impl Iterator<Item = &Said> {
        let read = self.places.get(user).map_or(self.head(), |place| place.read);
        let above = self.messages.iter().skip(usize::try_from(read).unwrap_or(usize::MAX));
        above.filter(move |said| said.message.from.as_ref() != Some(user))
    }

    /// The highest seq of those that were said before a time.
    pub(super) fn head_before(&self, ms: u64) -> Seq {
        self.messages.partition_point(|said| said.message.time_ms < ms) as Seq
    }

    pub(super) fn position(&self, query: &PositionQuery) -> Seq {
        let Some(user) = &query.user else { return self.head_before(query.arrived_ms) };
        let head = self.head_before(query.arrived_ms.saturating_sub(COMMIT_LAG_MS_MAX));
        self.places.get(user).map_or(head, |place| place.read.min(head))
    }

    /// The roster that follows from the places.
    pub(super) fn take_roster(&mut self, group: &GroupId) -> Arc<Roster> {
        let members = self.places.iter().map(|(user, place)| (user.clone(), place.joined)).collect();
        let roster = Arc::new(Roster { group: group.clone(), version: self.version, members });
        self.roster = Some(roster.clone());
        roster
    }

    /// The group is no longer there; what it said is no longer shown. Losing its last members was a change already.
    pub(super) fn end(&mut self, was_empty: bool) {
        self.roster = None;
        self.version += u64::from(was_empty);
        self.first = self.head() + 1;
    }

    pub(super) fn empty_roster(&self, group: &GroupId) -> Arc<Roster> {
        Arc::new(Roster { group: group.clone(), version: self.version, members: BTreeMap::new() })
    }

    fn page(&self, query: &PageQuery) -> Page {
        let joined = match &query.reader {
            Reader::User(user) => self.places.get(user).map_or(0, |place| place.joined),
            Reader::All => 0,
        };
        let first = self.first.max(joined + 1);
        let shown = self.messages.iter().map(|said| &said.message);
        let shown = shown.filter(|message| message.seq.is_some_and(|seq| seq >= first));
        let (mut messages, more) = match query.range {
            Range::After(seq) => cut(shown.filter(|message| message.seq > Some(seq)), query),
            Range::Before(seq) => cut(shown.filter(|message| message.seq < Some(seq)).rev(), query),
            Range::Latest => cut(shown.rev(), query),
        };
        messages.sort_by_key(|message| message.seq);
        Page { messages, first, more, head: self.head(), roster: self.roster.clone() }
    }
}

impl State {
    pub(super) fn page(&self, query: &PageQuery) -> Result<Page, Denied> {
        let conversation = &query.conversation;
        match conversation.group_id() {
            Some(group) if !group.is_everyone() => {
                let log = self.group(conversation)?;
                if let Reader::User(user) = &query.reader
                    && !log.places.contains_key(user)
                {
                    return Err(Denied::Forbidden);
                }
                Ok(log.page(query))
            }
            None if matches!(&query.reader, Reader::User(user) if !conversation.is_between(user)) => {
                Err(Denied::Forbidden)
            }
            _ => Ok(self
                .logs
                .get(conversation)
                .map_or_else(|| Log::default().page(query), |log| log.page(query))),
        }
    }
}

/// As many messages as the query takes, and whether there are more.
fn cut<'a>(messages: impl Iterator<Item = &'a Message>, query: &PageQuery) -> (Vec<Message>, bool) {
    let mut taken: Vec<Message> = Vec::new();
    let mut bytes = 0;
    for message in messages {
        bytes += message.content.get().len();
        let is_full = taken.len() >= query.items_max || (!taken.is_empty() && bytes > query.bytes_max);
        if is_full {
            return (taken, true);
        }
        taken.push(message.clone());
    }
    (taken, false)
}
