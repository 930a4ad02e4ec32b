//! The decoders, for those who throw bytes at them; no part of what this crate promises.

use bytes::BytesMut;

use crate::frame::Frame;
use crate::{Message, Queue, TopicRoute, Unreadable, message, route};

/// A frame as it was read: code, number, whether it answers, remark, fields in the order of their names, body.
pub type Decoded = (i32, i32, bool, String, Vec<(String, String)>, Vec<u8>);

/// Reads frames from bytes that arrive in pieces; with what stopped it, and how many bytes are left.
pub fn frames(
    bytes: &[u8],
    piece_bytes: usize,
    frame_bytes_max: usize,
) -> (Vec<Decoded>, Option<String>, usize) {
    let mut buffer = BytesMut::new();
    let mut frames = Vec::new();
    for piece in bytes.chunks(piece_bytes.max(1)) {
        buffer.extend_from_slice(piece);
        loop {
            match Frame::decode(&mut buffer, frame_bytes_max) {
                Ok(Some(frame)) => frames.push((
                    frame.code,
                    frame.opaque,
                    frame.is_response,
                    frame.remark,
                    frame.fields.into_iter().collect(),
                    frame.body.to_vec(),
                )),
                Ok(None) => break,
                Err(broken) => return (frames, Some(broken.to_string()), buffer.len()),
            }
        }
    }
    (frames, None, buffer.len())
}

/// Reads what a pull brought, and whether its end could not be read.
pub fn messages(
    stored: &[u8],
    queue: &Queue,
    inflated_bytes_max: usize,
) -> (Vec<Result<Message, Unreadable>>, bool) {
    let pulled = message::decode(stored.to_vec().into(), queue, inflated_bytes_max);
    (pulled.entries, pulled.broken)
}

/// Reads what a name server says of a topic.
pub fn route(topic: &str, body: &[u8]) -> Result<TopicRoute, String> {
    TopicRoute::parse(topic, body)
}

/// Reads what a name server says of its clusters: the names of their brokers.
pub fn cluster(body: &[u8]) -> Result<Vec<String>, String> {
    Ok(route::parse_cluster(body)?.into_keys().map(|name| name.to_string()).collect())
}
