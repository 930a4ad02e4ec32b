//! A client's text frame, in both dialects.

use serde_json::{Map, Value, json};
use wire::Target;
use wire::classic::ClassicFrame;
use wire::frame::{BadFrame, ClientFrame, Range};
use wire::limits::{HAVE_ITEMS_MAX, HISTORY_ITEMS_MAX, SEQ_MAX};

use crate::json::{assert_readable, is_json};

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

/// A frame that was taken is a JSON object, within all limits, and means the same once it is written down again.
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
        ClientFrame::History { limit, .. } | ClientFrame::Conversations { limit, .. } => {
            assert!((1..=HISTORY_ITEMS_MAX).contains(limit));
        }
        ClientFrame::Hello { have: Some(have), .. } => {
            assert!(have.len() <= HAVE_ITEMS_MAX && have.iter().all(|(_, seq)| *seq <= SEQ_MAX));
        }
        _ => {}
    }
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

/// The older dialect carries text, and only text.
fn classic(text: &str) {
    let Ok(frame) = ClassicFrame::parse(text, DEPTH_MAX, CONTENT_BYTES_MAX) else { return };
    let content = serde_json::from_str::<String>(frame.content.get());
    assert!(content.is_ok(), "not a text: {}", frame.content);
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
            put("next", json!(next));
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
            put("token", json!(token));
            put("epoch", json!(epoch));
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
