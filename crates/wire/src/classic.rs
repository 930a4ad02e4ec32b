//! The dialect of the older Java service: what its clients send, what they read, and the fields that its nodes read on the bus.
//!
//! It is lenient where the original was (digits in quotes, any JSON value as content) and writes what the original wrote:
//! keys in alphabetical order, nulls absent, ids as integers wherever they are integers.

use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::error_code::{ErrorCode, Refusal};
use crate::id::{GroupId, UserId};
use crate::json::{BadJson, check_carried, is_object, is_shallow, push_number, push_string};
use crate::message::{Message, Target};

/// `msgType` of a message to one user.
pub const DIRECT: i64 = 10;
/// `msgType` of a message to a group.
pub const GROUP: i64 = 20;

/// A request of a classic client.
#[derive(Debug)]
pub struct ClassicFrame {
    /// To whom; a group is named by the `to` of `msgType` 20.
    pub to: Target,
    /// A JSON string: what was another value is its JSON text.
    pub content: Box<RawValue>,
}

impl ClassicFrame {
    /// Reads one text frame. The original kept silent about what it did not understand; the refusal says what that was.
    pub fn parse(text: &str, depth_max: usize, content_bytes_max: usize) -> Result<ClassicFrame, Refusal> {
        #[derive(Deserialize)]
        struct Fields<'a> {
            #[serde(rename = "msgType", borrow)]
            msg_type: Option<&'a RawValue>,
            #[serde(borrow)]
            to: Option<&'a RawValue>,
            #[serde(borrow)]
            content: Option<&'a RawValue>,
        }
        if !is_shallow(text, depth_max) {
            return Err(Refusal::new(ErrorCode::BadFrame, format!("nested deeper than {depth_max}")));
        }
        let fields = if is_object(text) { serde_json::from_str(text).ok() } else { None };
        let fields: Fields<'_> = fields.ok_or_else(|| {
            Refusal::new(ErrorCode::BadFrame, "not a JSON object of msgType, to and content")
        })?;
        let msg_type = fields.msg_type.and_then(unquoted);
        let to = fields.to.and_then(unquoted).ok_or_else(|| bad_field("to: is missing"))?;
        let to = match msg_type.as_deref() {
            Some("10") => to.parse::<UserId>().map(Target::User),
            Some("20") => to.parse::<GroupId>().map(Target::Group),
            _ => return Err(bad_field("msgType: must be 10 or 20")),
        };
        let to = to.map_err(|error| bad_field(&format!("to: {error}")))?;
        let content = fields.content.ok_or_else(|| bad_field("content: is missing"))?;
        check_carried(content, depth_max)
            .map_err(|error: BadJson| Refusal::new(ErrorCode::BadContent, format!("content: {error}")))?;
        // As it is carried: what becomes a string may be twice as long.
        let content = as_string(content);
        if content.get().len() > content_bytes_max {
            let reason = format!("content: more than {content_bytes_max} bytes as a string");
            return Err(Refusal::new(ErrorCode::TooLarge, reason));
        }
        Ok(ClassicFrame { to, content })
    }
}

/// The frame that a classic client reads. `None` when it has no place for it: nothing was said.
pub fn frame(message: &Message) -> Bytes {
    let mut out = Vec::with_capacity(message.content.get().len() + 128);
    out.push(b'{');
    if message.content.get() != "null" {
        out.extend_from_slice(b"\"content\":");
        push_content(&mut out, &message.content);
        out.push(b',');
    }
    if let Some(from) = &message.from {
        out.extend_from_slice(b"\"fromUserId\":");
        push_id(&mut out, from.as_str(), from.as_integer());
        out.push(b',');
    }
    let (msg_type, to, integer) = addressee(&message.to);
    out.extend_from_slice(b"\"msgType\":");
    push_number(&mut out, msg_type);
    out.extend_from_slice(b",\"time\":");
    push_number(&mut out, message.time_ms);
    out.extend_from_slice(b",\"toUserId\":");
    push_id(&mut out, to, integer);
    out.push(b'}');
    Bytes::from(out)
}

/// What a classic client reads of a refusal, where the deployment tells it (`ws.classic_errors`).
pub fn error(refusal: &Refusal) -> Bytes {
    let mut out = b"{\"error\":{\"code\":".to_vec();
    push_string(&mut out, refusal.code.as_str());
    out.extend_from_slice(b",\"reason\":");
    push_string(&mut out, &refusal.reason);
    out.extend_from_slice(b"}}");
    Bytes::from(out)
}

/// The fields of a bus body that a Java node reads, without the closing brace. Where [`is_java_readable`] says no, ids are written as strings.
pub(crate) fn push_bus_fields(out: &mut Vec<u8>, message: &Message) {
    out.extend_from_slice(b"{\"content\":");
    push_content(out, &message.content);
    if let Some(from) = &message.from {
        out.extend_from_slice(b",\"from\":");
        push_id(out, from.as_str(), from.as_integer());
    }
    let (msg_type, to, integer) = addressee(&message.to);
    out.extend_from_slice(b",\"msgType\":");
    push_number(out, msg_type);
    out.extend_from_slice(b",\"time\":");
    push_number(out, message.time_ms);
    out.extend_from_slice(b",\"to\":");
    push_id(out, to, integer);
}

/// True when a Java node, which is strict, reads these fields without failing: its ids and times are 64-bit integers.
pub fn is_java_readable(message: &Message) -> bool {
    let from = message.from.as_ref().is_some_and(|from| from.as_integer().is_some());
    from && addressee(&message.to).2.is_some() && i64::try_from(message.time_ms).is_ok()
}

