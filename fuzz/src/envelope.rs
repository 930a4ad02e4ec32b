//! A body on the bus, from whomever.

use bytes::Bytes;
use serde_json::Value;
use wire::classic;
use wire::envelope::{Arrival, Body, Delivery, Envelope, Foreign, Lane};
use wire::id::MessageId;
use wire::message::Message;

use crate::json::{assert_readable, is_json};

const SERVICE: &str = "demo";
/// As deep as what comes from elsewhere may nest.
const DEPTH_MAX: usize = 16;

/// What holds of all bytes.
pub fn check(data: &[u8]) {
    match Envelope::decode(&Bytes::copy_from_slice(data), SERVICE) {
        Ok(Arrival::Ours(envelope)) => ours(&envelope),
        Ok(Arrival::Foreign(foreign)) => theirs(&foreign),
        Err(_) => {}
    }
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
    if envelope.lane() != Lane::Control {
        for_java(text);
    }
    if let Some(copy) = envelope.encode_copy() {
        assert!(std::str::from_utf8(&copy).is_ok_and(is_json), "no JSON: {copy:?}");
    }
    if let Body::Message(delivery) | Body::Signal(delivery) = &envelope.body {
        delivered(delivery);
    }
}

/// Java reads text, whole numbers and nothing else; one message that it cannot read stops its consumer.
fn for_java(text: &str) {
    // What this parser refuses of JSON, lone halves of characters and huge numbers, is checked where it comes in, at a client's node.
    let Ok(body) = serde_json::from_str::<Value>(text) else { return };
    assert!(body["content"].is_string(), "content: {text}");
    for field in ["from", "to", "msgType", "time"] {
        assert!(body[field].is_i64(), "{field}: {text}");
    }
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

/// What some other system says is pushed to clients: they must be able to read it.
fn theirs(foreign: &Foreign) {
    if let Some(content) = &foreign.content {
        assert_readable(content.get(), DEPTH_MAX);
    }
}
