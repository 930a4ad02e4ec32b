//! What a client says: parsed, checked, and with the fault named where there is one.

use std::borrow::Cow;

use serde::{Deserialize, Deserializer, de::DeserializeOwned};
use serde_json::value::RawValue;

use crate::error_code::ErrorCode;
use crate::id::{ClientId, ConversationId, GroupId, Seq};
use crate::json::{BadJson, check_carried, is_object, is_shallow};
use crate::limits::{HAVE_ITEMS_MAX, HISTORY_ITEMS_MAX, PAGE_ITEMS_DEFAULT, SEQ_MAX};
use crate::message::Target;

/// One well-formed request of a client.
#[derive(Debug)]
pub enum ClientFrame {
    /// Say something to a user or a group, to be kept.
    Send {
        /// The idempotency key.
        id: ClientId,
        /// To whom.
        to: Target,
        /// What, byte for byte.
        content: Box<RawValue>,
    },
    /// Say something that is not kept.
    Signal {
        /// Comes back in an error.
        id: Option<ClientId>,
        /// To whom.
        to: Target,
        /// What, byte for byte.
        content: Box<RawValue>,
    },
    /// The person has seen up to here.
    Read {
        /// Comes back in an error.
        id: Option<ClientId>,
        /// Where.
        conversation: ConversationId,
        /// Up to which message.
        seq: Seq,
    },
    /// List the user's conversations.
    Conversations {
        /// Comes back in the answer.
        id: Option<ClientId>,
        /// How many at most.
        limit: usize,
        /// The `next` of the answer before.
        next: Option<String>,
    },
    /// Read a piece of a log.
    History {
        /// Comes back in the answer.
        id: Option<ClientId>,
        /// Which log.
        conversation: ConversationId,
        /// From where, and in which direction.
        range: Range,
        /// How many at most.
        limit: usize,
    },
    /// Become a member of a group.
    Join {
        /// Comes back in the answer.
        id: Option<ClientId>,
        /// Which group.
        group: GroupId,
    },
    /// Be a member no longer.
    Leave {
        /// Comes back in the answer.
        id: Option<ClientId>,
        /// Which group.
        group: GroupId,
    },
    /// Log in, renew a token, resume.
    Hello {
        /// Comes back in `ready`.
        id: Option<ClientId>,
        /// A token, to log in or to go on.
        token: Option<String>,
        /// The epoch that `have` is of.
        epoch: Option<String>,
        /// What the client holds; absent when it does not resume.
        have: Option<Vec<(ConversationId, Seq)>>,
    },
    /// Are you there?
    Ping {
        /// Comes back in `pong`.
        id: Option<ClientId>,
    },
}

/// Which messages of a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Range {
    /// The latest.
    Latest,
    /// Those just before this one.
    Before(Seq),
    /// Those just after this one.
    After(Seq),
}

/// Why a text is not a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BadFrame {
    /// Not this protocol at all: `bye` and Close 4502.
    Alien {
        /// What was wrong with it.
        reason: String,
    },
    /// A JSON object with a fault: `error`, and the socket stays.
    Faulty {
        /// The request's own name, where it could be read.
        id: Option<ClientId>,
        /// The kind of fault.
        code: ErrorCode,
        /// The fault, and where.
        reason: String,
    },
}

/// Every field of every request, as the client wrote it.
#[derive(Deserialize)]
struct Fields<'a> {
    #[serde(rename = "type", borrow)]
    kind: Option<Cow<'a, str>>,
    #[serde(borrow)]
    id: Option<&'a RawValue>,
    #[serde(borrow)]
    to: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "even_null")]
    content: Option<&'a RawValue>,
    #[serde(borrow)]
    signal: Option<&'a RawValue>,
    #[serde(borrow)]
    conversation: Option<&'a RawValue>,
    #[serde(borrow)]
    seq: Option<&'a RawValue>,
    #[serde(borrow)]
    limit: Option<&'a RawValue>,
    #[serde(borrow)]
    next: Option<&'a RawValue>,
    #[serde(borrow)]
    before: Option<&'a RawValue>,
    #[serde(borrow)]
    after: Option<&'a RawValue>,
    #[serde(borrow)]
    group: Option<&'a RawValue>,
    #[serde(borrow)]
    token: Option<&'a RawValue>,
    #[serde(borrow)]
    epoch: Option<&'a RawValue>,
    #[serde(borrow)]
    have: Option<&'a RawValue>,
}

