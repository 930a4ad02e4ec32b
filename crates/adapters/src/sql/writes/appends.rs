//! Keeping messages.
//!
//! A message is one row, and moves the head of its conversation and at most the cursor of its sender, whatever the number of its readers.

use std::collections::{BTreeMap, BTreeSet};

use ports::store::{Appended, Denied, Draft};
use sqlx::Error;
use wire::id::{ClientId, ConversationId, Seq, UserId};
use wire::{Message, Target};

use super::Question;
use crate::sql::link::{Link, Value};
use crate::sql::rosters::Rosters;
use crate::sql::rows::{self, Conversation, Place, PlaceKey, insert, questions};

/// What a send is known by: sender, id and, for one of a list, the conversation.
type SendKey = (UserId, ClientId, Option<ConversationId>);

/// What a run of drafts is about, and what becomes of it.
#[derive(Default)]
struct Run {
    conversations: BTreeMap<ConversationId, Conversation>,
    places: BTreeMap<PlaceKey, Place>,
    sends: BTreeMap<SendKey, Appended>,
    messages: Vec<(Message, String, Option<u64>)>,
    moved: BTreeSet<ConversationId>,
    placed: BTreeSet<PlaceKey>,
    own_messages: BTreeSet<(PlaceKey, Seq)>,
    /// Whose cursors have passed own messages that were written before this run.
    passed: BTreeSet<PlaceKey>,
}

impl Question for Draft {
    type Answer = Appended;

    async fn apply<L: Link>(
        link: &mut L,
        _rosters: &Rosters,
        drafts: &[&Draft],
    ) -> Result<Vec<Result<Appended, Denied>>, Error> {
        let mut run = Run::read(link, drafts).await?;
        let answers = drafts.iter().map(|draft| run.append(draft)).collect();
        run.write(link).await?;
        Ok(answers)
    }
}

impl Run {
    async fn read<L: Link>(link: &mut L, drafts: &[&Draft]) -> Result<Run, Error> {
        let names: BTreeSet<ConversationId> =
            drafts.iter().map(|draft| draft.to.conversation(&draft.from)).collect();
        // First the rows that every writer of these conversations locks, so that what follows holds until the commit.
        let conversations = rows::conversations_to_write(link, &names).await?;
        let sends = sends(link, drafts).await?;
        let keys: BTreeSet<PlaceKey> =
            drafts.iter().map(|draft| (draft.from.clone(), draft.to.conversation(&draft.from))).collect();
        let places = rows::places(link, &keys).await?;
        Ok(Run { conversations, places, sends, ..Run::default() })
    }

    fn append(&mut self, draft: &Draft) -> Result<Appended, Denied> {
        let name = draft.to.conversation(&draft.from);
        let key = send_key(draft, &name);
        if let Some(first) = self.sends.get(&key) {
            let same = first.message.conversation.as_ref() == Some(&name)
                && first.message.content.get() == draft.content.get();
            return if same { Ok(Appended { fresh: false, ..first.clone() }) } else { Err(Denied::Conflict) };
        }
        let version = self.admit(draft, &name)?;
        let conversation = self.conversations.entry(name.clone()).or_default();
        let unread_before =
            self.places.get(&(draft.from.clone(), name.clone())).map(|place| place.unread(conversation.head));
        conversation.head += 1;
        conversation.last_ms = conversation.last_ms.max(draft.time_ms);
        let message = Message {
            conversation: Some(name.clone()),
            seq: Some(conversation.head),
            message_id: draft.message_id,
            from: Some(draft.from.clone()),
            to: draft.to.clone(),
            content: draft.content.clone(),
            time_ms: conversation.last_ms,
            id: Some(draft.id.clone()),
        };
        let head = conversation.head;
        if let Some(unread) = unread_before {
            self.follow((draft.from.clone(), name.clone()), head, unread);
        }
        let listed = key.2.as_ref().map_or_else(String::new, ToString::to_string);
        self.messages.push((message.clone(), listed, version));
        self.moved.insert(name);
        let appended = Appended { message, fresh: true, version };
        self.sends.insert(key, appended.clone());
        Ok(appended)
    }

