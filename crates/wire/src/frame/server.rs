//! What a node says to a client, as the bytes of a text frame: `type` first, no white space, every id a string.
//!
//! `message` and `signal` are in [`crate::Message`]; every other frame is a function here.

use bytes::Bytes;
use serde::Serialize;
use serde_json::value::RawValue;

use crate::close::CloseCode;
use crate::error_code::Refusal;
use crate::id::{ClientId, ConversationId, Epoch, GroupId, MessageId, NodeName, Seq, SessionId, UserId};
use crate::message::Message;

/// One line of `welcome.unread`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Unread {
    /// Where.
    pub conversation: ConversationId,
    /// How many of others' messages lie above the user's read cursor.
    pub unread: u64,
    /// The highest seq.
    pub head: Seq,
}

/// One line of `conversations`.
#[derive(Debug, Clone, Serialize)]
pub struct ConversationLine<'a> {
    /// Which.
    pub conversation: &'a ConversationId,
    /// The highest seq; 0 when nothing was said yet.
    pub head: Seq,
    /// How many of others' messages lie above the user's read cursor.
    pub unread: u64,
    /// The user's read cursor.
    pub read: Seq,
    /// The latest message, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last: Option<&'a RawValue>,
}

/// What became of a message where nothing is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Reach {
    /// It was put on the send queues of sessions of this node, perhaps of others too.
    Delivered,
    /// The bus has taken it for another node; no promise of arrival.
    Posted,
    /// Nobody is there.
    Nobody,
}

/// What [`welcome`] says.
#[derive(Debug, Serialize)]
pub struct Welcome<'a> {
    /// The session.
    pub session: SessionId,
    /// Whose it is.
    pub user: &'a UserId,
    /// The node that holds it.
    pub node: &'a NodeName,
    /// Now, in milliseconds since 1970.
    pub time: u64,
    /// `"none"` where nothing is kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub store: Option<&'static str>,
    /// The life of the store.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub epoch: Option<Epoch>,
    /// The conversations that hold something unread, the latest first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unread: Option<&'a [Unread]>,
    /// True when there are more than these.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub more: Option<bool>,
}

/// The first frame after admission.
pub fn welcome(welcome: &Welcome<'_>) -> Bytes {
    typed("welcome", welcome)
}

/// Answers `hello`.
pub fn ready(id: Option<&ClientId>, expires_ms: Option<u64>) -> Bytes {
    #[derive(Serialize)]
    struct Body<'a> {
        #[serde(skip_serializing_if = "Option::is_none")]
        id: Option<&'a ClientId>,
        #[serde(skip_serializing_if = "Option::is_none")]
        expires: Option<u64>,
    }
    typed("ready", &Body { id, expires: expires_ms })
}

/// The message is kept.
pub fn receipt(
    id: &ClientId,
    conversation: &ConversationId,
    seq: Seq,
    message_id: MessageId,
    time_ms: u64,
) -> Bytes {
    #[derive(Serialize)]
    struct Body<'a> {
        id: &'a ClientId,
        conversation: &'a ConversationId,
        seq: Seq,
        message_id: MessageId,
        time: u64,
    }
    typed("receipt", &Body { id, conversation, seq, message_id, time: time_ms })
}

/// The receipt's place where nothing is kept.
pub fn sent(id: &ClientId, message_id: MessageId, time_ms: u64, reach: Reach) -> Bytes {
    #[derive(Serialize)]
    struct Body<'a> {
        id: &'a ClientId,
        message_id: MessageId,
        time: u64,
        reach: Reach,
    }
    typed("sent", &Body { id, message_id, time: time_ms, reach })
}

/// A piece of a log, ascending, as `reader` sees it. `first` is where the log now begins for this user.
pub fn page(
    id: Option<&ClientId>,
    conversation: &ConversationId,
    first: Seq,
    messages: &[Message],
    more: bool,
    reader: Option<&UserId>,
) -> Bytes {
    let mut out = Vec::with_capacity(
        256 + messages.iter().map(|message| message.content.get().len() + 256).sum::<usize>(),
    );
    out.extend_from_slice(b"{\"type\":\"page\"");
    if let Some(id) = id {
        out.extend_from_slice(b",\"id\":");
        crate::json::push_string(&mut out, id.as_str());
    }
    out.extend_from_slice(b",\"conversation\":\"");
    out.extend_from_slice(conversation.as_str().as_bytes());
    out.extend_from_slice(b"\",\"first\":");
    crate::json::push_number(&mut out, first);
    out.extend_from_slice(b",\"messages\":[");
    for (idx, message) in messages.iter().enumerate() {
        if idx > 0 {
            out.push(b',');
        }
        let frame = match reader {
            Some(reader) => message.frame_for(reader),
            None => message.own_frame(),
        };
        out.extend_from_slice(&frame);
    }
    out.extend_from_slice(if more { b"],\"more\":true}" } else { b"],\"more\":false}" });
    Bytes::from(out)
}

