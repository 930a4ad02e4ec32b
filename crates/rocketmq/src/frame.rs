//! One frame of the remoting protocol: a length, a JSON header, a body.
//!
//! Decoding never panics and never allocates more than `frame_bytes_max`, whatever the bytes are.
//! The protocol's other header format ("ROCKETMQ", binary) is refused: a server answers in the format it was asked in.

use std::collections::BTreeMap;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use serde::{Deserialize, Serialize, Serializer, ser::SerializeMap};
use serde_json::Value;

use crate::limits::HEADER_BYTES_MAX;

/// A request to be written.
#[derive(Debug, Clone, Default)]
pub(crate) struct Request {
    pub(crate) code: i32,
    pub(crate) fields: Vec<(&'static str, String)>,
    pub(crate) body: Bytes,
}

/// A frame as it was read.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Frame {
    pub(crate) code: i32,
    pub(crate) opaque: i32,
    /// False: the server asks us something (it does, of consumers that share a group).
    pub(crate) is_response: bool,
    pub(crate) remark: String,
    pub(crate) fields: BTreeMap<String, String>,
    pub(crate) body: Bytes,
}

/// Why bytes are no frame; the connection that brought them cannot be used any more.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BrokenFrame {
    #[error("a frame of {bytes} bytes, where {bytes_max} are allowed")]
    TooLarge { bytes: usize, bytes_max: usize },
    #[error("a frame whose header does not fit into it")]
    HeaderLength,
    #[error("a frame whose header is in format {0}, not JSON")]
    HeaderFormat(u8),
    #[error("a frame whose header is not the JSON of the protocol")]
    Header,
}

/// The version that Java's 5.x clients send; from it on, name servers write JSON that is JSON.
const PROTOCOL_VERSION: i32 = 475;
const RESPONSE_FLAG: i64 = 1;
const LENGTH_BYTES: usize = 4;

impl Request {
    pub(crate) fn new(code: i32) -> Self {
        Self { code, ..Self::default() }
    }

    pub(crate) fn field(mut self, name: &'static str, value: impl ToString) -> Self {
        self.fields.push((name, value.to_string()));
        self
    }

    pub(crate) fn body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self
    }

    /// The bytes of this request under the given number; its answer will carry the same.
    pub(crate) fn encode(&self, opaque: i32) -> serde_json::Result<Bytes> {
        let header = serde_json::to_vec(&HeaderOut {
            code: self.code,
            language: "OTHER",
            version: PROTOCOL_VERSION,
            opaque,
            flag: 0,
            ext_fields: Fields(&self.fields),
            serialize_type_current_rpc: "JSON",
        })?;
        let total = LENGTH_BYTES + header.len() + self.body.len();
        let mut out = BytesMut::with_capacity(LENGTH_BYTES + total);
        out.put_u32(u32::try_from(total).unwrap_or(u32::MAX));
        out.put_u32(u32::try_from(header.len()).unwrap_or(u32::MAX));
        out.put_slice(&header);
        out.put_slice(&self.body);
        Ok(out.freeze())
    }
}

impl Frame {
    /// Takes the next whole frame out of the buffer; `None` while it is not all there.
    pub(crate) fn decode(buffer: &mut BytesMut, frame_bytes_max: usize) -> Result<Option<Self>, BrokenFrame> {
        let Some(length) = buffer.first_chunk::<LENGTH_BYTES>() else { return Ok(None) };
        let length = u32::from_be_bytes(*length) as usize;
        if length > frame_bytes_max {
            return Err(BrokenFrame::TooLarge { bytes: length, bytes_max: frame_bytes_max });
        }
        if length < LENGTH_BYTES {
            return Err(BrokenFrame::HeaderLength);
        }
        if buffer.len() < LENGTH_BYTES + length {
            return Ok(None);
        }
        let mut frame = buffer.split_to(LENGTH_BYTES + length).freeze();
        frame.advance(LENGTH_BYTES);
        let marked = frame.get_u32();
        let (format, header_bytes) = ((marked >> 24) as u8, (marked & 0x00ff_ffff) as usize);
        if format != 0 {
            return Err(BrokenFrame::HeaderFormat(format));
        }
        if header_bytes > frame.len() || header_bytes > HEADER_BYTES_MAX {
            return Err(BrokenFrame::HeaderLength);
        }
        let header = frame.split_to(header_bytes);
        let header: HeaderIn = serde_json::from_slice(&header).map_err(|_| BrokenFrame::Header)?;
        Ok(Some(Self {
            code: header.code,
            opaque: header.opaque,
            is_response: header.flag & RESPONSE_FLAG != 0,
            remark: header.remark.unwrap_or_default(),
            fields: header.ext_fields.unwrap_or_default().into_iter().map(text).collect(),
            body: frame,
        }))
    }

    pub(crate) fn number(&self, field: &str) -> Option<i64> {
        self.fields.get(field)?.parse().ok()
    }
}