/// A `content` of `null` is a content; an absent one is none.
fn even_null<'de: 'a, 'a, D: Deserializer<'de>>(deserializer: D) -> Result<Option<&'a RawValue>, D::Error> {
    <&RawValue>::deserialize(deserializer).map(Some)
}

type Fault = (ErrorCode, String);

impl ClientFrame {
    /// The client's own name of the request.
    pub fn id(&self) -> Option<&ClientId> {
        match self {
            ClientFrame::Send { id, .. } => Some(id),
            ClientFrame::Signal { id, .. }
            | ClientFrame::Read { id, .. }
            | ClientFrame::Conversations { id, .. }
            | ClientFrame::History { id, .. }
            | ClientFrame::Join { id, .. }
            | ClientFrame::Leave { id, .. }
            | ClientFrame::Hello { id, .. }
            | ClientFrame::Ping { id } => id.as_ref(),
        }
    }

    /// Reads one text frame. `content` is checked for depth and whole characters, and against `content_bytes_max`.
    pub fn parse(text: &str, depth_max: usize, content_bytes_max: usize) -> Result<ClientFrame, BadFrame> {
        if !is_shallow(text, depth_max) {
            return Err(BadFrame::Alien { reason: format!("nested deeper than {depth_max}") });
        }
        let fields = if is_object(text) { serde_json::from_str(text).ok() } else { None };
        let fields: Fields<'_> = fields.ok_or_else(|| alien_or_faulty(text))?;
        let Some(kind) = fields.kind.as_deref() else {
            return Err(BadFrame::Alien { reason: "no \"type\"".into() });
        };
        let id: Option<ClientId> = optional(fields.id, "id").map_err(|(code, reason)| BadFrame::Faulty {
            id: None,
            code,
            reason,
        })?;
        let content = Content { depth_max, bytes_max: content_bytes_max };
        fields.typed(kind, id.clone(), content).map_err(|(code, reason)| BadFrame::Faulty {
            id,
            code,
            reason,
        })
    }
}

struct Content {
    depth_max: usize,
    bytes_max: usize,
}

impl Fields<'_> {
    fn typed(&self, kind: &str, id: Option<ClientId>, content: Content) -> Result<ClientFrame, Fault> {
        Ok(match kind {
            "send" => {
                let signal = optional(self.signal, "signal")?.unwrap_or(false);
                let to = required(self.to, "to")?;
                let content = content.check(self.content)?;
                match (signal, id) {
                    (true, id) => ClientFrame::Signal { id, to, content },
                    (false, Some(id)) => ClientFrame::Send { id, to, content },
                    (false, None) => return Err(missing("id")),
                }
            }
            "read" => ClientFrame::Read {
                id,
                conversation: required(self.conversation, "conversation")?,
                seq: seq(self.seq, "seq")?.ok_or_else(|| missing("seq"))?,
            },
            "conversations" => {
                ClientFrame::Conversations { id, limit: self.limit()?, next: optional(self.next, "next")? }
            }
            "history" => ClientFrame::History {
                id,
                conversation: required(self.conversation, "conversation")?,
                range: self.range()?,
                limit: self.limit()?,
            },
            "join" => ClientFrame::Join { id, group: required(self.group, "group")? },
            "leave" => ClientFrame::Leave { id, group: required(self.group, "group")? },
            "hello" => ClientFrame::Hello {
                id,
                token: optional(self.token, "token")?,
                epoch: optional(self.epoch, "epoch")?,
                have: self.have()?,
            },
            "ping" => ClientFrame::Ping { id },
            "presence" => {
                return Err((ErrorCode::UnknownType, "presence is not supported yet".into()));
            }
            other => {
                let shown: String = other.chars().take(40).collect();
                return Err((ErrorCode::UnknownType, format!("no frame is called {shown:?}")));
            }
        })
    }

    fn limit(&self) -> Result<usize, Fault> {
        let limit: Option<usize> = optional(self.limit, "limit")?;
        match limit.unwrap_or(PAGE_ITEMS_DEFAULT) {
            limit @ 1..=HISTORY_ITEMS_MAX => Ok(limit),
            _ => Err((ErrorCode::BadField, format!("limit: must be 1 to {HISTORY_ITEMS_MAX}"))),
        }
    }

    fn range(&self) -> Result<Range, Fault> {
        match (seq(self.before, "before")?, seq(self.after, "after")?) {
            (None, None) => Ok(Range::Latest),
            (Some(before), None) => Ok(Range::Before(before)),
            (None, Some(after)) => Ok(Range::After(after)),
            (Some(_), Some(_)) => Err((ErrorCode::BadField, "before and after exclude each other".into())),
        }
    }

    fn have(&self) -> Result<Option<Vec<(ConversationId, Seq)>>, Fault> {
        let Some(raw) = self.have else { return Ok(None) };
        let named: std::collections::BTreeMap<Cow<'_, str>, Seq> =
            serde_json::from_str(raw.get()).map_err(|_| bad_field("have", "conversations and their seq"))?;
        if named.len() > HAVE_ITEMS_MAX {
            return Err((ErrorCode::BadField, format!("have: more than {HAVE_ITEMS_MAX} conversations")));
        }
        named
            .into_iter()
            .map(|(conversation, seq)| match conversation.parse() {
                Ok(conversation) if seq <= SEQ_MAX => Ok((conversation, seq)),
                Ok(_) => Err(bad_field("have", "conversations and their seq")),
                Err(error) => Err((ErrorCode::BadField, format!("have: {error}"))),
            })
            .collect::<Result<_, _>>()
            .map(Some)
    }
}