/// The user's conversations, the latest first.
pub fn conversations(id: Option<&ClientId>, lines: &[ConversationLine<'_>], next: Option<&str>) -> Bytes {
    #[derive(Serialize)]
    struct Body<'a> {
        #[serde(skip_serializing_if = "Option::is_none")]
        id: Option<&'a ClientId>,
        conversations: &'a [ConversationLine<'a>],
        #[serde(skip_serializing_if = "Option::is_none")]
        next: Option<&'a str>,
    }
    typed("conversations", &Body { id, conversations: lines, next })
}

/// Too far behind to be pushed: fetch from `after`; live goes on after `head`.
pub fn behind(conversation: &ConversationId, after: Seq, head: Seq) -> Bytes {
    #[derive(Serialize)]
    struct Body<'a> {
        conversation: &'a ConversationId,
        after: Seq,
        head: Seq,
    }
    typed("behind", &Body { conversation, after, head })
}

/// `user` has seen up to `seq`.
pub fn read(conversation: &ConversationId, user: &UserId, seq: Seq) -> Bytes {
    #[derive(Serialize)]
    struct Body<'a> {
        conversation: &'a ConversationId,
        user: &'a UserId,
        seq: Seq,
    }
    typed("read", &Body { conversation, user, seq })
}

/// Who has joined and left a group.
pub fn members(id: Option<&ClientId>, group: &GroupId, joined: &[UserId], left: &[UserId]) -> Bytes {
    #[derive(Serialize)]
    struct Body<'a> {
        #[serde(skip_serializing_if = "Option::is_none")]
        id: Option<&'a ClientId>,
        group: &'a GroupId,
        joined: &'a [UserId],
        left: &'a [UserId],
    }
    typed("members", &Body { id, group, joined, left })
}

/// Answers `ping`.
pub fn pong(id: Option<&ClientId>) -> Bytes {
    #[derive(Serialize)]
    struct Body<'a> {
        #[serde(skip_serializing_if = "Option::is_none")]
        id: Option<&'a ClientId>,
    }
    typed("pong", &Body { id })
}

/// A request was refused.
pub fn error(id: Option<&ClientId>, refusal: &Refusal) -> Bytes {
    #[derive(Serialize)]
    struct Body<'a> {
        #[serde(skip_serializing_if = "Option::is_none")]
        id: Option<&'a ClientId>,
        code: &'static str,
        reason: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        retry_ms: Option<u64>,
    }
    let body =
        Body { id, code: refusal.code.as_str(), reason: &refusal.reason, retry_ms: refusal.retry_ms() };
    typed("error", &body)
}

/// The last frame before a close that we begin.
pub fn bye(code: CloseCode) -> Bytes {
    #[derive(Serialize)]
    struct Body {
        code: u16,
        reason: &'static str,
        reconnect: bool,
    }
    typed("bye", &Body { code: code.number(), reason: code.reason(), reconnect: code.reconnect() })
}

/// `{"type":KIND,` and the fields of `body`.
fn typed(kind: &str, body: &impl Serialize) -> Bytes {
    let fields = match serde_json::to_vec(body) {
        Ok(fields) => fields,
        // The bodies above hold text, numbers and lists of them: none can fail.
        Err(_) => b"{}".to_vec(),
    };
    let mut out = Vec::with_capacity(fields.len() + kind.len() + 12);
    out.extend_from_slice(b"{\"type\":\"");
    out.extend_from_slice(kind.as_bytes());
    out.push(b'"');
    if fields.len() > 2 {
        out.push(b',');
    }
    out.extend_from_slice(fields.get(1..).unwrap_or_default());
    Bytes::from(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_have_their_type_first_and_no_white_space() {
        let frames = [
            (pong(None), r#"{"type":"pong"}"#),
            (bye(CloseCode::Replaced), r#"{"type":"bye","code":4500,"reason":"replaced","reconnect":false}"#),
            (
                behind(&"d:1:2".parse().unwrap(), 17, 900),
                r#"{"type":"behind","conversation":"d:1:2","after":17,"head":900}"#,
            ),
            (
                error(
                    Some(&"c1".parse().unwrap()),
                    &Refusal::new(crate::ErrorCode::Unavailable, "the store does not answer"),
                ),
                r#"{"type":"error","id":"c1","code":"unavailable","reason":"the store does not answer","retry_ms":500}"#,
            ),
            (
                page(None, &"g:x".parse().unwrap(), 1, &[], false, None),
                r#"{"type":"page","conversation":"g:x","first":1,"messages":[],"more":false}"#,
            ),
        ];
        for (frame, text) in frames {
            assert_eq!(std::str::from_utf8(&frame).unwrap(), text);
        }
    }
}