fn addressee(to: &Target) -> (i64, &str, Option<i64>) {
    match to {
        Target::User(user) => (DIRECT, user.as_str(), user.as_integer()),
        Target::Group(group) if group.is_everyone() => (GROUP, "0", Some(0)),
        Target::Group(group) => (GROUP, group.as_str(), group.as_integer()),
    }
}

fn push_id(out: &mut Vec<u8>, text: &str, integer: Option<i64>) {
    match integer {
        Some(integer) => push_number(out, integer),
        None => push_string(out, text),
    }
}

/// Content as the JSON string that Java readers insist on.
fn push_content(out: &mut Vec<u8>, content: &RawValue) {
    if content.get().starts_with('"') {
        // Decoded and written again: the original writes UTF-8 raw, whatever the sender escaped.
        if let Ok(text) = serde_json::from_str::<String>(content.get()) {
            return push_string(out, &text);
        }
    }
    push_string(out, content.get());
}

fn as_string(content: &RawValue) -> Box<RawValue> {
    if content.get().starts_with('"') || content.get() == "null" {
        return content.to_owned();
    }
    let mut text = Vec::with_capacity(content.get().len() + 2);
    push_string(&mut text, content.get());
    let quoted = String::from_utf8(text).ok().and_then(|text| RawValue::from_string(text).ok());
    quoted.unwrap_or_else(|| content.to_owned())
}

/// An integer or a string of one, as text; `None` for anything else.
fn unquoted(raw: &RawValue) -> Option<String> {
    match serde_json::from_str::<serde_json::Value>(raw.get()).ok()? {
        serde_json::Value::String(text) => Some(text),
        serde_json::Value::Number(number) if !number.is_f64() => Some(number.to_string()),
        _ => None,
    }
}

fn bad_field(reason: &str) -> Refusal {
    Refusal::new(ErrorCode::BadField, reason)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::MessageId;

    fn message(content: &str, to: Target) -> Message {
        Message {
            conversation: None,
            seq: None,
            message_id: MessageId::mint(0, 0),
            from: Some("1".parse().unwrap()),
            to,
            content: RawValue::from_string(content.into()).unwrap().into(),
            time_ms: 1_690_000_000_000,
            id: None,
        }
    }

    fn text(bytes: &Bytes) -> &str {
        std::str::from_utf8(bytes).unwrap()
    }

    #[test]
    fn a_classic_client_reads_the_originals_bytes() {
        let to = Target::User("2".parse().unwrap());
        assert_eq!(
            text(&frame(&message(r#""hi""#, to.clone()))),
            r#"{"content":"hi","fromUserId":1,"msgType":10,"time":1690000000000,"toUserId":2}"#
        );
        assert_eq!(
            text(&frame(&message(r#"{"k":[1,2]}"#, to.clone()))),
            r#"{"content":"{\"k\":[1,2]}","fromUserId":1,"msgType":10,"time":1690000000000,"toUserId":2}"#
        );
        assert_eq!(
            text(&frame(&message("null", to))),
            r#"{"fromUserId":1,"msgType":10,"time":1690000000000,"toUserId":2}"#
        );
    }

    #[test]
    fn digits_in_quotes_and_any_content_are_accepted_as_the_original_did() {
        let read =
            ClassicFrame::parse(r#"{"msgType":"20","to":"7","content":{"k":1},"time":5}"#, 16, 100).unwrap();
        assert_eq!(read.to, Target::Group("7".parse().unwrap()));
        assert_eq!(read.content.get(), r#""{\"k\":1}""#);
    }

    #[test]
    fn content_is_measured_as_the_string_that_it_becomes() {
        let frame = r#"{"msgType":10,"to":2,"content":["\"\"\"\""]}"#;
        let becomes = ClassicFrame::parse(frame, 16, 100).unwrap().content;
        assert_eq!(becomes.get(), r#""[\"\\\"\\\"\\\"\\\"\"]""#);
        let limit = becomes.get().len();
        assert!(ClassicFrame::parse(frame, 16, limit).is_ok());
        assert_eq!(ClassicFrame::parse(frame, 16, limit - 1).unwrap_err().code, ErrorCode::TooLarge);
    }

    #[test]
    fn what_the_original_ignored_is_a_refusal_that_says_why() {
        for bad in [
            "hi",
            "[]",
            r#"{"to":2,"content":"x"}"#,
            r#"{"msgType":10,"content":"x"}"#,
            r#"{"msgType":77,"to":2,"content":"x"}"#,
            r#"{"msgType":10,"to":"a b","content":"x"}"#,
            r#"{"msgType":10,"to":2.5,"content":"x"}"#,
            r#"[10,2,"x"]"#,
            r#"{"msgType":10,"to":2}"#,
        ] {
            assert!(ClassicFrame::parse(bad, 16, 100).is_err(), "{bad}");
        }
    }

    #[test]
    fn java_reads_integers_only() {
        assert!(is_java_readable(&message("1", Target::User("2".parse().unwrap()))));
        assert!(is_java_readable(&message("1", Target::Group(GroupId::everyone()))));
        assert!(!is_java_readable(&message("1", Target::User("two".parse().unwrap()))));
        assert!(!is_java_readable(&message("1", Target::User("02".parse().unwrap()))));
        let late = |time_ms| Message { time_ms, ..message("1", Target::User("2".parse().unwrap())) };
        assert!(is_java_readable(&late(i64::MAX as u64)));
        assert!(!is_java_readable(&late(i64::MAX as u64 + 1)), "Java has no such time");
    }
}
