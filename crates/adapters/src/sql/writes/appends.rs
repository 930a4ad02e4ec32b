//! Keeping messages.
//!
//! A message is one row, and moves the head of its conversation and at most the cursor of its sender, whatever the number of its readers.

use std::collections::{BTreeMap, BTreeSet};

use ports::store::{Appended, Denied, Draft};
use sqlx::Error;
use wire::id::{ClientId, ConversationId, Seq, UserId};
use wire::{Message, Target};

use super::Question;
use crate::sql::backend::Repeated;
use crate::sql::ground::Ground;
use crate::sql::link::{Link, Rows, Value};
use crate::sql::rosters::Rosters;
use crate::sql::rows::{self, Conversation, Place, PlaceKey, conversation_values, place_values, questions};

/// What a send is known by: sender, id and, for one of a list, the conversation.
type SendKey = (UserId, ClientId, Option<ConversationId>);

/// What a run of drafts is about, and what becomes of it.
#[derive(Default)]
struct Run {
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

    fn conversation(&self) -> ConversationId {
        self.to.conversation(&self.from)
    }

    /// A group is made before it is spoken to; everyone is there, and a direct conversation begins with its first message.
    fn makes_it(&self) -> bool {
        match &self.to {
            Target::Group(group) => group.is_everyone(),
            Target::User(_) => true,
        }
    }

    async fn apply<L: Link>(
        link: &mut L,
        _rosters: &Rosters,
        ground: &mut Ground,
        drafts: &[&Draft],
    ) -> Result<Vec<Result<Appended, Denied>>, Error> {
        let mut run = Run::read(link, ground, drafts).await?;
        let mut answers: Vec<_> = drafts.iter().map(|draft| run.append(ground, draft)).collect();
        if ground.sends_are_fresh {
            run.look_again(link, drafts, &mut answers).await?;
        }
        run.write(link, ground).await?;
        Ok(answers)
    }
}

impl Run {
    async fn read<L: Link>(link: &mut L, ground: &mut Ground, drafts: &[&Draft]) -> Result<Run, Error> {
        let sends = if ground.sends_are_fresh { BTreeMap::new() } else { sends(link, drafts).await? };
        let keys: BTreeSet<PlaceKey> =
            drafts.iter().map(|draft| (draft.from.clone(), draft.conversation())).collect();
        ground.find_places(link, keys).await?;
        Ok(Run { sends, ..Run::default() })
    }

    fn append(&mut self, ground: &mut Ground, draft: &Draft) -> Result<Appended, Denied> {
        let name = draft.conversation();
        let key = send_key(draft, &name);
        if let Some(first) = self.sends.get(&key) {
            return repeat(first, draft, &name);
        }
        let mut conversation = ground.get(&name).ok_or(Denied::NotFound)?;
        let own_key: PlaceKey = (draft.from.clone(), name.clone());
        let version = self.admit(ground, draft, &own_key, conversation)?;
        let place_before = ground.place(&own_key);
        let unread_before = place_before.map(|place| place.unread(conversation.head));
        conversation.head += 1;
        conversation.last_ms = conversation.last_ms.max(draft.time_ms);
        ground.put(&name, conversation);
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
        if let (Some(place), Some(unread)) = (place_before, unread_before) {
            self.follow(ground, own_key, place, head, unread);
        }
        let listed = key.2.as_ref().map_or_else(String::new, ToString::to_string);
        self.messages.push((message.clone(), listed, version));
        self.moved.insert(name);
        let appended = Appended { message, fresh: true, version };
        self.sends.insert(key, appended.clone());
        Ok(appended)
    }

    /// What is denied now may have been kept when it was not: those are looked for among the sends.
    async fn look_again<L: Link>(
        &self,
        link: &mut L,
        drafts: &[&Draft],
        answers: &mut [Result<Appended, Denied>],
    ) -> Result<(), Error> {
        let denied = || drafts.iter().zip(answers.iter()).filter(|(_, answer)| answer.is_err());
        let denied: Vec<&Draft> = denied().map(|(draft, _)| *draft).collect();
        if denied.is_empty() {
            return Ok(());
        }
        let kept = sends(link, &denied).await?;
        for (draft, answer) in drafts.iter().zip(answers).filter(|(_, answer)| answer.is_err()) {
            let name = draft.conversation();
            if let Some(first) = kept.get(&send_key(draft, &name)) {
                *answer = repeat(first, draft, &name);
            }
        }
        Ok(())
    }