    /// Whether the draft may be kept, and the version of the members that it is said under. The two of a direct conversation get their places.
    fn admit(&mut self, draft: &Draft, name: &ConversationId) -> Result<Option<u64>, Denied> {
        match &draft.to {
            Target::Group(group) if group.is_everyone() => Ok(None),
            Target::Group(_) => {
                let group = self.conversations.get(name).filter(|group| group.is_open);
                let group = group.ok_or(Denied::NotFound)?;
                if draft.members_only && !self.places.contains_key(&(draft.from.clone(), name.clone())) {
                    return Err(Denied::Forbidden);
                }
                Ok(Some(group.version))
            }
            Target::User(to) => {
                if !self.conversations.contains_key(name) {
                    for user in [&draft.from, to] {
                        let key = (user.clone(), name.clone());
                        self.places.insert(key.clone(), Place::default());
                        self.placed.insert(key);
                    }
                }
                Ok(None)
            }
        }
    }

    /// Moves the sender's cursor along, or remembers that the message above it is one's own.
    fn follow(&mut self, key: PlaceKey, head: Seq, unread: u64) {
        let Some(place) = self.places.get_mut(&key) else { return };
        if unread > 0 {
            place.own_above += 1;
            self.own_messages.insert((key.clone(), head));
        } else {
            if place.own_above > 0 {
                self.own_messages.retain(|(other, _)| *other != key);
                self.passed.insert(key.clone());
            }
            *place = Place { read: head, own_above: 0, ..*place };
        }
        self.placed.insert(key);
    }

    async fn write<L: Link>(self, link: &mut L) -> Result<(), Error> {
        let moved = self.conversations.iter().filter(|(name, _)| self.moved.contains(*name));
        rows::put_conversations(link, moved).await?;
        let messages =
            self.messages.iter().map(|(message, listed, version)| columns(message, listed, *version));
        insert(link, L::STATEMENTS.add_messages, messages.collect()).await?;
        let placed = self.places.iter().filter(|(key, _)| self.placed.contains(*key));
        rows::write_places(link, L::STATEMENTS.put_places, placed).await?;
        for (user, name) in &self.passed {
            let up_to = self.places.get(&(user.clone(), name.clone())).map_or(0, |place| place.read);
            let values = vec![user.as_str().into(), name.as_str().into(), up_to.into()];
            link.run(L::STATEMENTS.read_own_messages, values).await?;
        }
        let own = self
            .own_messages
            .iter()
            .map(|((user, name), seq)| vec![user.as_str().into(), name.as_str().into(), (*seq).into()]);
        insert(link, L::STATEMENTS.add_own_messages, own.collect()).await
    }
}

fn send_key(draft: &Draft, name: &ConversationId) -> SendKey {
    (draft.from.clone(), draft.id.clone(), draft.listed.then(|| name.clone()))
}

/// The sends among these that were kept before.
async fn sends<L: Link>(link: &mut L, drafts: &[&Draft]) -> Result<BTreeMap<SendKey, Appended>, Error> {
    let keys: Vec<SendKey> =
        drafts.iter().map(|draft| send_key(draft, &draft.to.conversation(&draft.from))).collect();
    let asked = questions(
        keys.iter()
            .map(|(from, id, listed)| (from, id, listed.as_ref().map_or("", |listed| listed.as_str()))),
    )?;
    let mut sends = BTreeMap::new();
    for mut row in link.rows(L::STATEMENTS.sends, vec![asked]).await? {
        let conversation: ConversationId = row.parsed(7)?;
        let version = row.maybe_number(8)?;
        if let Some(key) = keys.get(row.index(0)?) {
            let message = rows::message(&mut row, &conversation)?;
            sends.insert(key.clone(), Appended { message, fresh: false, version });
        }
    }
    Ok(sends)
}

/// The row of a message.
fn columns(message: &Message, listed: &str, version: Option<u64>) -> Vec<Value> {
    let text = |id: Option<&str>| Value::from(id.unwrap_or_default());
    let content = message.content.get();
    vec![
        text(message.conversation.as_ref().map(ConversationId::as_str)),
        message.seq.unwrap_or_default().into(),
        text(message.from.as_ref().map(UserId::as_str)),
        text(message.id.as_ref().map(ClientId::as_str)),
        listed.into(),
        message.message_id.to_string().into(),
        message.time_ms.into(),
        version.into(),
        (content.len() as u64).into(),
        content.into(),
    ]
}
