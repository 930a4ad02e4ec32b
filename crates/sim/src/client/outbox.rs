//! What a person has said and has no answer to yet. It outlives the session: the same `id` is sent again until it is answered.
//!
//! One at a time for each conversation, so that one sender's messages stand in the order in which they were said.

use std::collections::BTreeMap;
use std::time::Duration;

use testkit::judge::{Fact, Payload};
use tokio::time::Instant;

/// How long an answer may take before the same is sent again.
const ANSWER_PATIENCE: Duration = Duration::from_secs(12);
/// Codes after which the same is sent again.
const RETRYABLE: [&str; 4] = ["too_many_requests", "internal", "unavailable", "draining"];

/// Where something is said: a conversation, and how a `send` names it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Address {
    /// `d:1:2` or `g:ID`.
    pub conversation: String,
    /// `{"user":"2"}` or `{"group":"g1"}`.
    pub to: String,
}

/// What is unanswered, by conversation.
#[derive(Debug, Default)]
pub struct Outbox {
    pending: BTreeMap<String, Pending>,
}

#[derive(Debug)]
struct Pending {
    id: String,
    frame: String,
    attempts: u32,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Asked(Instant),
    Again(Instant),
}

/// What an answer to a send was.
#[derive(Debug)]
pub struct Answer<'a> {
    /// Of which send.
    pub id: &'a str,
    /// The word of an `error`; `None` for a receipt.
    pub refused: Option<&'a str>,
    /// From the error.
    pub retry_ms: Option<u64>,
}

impl Outbox {
    /// True when nothing waits for an answer.
    pub fn is_empty(&self) -> bool {
        self.pending.is_empty()
    }

    /// True when something said there is unanswered.
    pub fn is_busy(&self, conversation: &str) -> bool {
        self.pending.contains_key(conversation)
    }

    /// Says something; it is sent with the next [`Outbox::due`].
    pub fn say(&mut self, address: &Address, payload: &Payload, now: Instant) {
        let (id, to, content) = (payload.id(), &address.to, payload.to_json());
        let frame = format!(r#"{{"type":"send","id":"{id}","to":{to},"content":{content}}}"#);
        let pending = Pending { id, frame, attempts: 0, state: State::Again(now) };
        self.pending.insert(address.conversation.clone(), pending);
    }

    /// The frames that are to be sent now, with the facts that go before each.
    pub fn due(&mut self, user: &str, session: &str, now: Instant) -> Vec<(Vec<Fact>, String)> {
        let mut due = Vec::new();
        for (conversation, pending) in &mut self.pending {
            let mut facts = Vec::new();
            match pending.state {
                State::Again(at) if at <= now => {}
                State::Asked(at) if at + ANSWER_PATIENCE <= now => facts.push(pending.unknown(user, session)),
                State::Again(_) | State::Asked(_) => continue,
            }
            pending.attempts += 1;
            pending.state = State::Asked(now);
            facts.push(Fact::Try {
                user: user.to_owned(),
                session: session.to_owned(),
                id: pending.id.clone(),
                conversation: conversation.clone(),
                attempt: pending.attempts,
            });
            due.push((facts, pending.frame.clone()));
        }
        due
    }

    /// Takes an answer in. True when it was to one of these.
    pub fn answered(&mut self, answer: &Answer<'_>, now: Instant) -> bool {
        let of = |pending: &Pending| pending.id == answer.id;
        let Some(conversation) =
            self.pending.iter().find(|(_, pending)| of(pending)).map(|(name, _)| name.clone())
        else {
            return false;
        };
        match answer.refused {
            Some(code) if RETRYABLE.contains(&code) => {
                let wait = Duration::from_millis(answer.retry_ms.unwrap_or(500).max(100));
                if let Some(pending) = self.pending.get_mut(&conversation) {
                    pending.state = State::Again(now + wait);
                }
            }
            Some(_) | None => {
                self.pending.remove(&conversation);
            }
        }
        true
    }

    /// The session is over: what was asked in it is not known, and is sent again in the next one.
    pub fn session_ended(&mut self, user: &str, session: &str, now: Instant) -> Vec<Fact> {
        let mut facts = Vec::new();
        for pending in self.pending.values_mut() {
            if matches!(pending.state, State::Asked(_)) {
                facts.push(pending.unknown(user, session));
            }
            pending.state = State::Again(now);
        }
        facts
    }
}

impl Pending {
    fn unknown(&self, user: &str, session: &str) -> Fact {
        Fact::Unknown { user: user.to_owned(), session: session.to_owned(), id: self.id.clone() }
    }
}
