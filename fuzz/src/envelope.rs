//! A body on the bus, from whomever.

use bytes::Bytes;
use serde_json::{Value, json};
use wire::classic;
use wire::envelope::{Arrival, Body, Delivery, Envelope, Eviction, Foreign, Head, Lane, MembersChange};
use wire::id::{MessageId, UserId};
use wire::message::{Message, Target};

use crate::json::{assert_readable, id_text, is_json};
use crate::names::is_id;

const SERVICE: &str = "demo";
/// As deep as what comes from elsewhere may nest.
const DEPTH_MAX: usize = 16;

/// What holds of all bytes.
pub fn check(data: &[u8]) {
    match Envelope::decode(&Bytes::copy_from_slice(data), SERVICE) {
        Ok(Arrival::Ours(envelope)) => {
            as_it_stands(data, &envelope);
            ours(&envelope);
        }
        Ok(Arrival::Foreign(foreign)) => theirs(data, &foreign),
        Err(_) => {}
    }
}

/// What was read is what a reader finds there that knows nothing of envelopes.
fn as_it_stands(data: &[u8], envelope: &Envelope) {
    let Some(body) = object(data) else { return };
    let tl = &body["tl"];
    let Envelope { service, origin, .. } = envelope;
    assert_eq!((tl["v"].as_u64(), tl["kind"].as_str()), (Some(1), Some(envelope.body.kind())), "{tl}");
    assert_eq!(
        (tl["service"].as_str(), tl["origin"].as_str()),
        (Some(&**service), Some(&*origin.to_string()))
    );
    assert_eq!(
        (&tl["at"], tl["hop"].as_u64().unwrap_or(0)),
        (&json!(envelope.at_ms), envelope.hop.into()),
        "{tl}"
    );
    let (stands, read) = match &envelope.body {
        Body::Message(delivery) | Body::Signal(delivery) => {
            assert!(data.windows(delivery.frame.len()).any(|part| part == delivery.frame), "not as it was");
            let frame = serde_json::from_slice::<Value>(&delivery.frame).unwrap_or_default();
            let Delivery { id, users, group, version, .. } = delivery;
            let id = id.as_ref().map(|id| id.as_str());
            (
                json!([tl["id"], ids(&tl["users"]), id_text(&tl["group"]), tl["version"], tl["frame"]]),
                json!([id, users, group, version, frame]),
            )
        }
        Body::Head(Head { conversation, head }) => {
            (json!([tl["conversation"], tl["head"]]), json!([conversation, head]))
        }
        Body::Evict(Eviction { user, session, code }) => {
            (json!([id_text(&tl["user"]), tl["session"], tl["code"]]), json!([user, session, code]))
        }
        Body::Members(MembersChange { group, version, joined, left }) => (
            json!([id_text(&tl["group"]), tl["version"], ids(&tl["joined"]), ids(&tl["left"])]),
            json!([group, version, joined, left]),
        ),
    };
    assert_eq!(stands, read, "{tl}");
}

/// The object that another reader finds; none where it reads less than ours, which carries numbers of any size.
fn object(data: &[u8]) -> Option<Value> {
    serde_json::from_slice::<Value>(data).ok().filter(Value::is_object)
}

fn ids(list: &Value) -> Vec<Option<String>> {
    list.as_array().into_iter().flatten().map(id_text).collect()
}

/// What was read can be sent on, and says the same at the next node.
fn ours(envelope: &Envelope) {
    let encoded = envelope.encode();
    let text = std::str::from_utf8(&encoded).unwrap_or_else(|error| panic!("{error}: {encoded:?}"));
    assert!(is_json(text), "no JSON: {text}");
    match Envelope::decode(&encoded, SERVICE) {
        Ok(Arrival::Ours(again)) => {
            assert_eq!(format!("{again:?}"), format!("{envelope:?}"));
            assert_eq!(again.encode(), encoded);
        }
        other => panic!("{other:?} was {text}"),
    }
    match &envelope.body {
        Body::Message(delivery) | Body::Signal(delivery) if envelope.lane() != Lane::Control => {
            for_java(text, &delivery.message().unwrap_or_else(|error| panic!("{error}: {text}")));
        }
        _ => {}
    }
    if let Some(copy) = envelope.encode_copy() {
        assert!(std::str::from_utf8(&copy).is_ok_and(is_json), "no JSON: {copy:?}");
    }
    if let Body::Message(delivery) | Body::Signal(delivery) = &envelope.body {
        delivered(delivery);
    }
}

/// Java reads text, whole numbers and nothing else; one message that it cannot read stops its consumer.
/// It reads what the clients of our own nodes do.
fn for_java(text: &str, message: &Message) {
    // What this parser refuses of JSON, lone halves of characters and huge numbers, is checked where it comes in, at a client's node.
    let Ok(body) = serde_json::from_str::<Value>(text) else { return };
    assert!(body["content"].is_string(), "content: {text}");
    for field in ["from", "to", "msgType", "time"] {
        assert!(body[field].is_i64(), "{field}: {text}");
    }
    let content = match serde_json::from_str(message.content.get()) {
        Ok(Value::String(content)) => content,
        _ => message.content.get().to_owned(),
    };
    let (msg_type, to) = match &message.to {
        Target::User(user) => (10, user.as_str()),
        Target::Group(group) if group.is_everyone() => (20, "0"),
        Target::Group(group) => (20, group.as_str()),
    };
    assert_eq!((&body["content"], &body["msgType"]), (&json!(content), &json!(msg_type)), "{text}");
    assert_eq!(
        (&body["time"], id_text(&body["to"])),
        (&json!(message.time_ms), Some(to.to_owned())),
        "{text}"
    );
    assert_eq!(id_text(&body["from"]).as_deref(), message.from.as_ref().map(UserId::as_str), "{text}");
}

/// The frame is pushed as it came, and read by whoever needs to know what it says.
fn delivered(delivery: &Delivery) {
    assert!(delivery.frame.starts_with(b"{"));
    let Ok(message) = delivery.message() else { return };
    for frame in [message.frame(), message.own_frame()] {
        let again = Message::parse(&frame, MessageId::mint(0, 0));
        let again = again.unwrap_or_else(|error| panic!("{error}: {frame:?}"));
        assert_eq!(
            (again.seq, again.message_id, again.time_ms),
            (message.seq, message.message_id, message.time_ms)
        );
        assert_eq!((&again.from, &again.to), (&message.from, &message.to));
        assert_eq!(again.content.get(), message.content.get());
    }
    let frame = classic::frame(&message);
    assert!(std::str::from_utf8(&frame).is_ok_and(is_json), "no JSON: {frame:?}");
}

/// What some other system says is pushed to clients: they must be able to read it, and it is what that one said.
fn theirs(data: &[u8], foreign: &Foreign) {
    if let Some(content) = &foreign.content {
        assert_readable(content.get(), DEPTH_MAX);
    }
    let Some(body) = object(data) else { return };
    let content =
        foreign.content.as_ref().map(|content| serde_json::from_str(content.get()).unwrap_or_default());
    assert_eq!(content.unwrap_or(Value::Null), body["content"], "{body}");
    assert_eq!(foreign.time_ms, body["time"].as_u64(), "{body}");
    // A fraction is handed on as it was written, and another reader has no text of it.
    if !body["to"].is_f64() {
        assert_eq!(foreign.to, id_text(&body["to"]), "{body}");
    }
    if !body["from"].is_f64() {
        let from = id_text(&body["from"]).filter(|from| is_id(from));
        assert_eq!(foreign.from.as_ref().map(UserId::as_str), from.as_deref(), "{body}");
    }
}