impl Content {
    fn check(&self, raw: Option<&RawValue>) -> Result<Box<RawValue>, Fault> {
        let raw = raw.ok_or_else(|| missing("content"))?;
        if raw.get().len() > self.bytes_max {
            return Err((ErrorCode::TooLarge, format!("content: more than {} bytes", self.bytes_max)));
        }
        check_carried(raw, self.depth_max)
            .map_err(|error: BadJson| (ErrorCode::BadContent, format!("content: {error}")))?;
        Ok(raw.to_owned())
    }
}

/// What is no JSON object ends the socket; one whose fields do not fit is only refused.
fn alien_or_faulty(text: &str) -> BadFrame {
    if !is_object(text) || serde_json::from_str::<&RawValue>(text).is_err() {
        return BadFrame::Alien { reason: "not a JSON object".into() };
    }
    BadFrame::Faulty {
        id: None,
        code: ErrorCode::BadFrame,
        reason: "a field is there twice, or \"type\" is not text".into(),
    }
}

fn optional<T: DeserializeOwned>(raw: Option<&RawValue>, name: &'static str) -> Result<Option<T>, Fault> {
    let Some(raw) = raw.filter(|raw| raw.get() != "null") else { return Ok(None) };
    serde_json::from_str(raw.get()).map(Some).map_err(|error| {
        // The position inside the field would mislead: what is said before it is the rule.
        let rule = error.to_string();
        let rule = rule.split(" at line ").next().unwrap_or_default().to_owned();
        (ErrorCode::BadField, format!("{name}: {rule}"))
    })
}

fn required<T: DeserializeOwned>(raw: Option<&RawValue>, name: &'static str) -> Result<T, Fault> {
    optional(raw, name)?.ok_or_else(|| missing(name))
}

fn seq(raw: Option<&RawValue>, name: &'static str) -> Result<Option<Seq>, Fault> {
    match optional::<Seq>(raw, name)? {
        Some(seq) if seq > SEQ_MAX => Err(bad_field(name, "at most 2^53 - 1")),
        seq => Ok(seq),
    }
}

fn missing(name: &str) -> Fault {
    (ErrorCode::BadField, format!("{name}: is missing"))
}

