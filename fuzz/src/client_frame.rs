//! A client's text frame, in both dialects.

use serde_json::{Map, Value, json};
use wire::Target;
use wire::classic::ClassicFrame;
use wire::frame::{BadFrame, ClientFrame, Range};
use wire::limits::{HAVE_ITEMS_MAX, HISTORY_ITEMS_MAX, PAGE_ITEMS_DEFAULT, SEQ_MAX};

use crate::json::{assert_readable, id_text, is_json};
use crate::names::{is_conversation, is_id, is_request_name};

const DEPTH_MAX: usize = 16;
const CONTENT_BYTES_MAX: usize = 200;

/// What holds of every text.
pub fn check(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    match ClientFrame::parse(text, DEPTH_MAX, CONTENT_BYTES_MAX) {
        Ok(frame) => taken(text, &frame),
        Err(bad) => refused(text, &bad),
    }
    classic(text);
}

/// A frame that was taken is a JSON object, within all limits, says what the text says to another reader too, and means the same once it
/// is written down again.
fn taken(text: &str, frame: &ClientFrame) {
    assert!(is_json(text) && text.trim_start().starts_with('{'), "no object: {text}");
    let content = match frame {
        ClientFrame::Send { content, .. } | ClientFrame::Signal { content, .. } => Some(content.get()),
        _ => None,
    };
    if let Some(content) = content {
        assert!(
            content.len() <= CONTENT_BYTES_MAX && text.contains(content),
            "not as it was written: {content}"
        );
        assert_readable(content, DEPTH_MAX);
    }
    match frame {
        ClientFrame::Read { seq, .. } => assert!(*seq <= SEQ_MAX),
        ClientFrame::History { limit, range, .. } => {
            assert!((1..=HISTORY_ITEMS_MAX).contains(limit));
            assert!(!matches!(range, Range::Before(seq) | Range::After(seq) if *seq > SEQ_MAX), "{range:?}");
        }
        ClientFrame::Conversations { limit, .. } => assert!((1..=HISTORY_ITEMS_MAX).contains(limit)),
        ClientFrame::Hello { have: Some(have), .. } => {
            assert!(have.len() <= HAVE_ITEMS_MAX && have.iter().all(|(_, seq)| *seq <= SEQ_MAX));
        }
        _ => {}
    }
    if let Ok(stands) = serde_json::from_str::<Value>(text) {
        assert_eq!(written(frame), as_it_stands(&stands), "{text}");
    }
    assert_named(&written(frame));
    if !content.is_some_and(|content| serde_json::from_str::<Value>(content).is_err()) {
        let again = written(frame).to_string();
        let read = ClientFrame::parse(&again, usize::MAX, usize::MAX);
        let read = read.unwrap_or_else(|bad| panic!("{again}: {bad:?}"));
        assert_eq!(written(&read), written(frame), "{again}");
    }
}

/// What is refused as a faulty request is a JSON object all the same, and what is refused as none is none, or nobody could tell which.
fn refused(text: &str, bad: &BadFrame) {
    let object = || is_json(text) && text.trim_start().starts_with('{');
    match bad {
        BadFrame::Faulty { reason, .. } => {
            assert!(object(), "faulty, and not an object: {text}");
            assert!(!reason.is_empty());
        }
        BadFrame::Alien { reason } if reason == "not a JSON object" => {
            assert!(!object(), "an object: {text}")
        }
        BadFrame::Alien { reason } => assert!(!reason.is_empty()),
    }
}

/// The fields of each request.
const FIELDS: [(&str, &[&str]); 8] = [
    ("send", &["to", "content", "signal"]),
    ("read", &["conversation", "seq"]),
    ("conversations", &["limit", "next"]),
    ("history", &["conversation", "limit", "before", "after"]),
    ("join", &["group"]),
    ("leave", &["group"]),
    ("hello", &["token", "epoch", "have"]),
    ("ping", &[]),
];

/// What a text says to a reader that knows nothing of requests: the fields of its type that are there, ids as text.
fn as_it_stands(text: &Value) -> Value {
    let of_type = FIELDS.iter().filter(|(kind, _)| text["type"] == *kind).flat_map(|(_, fields)| *fields);
    let mut fields = Map::new();
    for &name in ["type", "id"].iter().chain(of_type) {
        let value = match (name, &text[name]) {
            ("limit", Value::Null) => json!(PAGE_ITEMS_DEFAULT),
            ("to", Value::Object(to)) => {
                to.iter().map(|(kind, id)| (kind.clone(), json!(id_text(id)))).collect()
            }
            ("group", id) => json!(id_text(id)),
            ("signal", Value::Bool(false)) => Value::Null,
            (_, value) => value.clone(),
        };
        if name == "content" || !value.is_null() {
            fields.insert(name.to_owned(), value);
        }
    }
    Value::Object(fields)
}

