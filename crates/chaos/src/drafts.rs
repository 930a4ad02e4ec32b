//! What a user has written and has no answer to yet, at most one message a conversation, and when each is sent, and sent again.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;
use testkit::judge::{Fact, Facts, Payload};
use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::session::Command;

/// A send without an answer is sent again after this time.
const ANSWER_PATIENCE: Duration = Duration::from_secs(6);
/// An error that invites to try again: the shortest and the longest pause that is kept.
const RETRY_PAUSE: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(2));

/// The messages without an answer.
#[derive(Debug, Default)]
pub(crate) struct Drafts {
    by_conversation: BTreeMap<String, Draft>,
}

/// A message that is not answered for good.
#[derive(Debug)]
struct Draft {
    payload: Payload,
    to: Value,
    attempt: u32,
    under_way: Option<UnderWay>,
    /// Not to be sent before.
    due: Instant,
}

/// Where a message was sent last, and when.
#[derive(Debug)]
struct UnderWay {
    key: u64,
    session: String,
    since: Instant,
}

impl Drafts {
    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.by_conversation.len()
    }

    /// Whether the last message to a conversation has no answer yet.
    pub(crate) fn has(&self, conversation: &str) -> bool {
        self.by_conversation.contains_key(conversation)
    }

    /// One more, to a conversation that has none.
    pub(crate) fn add(&mut self, conversation: String, to: Value, payload: Payload) {
        let draft = Draft { payload, to, attempt: 0, under_way: None, due: Instant::now() };
        self.by_conversation.insert(conversation, draft);
    }

    /// A receipt came.
    pub(crate) fn receipted(&mut self, id: &str) {
        self.by_conversation.retain(|_, draft| draft.payload.id() != id);
    }

    /// An error came, for good where it names no pause.
    pub(crate) fn refused(&mut self, id: &str, retry: Option<Duration>) {
        let Some(pause) = retry else { return self.receipted(id) };
        for draft in self.by_conversation.values_mut().filter(|draft| draft.payload.id() == id) {
            draft.under_way = None;
            draft.due = Instant::now() + pause.clamp(RETRY_PAUSE.0, RETRY_PAUSE.1);
        }
    }

    /// A session has ended: whatever was sent on it gets no answer any more.
    pub(crate) fn lost(&mut self, key: u64, user: &str, facts: &Facts) {
        for draft in self.by_conversation.values_mut() {
            if draft.under_way.as_ref().is_some_and(|under_way| under_way.key == key) {
                draft.give_up(user, facts);
            }
        }
    }

    /// Sends what is due on this session, as far as it takes it.
    pub(crate) fn send(
        &mut self,
        (key, session): (u64, &str),
        commands: &mpsc::Sender<Command>,
        user: &str,
        facts: &Facts,
    ) {
        let now = Instant::now();
        for (conversation, draft) in &mut self.by_conversation {
            match &draft.under_way {
                Some(under_way) if now < under_way.since + ANSWER_PATIENCE => continue,
                Some(_) => draft.give_up(user, facts),
                None => {}
            }
            if now < draft.due {
                continue;
            }
            let Ok(place) = commands.try_reserve() else { continue };
            draft.attempt += 1;
            draft.under_way = Some(UnderWay { key, session: session.to_owned(), since: now });
            let id = draft.payload.id();
            facts.record(Fact::Try {
                user: user.to_owned(),
                session: session.to_owned(),
                id: id.clone(),
                conversation: conversation.clone(),
                attempt: draft.attempt,
            });
            let (to, content) = (&draft.to, draft.payload.to_json());
            place.send(Command::Say(format!(
                r#"{{"type":"send","id":"{id}","to":{to},"content":{content}}}"#
            )));
        }
    }
}

impl Draft {
    fn give_up(&mut self, user: &str, facts: &Facts) {
        let Some(under_way) = self.under_way.take() else { return };
        let (user, session) = (user.to_owned(), under_way.session);
        facts.record(Fact::Unknown { user, session, id: self.payload.id() });
    }
}
