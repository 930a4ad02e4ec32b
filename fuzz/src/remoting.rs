//! What a RocketMQ server answers: frames, stored messages, routes.
//!
//! The first byte says which of them the others are, the second in which pieces frames arrive.

use std::collections::BTreeMap;
use std::sync::Arc;

use rocketmq::fuzzing::{Decoded, cluster, frames, messages, route};
use rocketmq::{Message, Queue};
use serde_json::{Value, json};

/// Small, so that the limits are within a fuzzer's reach.
const FRAME_BYTES_MAX: usize = 4_096;
const INFLATED_BYTES_MAX: usize = 8_192;
/// As the crate promises; more queues are no route.
const ROUTE_QUEUES_MAX: usize = 16_384;

/// What holds of all bytes.
pub fn check(data: &[u8]) {
    let Some((&[kind, piece], bytes)) = data.split_first_chunk::<2>() else { return };
    match kind % 3 {
        0 => frame(bytes, usize::from(piece) % 13 + 1),
        1 => stored(bytes),
        _ => told(bytes),
    }
}

/// In pieces or at once, the same frames; each of them bounded, and the same again when it is written down.
fn frame(bytes: &[u8], piece: usize) {
    let (whole, broken, left) = frames(bytes, bytes.len(), FRAME_BYTES_MAX);
    let (pieces, broken_in_pieces, left_of_pieces) = frames(bytes, piece, FRAME_BYTES_MAX);
    assert_eq!((&whole, &broken), (&pieces, &broken_in_pieces), "in pieces of {piece}");
    if broken.is_none() {
        assert_eq!(left, left_of_pieces);
        assert!(left < 4 + FRAME_BYTES_MAX, "{left} bytes wait");
    }
    for frame in &whole {
        assert!(frame.5.len() <= FRAME_BYTES_MAX);
        let (again, broken, left) = frames(&written(frame), usize::MAX, usize::MAX);
        assert_eq!((again.as_slice(), broken, left), (std::slice::from_ref(frame), None, 0));
    }
}

/// A frame as a server could have written it.
fn written((code, opaque, is_response, remark, fields, body): &Decoded) -> Vec<u8> {
    let fields: BTreeMap<&String, &String> = fields.iter().map(|(name, value)| (name, value)).collect();
    let flag = i32::from(*is_response);
    let header =
        json!({ "code": code, "opaque": opaque, "flag": flag, "remark": remark, "extFields": fields })
            .to_string();
    let mut out = Vec::new();
    for length in [4 + header.len() + body.len(), header.len()] {
        out.extend(u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes());
    }
    out.extend(header.as_bytes());
    out.extend(body);
    out
}

/// Messages are as many and as large as their bytes allow, and the same again when they are written down.
fn stored(bytes: &[u8]) {
    let queue = Queue { topic: Arc::from("T"), broker: Arc::from("broker-a"), id: 3 };
    let (entries, _broken) = messages(bytes, &queue, INFLATED_BYTES_MAX);
    for entry in entries {
        match entry {
            Ok(message) => {
                assert!(message.body.len() <= bytes.len().max(INFLATED_BYTES_MAX));
                let (again, broken) = messages(&as_stored(&message), &queue, INFLATED_BYTES_MAX);
                assert_eq!((again, broken), (vec![Ok(message)], false));
            }
            Err(unreadable) => assert!(!unreadable.why.is_empty() && unreadable.queue == queue),
        }
    }
}

/// A message as a broker stores it, uncompressed and with short hosts.
fn as_stored(message: &Message) -> Vec<u8> {
    const MAGIC_V2: u32 = 0xDAA3_20AB;
    let properties: String =
        message.properties.iter().map(|(name, value)| format!("{name}\u{1}{value}\u{2}")).collect();
    let topic = message.queue.topic.as_bytes();
    let mut out = Vec::new();
    out.extend([0; 4]);
    out.extend(MAGIC_V2.to_be_bytes());
    out.extend([0; 4]);
    out.extend(message.queue.id.to_be_bytes());
    out.extend([0; 4]);
    out.extend(message.offset.to_be_bytes());
    out.extend([0; 8 + 4]);
    out.extend(message.born_ms.to_be_bytes());
    out.extend([0; 8]);
    out.extend(message.stored_ms.to_be_bytes());
    out.extend([0; 8 + 4 + 8]);
    out.extend(u32::try_from(message.body.len()).unwrap_or(u32::MAX).to_be_bytes());
    out.extend(&message.body);
    for text in [topic, properties.as_bytes()] {
        // What came in 16 bits of length can be longer here: each byte that was none became three.
        let length = text.len().min(usize::from(u16::MAX));
        out.extend(u16::try_from(length).unwrap_or(u16::MAX).to_be_bytes());
        out.extend(text.iter().take(length));
    }
    let total = u32::try_from(out.len()).unwrap_or(u32::MAX);
    out.splice(..4, total.to_be_bytes());
    out
}

/// A route is sorted and bounded; where the text was JSON already, it is read as every parser reads it.
fn told(bytes: &[u8]) {
    let read = route("T", bytes);
    if let Ok(route) = &read {
        for queues in [&route.writable, &route.readable] {
            assert!(queues.len() <= ROUTE_QUEUES_MAX && queues.is_sorted());
        }
    }
    let clusters = cluster(bytes);
    let Ok(value) = serde_json::from_slice::<Value>(bytes) else { return };
    let plain = value.to_string();
    if let Ok(read) = read {
        let numbered = |queues: &[Queue]| -> Vec<(String, u32)> {
            queues.iter().map(|queue| (queue.broker.to_string(), queue.id)).collect()
        };
        if let Some(expected) = queues(&value) {
            assert_eq!((numbered(&read.writable), numbered(&read.readable)), expected, "{plain}");
        }
        assert_eq!(route("T", plain.as_bytes()), Ok(read));
    }
    if clusters.is_ok() {
        assert_eq!(cluster(plain.as_bytes()), clusters);
    }
}

const PERM_READ: u64 = 4;
const PERM_WRITE: u64 = 2;

/// Queues by broker and number.
type Numbered = Vec<(String, u32)>;

/// The queues that a route has for another reader, those to write and those to read.
/// Only a master takes messages, and a broker without an address gives none; what is not written as objects is not asked about.
fn queues(route: &Value) -> Option<(Numbered, Numbered)> {
    let mut brokers: BTreeMap<&str, Vec<u64>> = BTreeMap::new();
    for broker in route.get("brokerDatas")?.as_array()? {
        let addresses = broker.as_object()?.get("brokerAddrs").and_then(Value::as_object);
        let ids = addresses.into_iter().flatten().filter_map(|(id, _)| id.parse().ok()).collect();
        brokers.insert(broker["brokerName"].as_str()?, ids);
    }
    let (mut writable, mut readable) = (Vec::new(), Vec::new());
    for data in route.get("queueDatas")?.as_array()? {
        let (name, perm) = (data.get("brokerName")?.as_str()?, data["perm"].as_u64()?);
        let Some(ids) = brokers.get(name) else { continue };
        let roads = [
            (&mut writable, "writeQueueNums", perm & PERM_WRITE != 0 && ids.contains(&0)),
            (&mut readable, "readQueueNums", perm & PERM_READ != 0 && !ids.is_empty()),
        ];
        for (queues, count, _) in roads.into_iter().filter(|(.., is_open)| *is_open) {
            let count = u32::try_from(data[count].as_u64()?).ok()?;
            queues.extend((0..count).map(|id| (name.to_owned(), id)));
        }
    }
    writable.sort();
    readable.sort();
    Some((writable, readable))
}
