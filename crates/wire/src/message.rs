//! A message: what one user said to another or to a group, kept or on its way.

use std::sync::Arc;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::id::{ClientId, ConversationId, GroupId, MessageId, Seq, UserId};
use crate::json::{push_number, push_string};

/// To whom a message is addressed. On the wire `{"user":"2"}` or `{"group":"g1"}`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Target {
    /// One user.
    User(UserId),
    /// The members of a group.
    Group(GroupId),
}

impl Target {
    /// The conversation of what `from` says to this target.
    pub fn conversation(&self, from: &UserId) -> ConversationId {
        match self {
            Target::User(user) => ConversationId::direct(from, user),
            Target::Group(group) => ConversationId::group(group),
        }
    }

    /// The target as JSON.
    pub fn push_json(&self, out: &mut Vec<u8>) {
        let (kind, id) = match self {
            Target::User(user) => ("{\"user\":\"", user.as_str()),
            Target::Group(group) => ("{\"group\":\"", group.as_str()),
        };
        out.extend_from_slice(kind.as_bytes());
        out.extend_from_slice(id.as_bytes());
        out.extend_from_slice(b"\"}");
    }
}

/// One message. The bytes of `content` are those that the sender wrote.
#[derive(Debug, Clone)]
pub struct Message {
    /// Where it was said; absent for what a foreign system sent without naming a sender.
    pub conversation: Option<ConversationId>,
    /// Its place there; absent when nothing is kept.
    pub seq: Option<Seq>,
    /// Its name, unique everywhere.
    pub message_id: MessageId,
    /// Who said it; absent for what a foreign system sent without naming a sender.
    pub from: Option<UserId>,
    /// To whom.
    pub to: Target,
    /// What.
    pub content: Arc<RawValue>,
    /// When, in milliseconds since 1970.
    pub time_ms: u64,
    /// The sender's own name of the send; shown to the sender's sessions only.
    pub id: Option<ClientId>,
}

impl Message {
    /// The `message` frame as its recipients see it.
    pub fn frame(&self) -> Bytes {
        Bytes::from(self.json(false))
    }

    /// The `message` frame as the sender's own sessions see it: with `id`, where the send had one.
    pub fn own_frame(&self) -> Bytes {
        Bytes::from(self.json(true))
    }

    /// The frame as one user sees it.
    pub fn frame_for(&self, reader: &UserId) -> Bytes {
        Bytes::from(self.json(self.from.as_ref() == Some(reader)))
    }

    /// The `signal` frame that carries the same.
    pub fn signal_frame(&self) -> Bytes {
        let mut out = Vec::with_capacity(self.content.get().len() + 160);
        out.extend_from_slice(b"{\"type\":\"signal\"");
        self.push_rest(&mut out);
        out.push(b'}');
        Bytes::from(out)
    }

    fn json(&self, with_id: bool) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.content.get().len() + 320);
        out.extend_from_slice(b"{\"type\":\"message\"");
        if let Some(conversation) = &self.conversation {
            out.extend_from_slice(b",\"conversation\":\"");
            out.extend_from_slice(conversation.as_str().as_bytes());
            out.push(b'"');
        }
        if let Some(seq) = self.seq {
            out.extend_from_slice(b",\"seq\":");
            push_number(&mut out, seq);
        }
        out.extend_from_slice(b",\"message_id\":\"");
        push_number(&mut out, self.message_id);
        out.push(b'"');
        self.push_rest(&mut out);
        if let Some(id) = self.id.as_ref().filter(|_| with_id) {
            out.extend_from_slice(b",\"id\":");
            push_string(&mut out, id.as_str());
        }
        out.push(b'}');
        out
    }

    fn push_rest(&self, out: &mut Vec<u8>) {
        match &self.from {
            Some(from) => {
                out.extend_from_slice(b",\"from\":\"");
                out.extend_from_slice(from.as_str().as_bytes());
                out.push(b'"');
            }
            None => out.extend_from_slice(b",\"from\":null"),
        }
        out.extend_from_slice(b",\"to\":");
        self.to.push_json(out);
        out.extend_from_slice(b",\"content\":");
        out.extend_from_slice(self.content.get().as_bytes());
        out.extend_from_slice(b",\"time\":");
        push_number(out, self.time_ms);
    }

    /// Reads a `message` or `signal` frame that a node of this cluster has written. A signal has no message id: it gets `fallback_id`.
    pub fn parse(frame: &[u8], fallback_id: MessageId) -> Result<Message, serde_json::Error> {
        #[derive(Deserialize)]
        struct Fields {
            conversation: Option<ConversationId>,
            seq: Option<Seq>,
            message_id: Option<MessageId>,
            from: Option<UserId>,
            to: Target,
            content: Box<RawValue>,
            time: u64,
            id: Option<ClientId>,
        }
        let fields: Fields = serde_json::from_slice(frame)?;
        Ok(Message {
            conversation: fields.conversation,
            seq: fields.seq,
            message_id: fields.message_id.unwrap_or(fallback_id),
            from: fields.from,
            to: fields.to,
            content: fields.content.into(),
            time_ms: fields.time,
            id: fields.id,
        })
    }
}

/// The own form of an encoded `message` frame: `id` is put in as the last field.
pub fn with_id(frame: &Bytes, id: &ClientId) -> Bytes {
    let Some(open) = frame.strip_suffix(b"}") else { return frame.clone() };
    let mut out = Vec::with_capacity(frame.len() + id.as_str().len() + 8);
    out.extend_from_slice(open);
    out.extend_from_slice(b",\"id\":");
    push_string(&mut out, id.as_str());
    out.push(b'}');
    Bytes::from(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message() -> Message {
        let from: UserId = "1".parse().unwrap();
        let to = Target::User("2".parse().unwrap());
        Message {
            conversation: Some(to.conversation(&from)),
            seq: Some(17),
            message_id: MessageId::mint(1, 2),
            from: Some(from),
            to,
            content: RawValue::from_string(r#"{"n":9007199254740993}"#.into()).unwrap().into(),
            time_ms: 5,
            id: Some("a\"b".parse().unwrap()),
        }
    }

    #[test]
    fn a_frame_has_its_type_first_no_white_space_and_the_senders_own_digits() {
        let text = String::from_utf8(message().frame().to_vec()).unwrap();
        assert_eq!(
            text,
            r#"{"type":"message","conversation":"d:1:2","seq":17,"message_id":"00000000010000000000000002","from":"1","to":{"user":"2"},"content":{"n":9007199254740993},"time":5}"#
        );
    }

    #[test]
    fn the_own_form_is_the_same_whether_encoded_or_spliced() {
        let message = message();
        let spliced = with_id(&message.frame(), message.id.as_ref().unwrap());
        assert_eq!(spliced, message.own_frame());
        assert_eq!(Message::parse(&spliced, message.message_id).unwrap().id, message.id);
    }
}
