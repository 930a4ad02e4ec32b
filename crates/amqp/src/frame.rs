//! Frames: a type, a channel, a length, what is in it, and a byte that ends it.

use bytes::{Buf, BufMut, Bytes, BytesMut};

/// The one channel of a link.
pub(crate) const CHANNEL: u16 = 1;
/// Type, channel and length.
const HEAD_BYTES: usize = 7;
/// What a frame has beside its content.
pub(crate) const AROUND_BYTES: usize = HEAD_BYTES + 1;
/// The last byte of every frame.
const END: u8 = 0xCE;

const METHOD: u8 = 1;
const HEADER: u8 = 2;
const BODY: u8 = 3;
const HEARTBEAT: u8 = 8;

/// A frame as it came.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Frame {
    /// A method, of the connection (channel 0) or of the channel.
    Method(u16, Bytes),
    /// The header of a content.
    Header(Bytes),
    /// A piece of a content.
    Body(Bytes),
    /// Nothing but that the broker lives.
    Heartbeat,
}

/// Takes a whole frame off the front of what was read; none where it is not all there yet.
pub(crate) fn take(read: &mut BytesMut, content_max: usize) -> Result<Option<Frame>, String> {
    let Some(mut head) = read.get(..HEAD_BYTES) else { return Ok(None) };
    if read.starts_with(b"AMQP") {
        return Err("the broker speaks another version of AMQP".to_owned());
    }
    let (kind, channel, length) = (head.get_u8(), head.get_u16(), head.get_u32());
    let length = usize::try_from(length).unwrap_or(usize::MAX);
    if length > content_max {
        return Err(format!("a frame of {length} bytes, which is more than was agreed upon"));
    }
    if read.len() < length + AROUND_BYTES {
        return Ok(None);
    }
    let mut frame = read.split_to(length + AROUND_BYTES).freeze();
    if frame.last() != Some(&END) {
        return Err("a frame without its end".to_owned());
    }
    frame.advance(HEAD_BYTES);
    frame.truncate(length);
    match kind {
        METHOD => Ok(Some(Frame::Method(channel, frame))),
        HEADER => Ok(Some(Frame::Header(frame))),
        BODY => Ok(Some(Frame::Body(frame))),
        HEARTBEAT => Ok(Some(Frame::Heartbeat)),
        other => Err(format!("a frame of type {other}")),
    }
}

/// Writes a method with its arguments.
pub(crate) fn put_method(
    out: &mut BytesMut,
    channel: u16,
    (class, method): (u16, u16),
    arguments: impl FnOnce(&mut BytesMut),
) {
    put(out, METHOD, channel, |out| {
        out.put_u16(class);
        out.put_u16(method);
        arguments(out);
    });
}

/// Writes the header of a content.
pub(crate) fn put_header(out: &mut BytesMut, content: impl FnOnce(&mut BytesMut)) {
    put(out, HEADER, CHANNEL, content);
}

/// Writes a content, in as many pieces as it takes.
pub(crate) fn put_body(out: &mut BytesMut, body: &[u8], frame_bytes_max: usize) {
    for piece in body.chunks(frame_bytes_max.saturating_sub(AROUND_BYTES).max(1)) {
        put(out, BODY, CHANNEL, |out| out.put_slice(piece));
    }
}

/// Writes that we live.
pub(crate) fn put_heartbeat(out: &mut BytesMut) {
    put(out, HEARTBEAT, 0, |_| {});
}

fn put(out: &mut BytesMut, kind: u8, channel: u16, content: impl FnOnce(&mut BytesMut)) {
    let at = out.len();
    out.put_u8(kind);
    out.put_u16(channel);
    out.put_u32(0);
    content(out);
    let length = (out.len() - at - HEAD_BYTES) as u32;
    if let Some(place) = out.get_mut(at + 3..at + HEAD_BYTES) {
        place.copy_from_slice(&length.to_be_bytes());
    }
    out.put_u8(END);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_method_is_written_as_the_specification_draws_it() {
        let mut out = BytesMut::new();
        put_method(&mut out, 1, (20, 10), |out| out.put_u8(0));
        assert_eq!(&out[..], b"\x01\0\x01\0\0\0\x05\0\x14\0\x0a\0\xce");
    }

    #[test]
    fn nonsense_is_refused() {
        for (bytes, why) in [
            (&b"AMQP\x00\x01\x00\x00"[..], "another version"),
            (b"\x01\0\x01\0\0\0\x01xx", "without its end"),
            (b"\x07\0\x01\0\0\0\0\xce", "type 7"),
            (b"\x01\0\x01\xff\xff\xff\xffx", "more than was agreed"),
        ] {
            let error = take(&mut BytesMut::from(bytes), 4096).unwrap_err();
            assert!(error.contains(why), "{error}");
        }
    }

    proptest! {
        #[test]
        fn a_body_comes_back_whole_however_it_is_cut(
            body in prop::collection::vec(any::<u8>(), 1..5_000), frame_max in 9_usize..600, cut in 1_usize..700,
        ) {
            let mut out = BytesMut::new();
            put_body(&mut out, &body, frame_max);
            put_heartbeat(&mut out);
            let (mut read, mut came, mut heartbeats) = (BytesMut::new(), Vec::new(), 0);
            for piece in out.chunks(cut) {
                read.extend_from_slice(piece);
                while let Some(frame) = take(&mut read, frame_max).unwrap() {
                    match frame {
                        Frame::Body(piece) => came.extend_from_slice(&piece),
                        Frame::Heartbeat => heartbeats += 1,
                        other => panic!("{other:?}"),
                    }
                }
            }
            prop_assert_eq!(came, body);
            prop_assert_eq!((heartbeats, read.len()), (1, 0));
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let mut read = BytesMut::from(&bytes[..]);
            while let Ok(Some(_)) = take(&mut read, 256) {}
        }
    }
}