/// Servers write field values as strings; other clients of the protocol accept numbers too.
fn text((name, value): (String, Value)) -> (String, String) {
    match value {
        Value::String(value) => (name, value),
        other => (name, other.to_string()),
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct HeaderOut<'a> {
    code: i32,
    language: &'static str,
    version: i32,
    opaque: i32,
    flag: i32,
    ext_fields: Fields<'a>,
    #[serde(rename = "serializeTypeCurrentRPC")]
    serialize_type_current_rpc: &'static str,
}

struct Fields<'a>(&'a [(&'static str, String)]);

impl Serialize for Fields<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (name, value) in self.0 {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct HeaderIn {
    code: i32,
    opaque: i32,
    flag: i64,
    remark: Option<String>,
    ext_fields: Option<BTreeMap<String, Value>>,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MAX: usize = 1 << 20;

    fn raw(marked_header_bytes: u32, header: &[u8], body: &[u8]) -> BytesMut {
        let mut out = BytesMut::new();
        out.put_u32((4 + header.len() + body.len()) as u32);
        out.put_u32(marked_header_bytes);
        out.put_slice(header);
        out.put_slice(body);
        out
    }

    fn answer(header: &str, body: &[u8]) -> BytesMut {
        raw(header.len() as u32, header.as_bytes(), body)
    }

    #[test]
    fn a_request_is_read_back_with_number_fields_and_body() {
        let request = Request::new(310).field("a", "group").field("e", 3).body(&b"hello"[..]);
        let mut bytes = BytesMut::from(&request.encode(77).expect("json")[..]);
        let frame = Frame::decode(&mut bytes, MAX).expect("a frame").expect("whole");
        assert_eq!((frame.code, frame.opaque, frame.is_response), (310, 77, false));
        assert_eq!(frame.fields["a"], "group");
        assert_eq!(frame.number("e"), Some(3));
        assert_eq!(frame.number("a"), None);
        assert_eq!(frame.body, "hello");
        assert!(bytes.is_empty());
    }

    #[test]
    fn a_frame_that_arrives_byte_by_byte_is_taken_when_whole_and_leaves_what_follows() {
        let first = answer(r#"{"code":0,"flag":1,"opaque":1,"extFields":{"n":5}}"#, b"one");
        let second = answer(r#"{"code":17,"flag":1,"opaque":2,"remark":"no"}"#, b"");
        let all = [&first[..], &second[..]].concat();
        let mut buffer = BytesMut::new();
        let mut seen = Vec::new();
        for byte in all {
            buffer.put_u8(byte);
            seen.extend(Frame::decode(&mut buffer, MAX).expect("fine"));
        }
        assert_eq!(seen.len(), 2);
        assert_eq!((seen[0].opaque, &seen[0].body[..], seen[0].number("n")), (1, &b"one"[..], Some(5)));
        assert_eq!((seen[1].code, seen[1].remark.as_str()), (17, "no"));
    }

    #[test]
    fn malformed_frames_are_told_apart_and_none_is_waited_for() {
        let header = br#"{"code":0,"flag":1,"opaque":1}"#;
        let cases = [
            (raw(u32::MAX >> 8, header, b""), BrokenFrame::HeaderLength),
            (raw(header.len() as u32 + 1, header, b""), BrokenFrame::HeaderLength),
            (raw(1 << 24 | header.len() as u32, header, b""), BrokenFrame::HeaderFormat(1)),
            (answer("not json", b""), BrokenFrame::Header),
            (answer("{}", b""), BrokenFrame::Header),
            (answer(r#"{"code":"0","flag":1,"opaque":1}"#, b""), BrokenFrame::Header),
            (answer(r#"{"code":0,"flag":1,"opaque":99999999999}"#, b""), BrokenFrame::Header),
            (BytesMut::from(&[0, 0, 0, 0][..]), BrokenFrame::HeaderLength),
            (BytesMut::from(&[0, 0, 0, 3, 0, 0, 0][..]), BrokenFrame::HeaderLength),
        ];
        for (mut bytes, expected) in cases {
            assert_eq!(Frame::decode(&mut bytes, MAX), Err(expected));
        }
    }

    #[test]
    fn an_oversized_frame_is_refused_by_its_length_before_it_is_read() {
        let mut bytes = BytesMut::from(&[0x7f, 0xff, 0xff, 0xff][..]);
        assert_eq!(
            Frame::decode(&mut bytes, MAX),
            Err(BrokenFrame::TooLarge { bytes: 0x7fff_ffff, bytes_max: MAX })
        );
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_decoder_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let mut buffer = BytesMut::from(&bytes[..]);
            while let Ok(Some(_)) = Frame::decode(&mut buffer, MAX) {}
        }

        #[test]
        fn a_frame_with_one_changed_byte_never_panics(at in 0_usize..60, to in any::<u8>()) {
            let mut bytes = answer(r#"{"code":0,"flag":1,"opaque":1,"extFields":{"n":"5"}}"#, b"body");
            bytes[at] = to;
            while let Ok(Some(_)) = Frame::decode(&mut bytes, MAX) {}
        }
    }
}