    /// Whether the draft may be kept, and the version of the members that it is said under. The two of a direct conversation get their places.
    fn admit(
        &mut self,
        ground: &mut Ground,
        draft: &Draft,
        own_key: &PlaceKey,
        conversation: Conversation,
    ) -> Result<Option<u64>, Denied> {
        match &draft.to {
            Target::Group(group) if group.is_everyone() => Ok(None),
            Target::Group(_) => {
                if !conversation.is_open {
                    return Err(Denied::NotFound);
                }
                if draft.members_only && ground.place(own_key).is_none() {
                    return Err(Denied::Forbidden);
                }
                Ok(Some(conversation.version))
            }
            Target::User(to) => {
                if conversation.head == 0 {
                    for user in [&draft.from, to] {
                        let key = (user.clone(), own_key.1.clone());
                        ground.put_place(&key, Place::default());
                        self.placed.insert(key);
                    }
                }
                Ok(None)
            }
        }
    }

    /// Moves the sender's cursor along, or remembers that the message above it is one's own.
    fn follow(&mut self, ground: &mut Ground, key: PlaceKey, mut place: Place, head: Seq, unread: u64) {
        if unread > 0 {
            place.own_above += 1;
            self.own_messages.insert((key.clone(), head));
        } else {
            if place.own_above > 0 {
                self.own_messages.retain(|(other, _)| *other != key);
                self.passed.insert(key.clone());
            }
            place = Place { read: head, own_above: 0, ..place };
        }
        ground.put_place(&key, place);
        self.placed.insert(key);
    }

    async fn write<L: Link>(self, link: &mut L, ground: &Ground) -> Result<(), Error> {
        if self.messages.is_empty() {
            return Ok(());
        }
        let statements = L::STATEMENTS;
        let moved: Vec<(&ConversationId, Conversation)> =
            self.moved.iter().filter_map(|name| Some((name, ground.get(name)?))).collect();
        let moved = moved.iter().map(|(name, conversation)| (*name, conversation));
        let messages =
            self.messages.iter().map(|(message, listed, version)| columns(message, listed, *version));
        let placed: Vec<(&PlaceKey, Place)> =
            self.placed.iter().filter_map(|key| Some((key, ground.place(key)?))).collect();
        let placed = placed.iter().map(|(key, place)| (*key, place));
        let own = self
            .own_messages
            .iter()
            .map(|((user, name), seq)| vec![user.as_str().into(), name.as_str().into(), (*seq).into()]);
        let rows = vec![
            conversation_values(statements.put_conversations, moved),
            place_values(statements.put_places, placed),
            Rows { how: statements.add_own_messages, rows: own.collect() },
            Rows { how: statements.add_messages, rows: messages.collect() },
        ];
        if link.insert(rows).await? < self.messages.len() as u64 {
            return Err(Repeated.into());
        }
        // The own messages that were just added lie above.
        for key in &self.passed {
            let up_to = ground.place(key).map_or(0, |place| place.read);
            let (user, name) = key;
            let values = vec![user.as_str().into(), name.as_str().into(), up_to.into()];
            link.run(statements.read_own_messages, values).await?;
        }
        Ok(())
    }
}

/// What one who sends again is told.
fn repeat(first: &Appended, draft: &Draft, name: &ConversationId) -> Result<Appended, Denied> {
    let same = first.message.conversation.as_ref() == Some(name)
        && first.message.content.get() == draft.content.get();
    if same { Ok(Appended { fresh: false, ..first.clone() }) } else { Err(Denied::Conflict) }
}

fn send_key(draft: &Draft, name: &ConversationId) -> SendKey {
    (draft.from.clone(), draft.id.clone(), draft.listed.then(|| name.clone()))
}

/// The sends among these that were kept before.
async fn sends<L: Link>(link: &mut L, drafts: &[&Draft]) -> Result<BTreeMap<SendKey, Appended>, Error> {
    let keys: Vec<SendKey> = drafts.iter().map(|draft| send_key(draft, &draft.conversation())).collect();
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