/// Whatever is named has a name that the protocol allows.
fn assert_named(fields: &Value) {
    for (name, value) in fields.as_object().into_iter().flatten() {
        let text = value.as_str().unwrap_or_default();
        let is_named = match (name.as_str(), value) {
            ("id", _) => is_request_name(text),
            ("group", _) => is_id(text),
            ("conversation", _) => is_conversation(text),
            ("to", Value::Object(to)) => to.values().all(|id| id.as_str().is_some_and(is_id)),
            ("have", Value::Object(have)) => have.keys().all(|conversation| is_conversation(conversation)),
            _ => true,
        };
        assert!(is_named, "{name}: {value}");
    }
}

/// The older dialect carries text, and only text, to whom it says.
fn classic(text: &str) {
    let Ok(frame) = ClassicFrame::parse(text, DEPTH_MAX, CONTENT_BYTES_MAX) else { return };
    let content = serde_json::from_str::<String>(frame.content.get());
    let content = content.unwrap_or_else(|error| panic!("{error}: not a text: {}", frame.content));
    let Ok(stands) = serde_json::from_str::<Value>(text) else { return };
    match &stands["content"] {
        Value::String(text) => assert_eq!(&content, text),
        other => assert_eq!(&serde_json::from_str::<Value>(&content).unwrap_or_default(), other),
    }
    let (msg_type, to) = match &frame.to {
        Target::User(user) => ("10", user.as_str()),
        Target::Group(group) => ("20", group.as_str()),
    };
    assert!(is_id(to), "{to}");
    assert_eq!(id_text(&stands["msgType"]).as_deref(), Some(msg_type), "{text}");
    assert_eq!(id_text(&stands["to"]).as_deref(), Some(to), "{text}");
}

/// A frame as its client could have written it.
fn written(frame: &ClientFrame) -> Value {
    let mut fields = Map::new();
    let mut put = |name: &str, value: Value| _ = fields.insert(name.to_owned(), value);
    if let Some(id) = frame.id() {
        put("id", json!(id));
    }
    match frame {
        ClientFrame::Send { to, content, .. } | ClientFrame::Signal { to, content, .. } => {
            put("type", json!("send"));
            put("to", target(to));
            put("content", serde_json::from_str(content.get()).unwrap_or(Value::Null));
            if matches!(frame, ClientFrame::Signal { .. }) {
                put("signal", json!(true));
            }
        }
        ClientFrame::Read { conversation, seq, .. } => {
            put("type", json!("read"));
            put("conversation", json!(conversation));
            put("seq", json!(seq));
        }
        ClientFrame::Conversations { limit, next, .. } => {
            put("type", json!("conversations"));
            put("limit", json!(limit));
            next.iter().for_each(|next| put("next", json!(next)));
        }
        ClientFrame::History { conversation, range, limit, .. } => {
            put("type", json!("history"));
            put("conversation", json!(conversation));
            put("limit", json!(limit));
            match range {
                Range::Latest => {}
                Range::Before(seq) => put("before", json!(seq)),
                Range::After(seq) => put("after", json!(seq)),
            }
        }
        ClientFrame::Join { group, .. } => {
            put("type", json!("join"));
            put("group", json!(group));
        }
        ClientFrame::Leave { group, .. } => {
            put("type", json!("leave"));
            put("group", json!(group));
        }
        ClientFrame::Hello { token, epoch, have, .. } => {
            put("type", json!("hello"));
            token.iter().for_each(|token| put("token", json!(token)));
            epoch.iter().for_each(|epoch| put("epoch", json!(epoch)));
            if let Some(have) = have {
                let have = have.iter().map(|(conversation, seq)| (conversation.to_string(), json!(seq)));
                put("have", Value::Object(have.collect()));
            }
        }
        ClientFrame::Ping { .. } => put("type", json!("ping")),
    }
    Value::Object(fields)
}

fn target(to: &Target) -> Value {
    match to {
        Target::User(user) => json!({ "user": user }),
        Target::Group(group) => json!({ "group": group }),
    }
}
