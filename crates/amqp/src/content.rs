//! What is said of a content before it: its size and its properties.

use bytes::{BufMut, Bytes, BytesMut};

use crate::words::{Reader, Short, Words};

const BASIC: u16 = 60;

// The properties' flags, in the order in which they are written.
const CONTENT_TYPE: u16 = 1 << 15;
const CONTENT_ENCODING: u16 = 1 << 14;
const HEADERS: u16 = 1 << 13;
const DELIVERY_MODE: u16 = 1 << 12;
const PRIORITY: u16 = 1 << 11;
const CORRELATION_ID: u16 = 1 << 10;
const REPLY_TO: u16 = 1 << 9;
const EXPIRATION: u16 = 1 << 8;
const MESSAGE_ID: u16 = 1 << 7;

/// Survives a restart of the broker, in a queue that does.
const PERSISTENT: u8 = 2;

/// The properties of a message, those of them that are of use here.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Properties<'a> {
    /// Whether it outlives a restart of the broker, in a queue that does.
    pub persistent: bool,
    /// As in `application/json`.
    pub content_type: Option<&'a str>,
    /// The publisher's own name for it, by which a returned one is recognised.
    pub message_id: Option<&'a str>,
}

/// What is read of a content's header.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct ContentHeader {
    pub(crate) bytes: u64,
    pub(crate) message_id: Option<Bytes>,
}

pub(crate) fn put_header(out: &mut BytesMut, body_bytes: usize, properties: &Properties<'_>) {
    out.put_u16(BASIC);
    out.put_u16(0);
    out.put_u64(body_bytes as u64);
    let flag = |is_there: bool, flag: u16| if is_there { flag } else { 0 };
    out.put_u16(
        flag(properties.content_type.is_some(), CONTENT_TYPE)
            | flag(properties.persistent, DELIVERY_MODE)
            | flag(properties.message_id.is_some(), MESSAGE_ID),
    );
    if let Some(content_type) = properties.content_type {
        out.put_short(content_type);
    }
    if properties.persistent {
        out.put_u8(PERSISTENT);
    }
    if let Some(message_id) = properties.message_id {
        out.put_short(message_id);
    }
}

pub(crate) fn read_header(header: Bytes) -> Result<ContentHeader, Short> {
    let mut reader = Reader(header);
    let (_class, _weight, bytes, flags) = (reader.u16()?, reader.u16()?, reader.u64()?, reader.u16()?);
    let has = |flag: u16| flags & flag != 0;
    if !has(MESSAGE_ID) {
        return Ok(ContentHeader { bytes, message_id: None });
    }
    for flag in [CONTENT_TYPE, CONTENT_ENCODING] {
        if has(flag) {
            reader.short()?;
        }
    }
    if has(HEADERS) {
        reader.long()?;
    }
    for flag in [DELIVERY_MODE, PRIORITY] {
        if has(flag) {
            reader.u8()?;
        }
    }
    for flag in [CORRELATION_ID, REPLY_TO, EXPIRATION] {
        if has(flag) {
            reader.short()?;
        }
    }
    Ok(ContentHeader { bytes, message_id: Some(reader.short()?) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_id_is_found_behind_all_other_properties() {
        let mut out = BytesMut::new();
        out.put_slice(&[0, 60, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9]);
        out.put_u16(0xFFF8);
        out.put_short("text/plain");
        out.put_short("gzip");
        out.put_table(&[("h", crate::words::Value::Bool(false))]);
        out.put_slice(&[2, 5]);
        out.put_short("c");
        out.put_short("r");
        out.put_short("60000");
        out.put_short("the id");
        out.put_u64(1);
        let header = read_header(out.freeze()).unwrap();
        assert_eq!(header, ContentHeader { bytes: 9, message_id: Some("the id".into()) });
    }

    #[test]
    fn what_we_write_is_what_we_read() {
        for message_id in [None, Some("17")] {
            let properties =
                Properties { persistent: true, content_type: Some("application/json"), message_id };
            let mut out = BytesMut::new();
            put_header(&mut out, 12, &properties);
            let header = read_header(out.freeze()).unwrap();
            assert_eq!(header, ContentHeader { bytes: 12, message_id: message_id.map(Into::into) });
        }
        assert_eq!(read_header(Bytes::from_static(b"\0\x3c\0\0")), Err(Short));
    }
}