fn bad_field(name: &str, rule: &str) -> Fault {
    (ErrorCode::BadField, format!("{name}: must be {rule}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<ClientFrame, BadFrame> {
        ClientFrame::parse(text, 16, 100)
    }

    #[test]
    fn content_is_carried_as_it_was_written() {
        let text = r#"{ "type":"send", "id":"a", "to":{"user":2}, "content":{ "n" : 1.10 }, "unknown":[] }"#;
        let Ok(ClientFrame::Send { content, to, .. }) = parse(text) else { panic!("not a send") };
        assert_eq!(content.get(), r#"{ "n" : 1.10 }"#);
        assert_eq!(to, Target::User("2".parse().unwrap()));
        let null = parse(r#"{"type":"send","id":"a","to":{"user":"2"},"content":null}"#);
        assert!(matches!(null, Ok(ClientFrame::Send { content, .. }) if content.get() == "null"));
    }

    #[test]
    fn what_is_not_this_protocol_ends_the_socket() {
        let deep = format!(r#"{{"type":"ping","x":{}{}}}"#, "[".repeat(16), "]".repeat(16));
        // As many as there are fields: serde would read them in their order.
        let list = format!(r#"["ping"{}]"#, ",null".repeat(14));
        for alien in [
            "",
            "hi",
            "[]",
            "1",
            "{}",
            r#"{"a":1}"#,
            r#"{"type":"ping""#,
            r#"{"type":"ping"} x"#,
            &deep,
            &list,
        ] {
            assert!(matches!(parse(alien), Err(BadFrame::Alien { .. })), "{alien}");
        }
    }

    #[test]
    fn a_faulty_object_is_refused_by_name_and_the_socket_stays() {
        use ErrorCode::*;
        let long =
            format!(r#"{{"type":"send","id":"a","to":{{"user":"2"}},"content":"{}"}}"#, "x".repeat(100));
        let cases: Vec<(&str, ErrorCode, &str)> = vec![
            (r#"{"type":7}"#, BadFrame, "type"),
            (r#"{"type":"\ud800"}"#, BadFrame, "type"),
            (r#"{"type":"ping","type":"ping"}"#, BadFrame, "twice"),
            (r#"{"type":"dance"}"#, UnknownType, "dance"),
            (r#"{"type":"presence","users":["1"]}"#, UnknownType, "presence"),
            (r#"{"type":"send","to":{"user":"2"},"content":1}"#, BadField, "id: is missing"),
            (r#"{"type":"send","id":"","to":{"user":"2"},"content":1}"#, BadField, "id:"),
            (r#"{"type":"send","id":"a","content":1}"#, BadField, "to: is missing"),
            (r#"{"type":"send","id":"a","to":"2","content":1}"#, BadField, "to:"),
            (r#"{"type":"send","id":"a","to":{"user":"2","group":"3"},"content":1}"#, BadField, "to:"),
            (r#"{"type":"send","id":"a","to":{"user":"a b"},"content":1}"#, BadField, "user id"),
            (r#"{"type":"send","id":"a","to":{"user":1.5},"content":1}"#, BadField, "to:"),
            (r#"{"type":"send","id":"a","to":{"user":"2"}}"#, BadField, "content: is missing"),
            (r#"{"type":"send","id":"a","to":{"user":"2"},"content":"\ud800"}"#, BadContent, "surrogate"),
            (&long, TooLarge, "100 bytes"),
            (r#"{"type":"send","id":"a","signal":1,"to":{"user":"2"},"content":1}"#, BadField, "signal:"),
            (r#"{"type":"read","conversation":"d:2:1","seq":1}"#, BadField, "conversation"),
            (r#"{"type":"read","conversation":"d:1:2"}"#, BadField, "seq: is missing"),
            (r#"{"type":"read","conversation":"d:1:2","seq":-1}"#, BadField, "seq:"),
            (r#"{"type":"read","conversation":"d:1:2","seq":9007199254740992}"#, BadField, "seq:"),
            (r#"{"type":"history","conversation":"g:x","limit":0}"#, BadField, "limit"),
            (r#"{"type":"history","conversation":"g:x","limit":201}"#, BadField, "limit"),
            (r#"{"type":"history","conversation":"g:x","before":1,"after":1}"#, BadField, "exclude"),
            (r#"{"type":"join"}"#, BadField, "group: is missing"),
            (r#"{"type":"hello","have":{"d:2:1":1}}"#, BadField, "have"),
            (r#"{"type":"hello","have":{"d:1:2":-1}}"#, BadField, "have"),
            (r#"{"type":"hello","have":[]}"#, BadField, "have"),
            (r#"{"type":"hello","token":1}"#, BadField, "token:"),
        ];
        for (text, code, part) in cases {
            match parse(text) {
                Err(super::BadFrame::Faulty { code: got, reason, .. }) => {
                    assert_eq!(got, code, "{text}: {reason}");
                    assert!(reason.contains(part), "{text}: {reason}");
                }
                other => panic!("{text}: {other:?}"),
            }
        }
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_the_parser_panic(text in ".{0,200}") {
            let _result = parse(&text);
            let _result = parse(&format!(r#"{{"type":"send","id":"a","to":{{"user":"2"}},"content":{text}}}"#));
        }
    }
}
