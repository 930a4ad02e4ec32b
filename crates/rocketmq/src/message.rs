//! A message as it is received, and how the broker's stored form is read.
//!
//! Reading never panics, never inflates beyond the given limit, and loses nothing silently:
//! what cannot be read comes out as [`Unreadable`] with its offset.

use std::sync::Arc;

use bytes::{Buf, Bytes};

use crate::{Properties, Queue, inflate, properties};

/// A received message.
///
/// Its body shares the memory of the pull that brought it, with up to 63 neighbours: copy what is kept for long.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Where it lay.
    pub queue: Queue,
    /// Its place in that queue.
    pub offset: i64,
    /// When its producer made it, in milliseconds since 1970, by the producer's clock.
    pub born_ms: i64,
    /// When the broker stored it, in milliseconds since 1970, by the broker's clock.
    pub stored_ms: i64,
    /// Its properties, tag and keys among them.
    pub properties: Properties,
    /// Its content, inflated.
    pub body: Bytes,
}

/// A message that is there but cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unreadable {
    /// Where it lies.
    pub queue: Queue,
    /// Its place in that queue.
    pub offset: i64,
    /// Why it cannot be read.
    pub why: String,
}

impl Message {
    /// The tag, if it has one.
    pub fn tag(&self) -> Option<&str> {
        self.properties.get(properties::TAGS)
    }

    /// The keys, which are separated by spaces; empty without any.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        self.properties.get(properties::KEYS).unwrap_or_default().split_whitespace()
    }

    /// The id that its producer, or else the broker, gave it; Java shows it as `msgId`.
    pub fn unique_key(&self) -> Option<&str> {
        self.properties.get(properties::UNIQUE_KEY)
    }
}

/// What a pull brought.
#[derive(Debug, Default)]
pub(crate) struct Pulled {
    pub(crate) entries: Vec<Result<Message, Unreadable>>,
    /// The bytes after the entries are no messages; nothing behind them can be found.
    pub(crate) broken: bool,
}

const MAGIC_V1: u32 = 0xDAA3_20A7;
const MAGIC_V2: u32 = 0xDAA3_20AB;
/// Everything but hosts, body, topic and properties.
const FIXED_BYTES: usize = 4 + 4 + 4 + 4 + 4 + 8 + 8 + 4 + 8 + 8 + 4 + 8;
const OFFSET_AT: usize = 20;

const COMPRESSED: u32 = 1;
const BORN_HOST_IS_V6: u32 = 1 << 4;
const STORE_HOST_IS_V6: u32 = 1 << 5;
/// Several messages stored as one; only topics of a special kind have them.
const INNER_BATCH: u32 = 1 << 6 | 1 << 7;

/// Reads the body of a pull's answer.
pub(crate) fn decode(mut stored: Bytes, queue: &Queue, inflated_bytes_max: usize) -> Pulled {
    let mut pulled = Pulled::default();
    while !stored.is_empty() {
        let total = stored.first_chunk::<4>().map(|total| u32::from_be_bytes(*total) as usize);
        let Some(total) = total.filter(|total| (FIXED_BYTES..=stored.len()).contains(total)) else {
            pulled.broken = true;
            break;
        };
        let one = stored.split_to(total);
        let offset = (&one[OFFSET_AT..]).get_i64();
        pulled.entries.push(decode_one(one, queue, inflated_bytes_max).map_err(|why| Unreadable {
            queue: queue.clone(),
            offset,
            why,
        }));
    }
    pulled
}

fn decode_one(mut stored: Bytes, queue: &Queue, inflated_bytes_max: usize) -> Result<Message, String> {
    stored.advance(4);
    let magic = stored.get_u32();
    stored.advance(4); // the checksum of the body: TCP has its own
    let id = stored.get_u32();
    stored.advance(4); // the producer's flag: no meaning in the protocol
    let offset = stored.get_i64();
    stored.advance(8); // the place in the broker's log
    let flags = stored.get_u32();
    let born_ms = stored.get_i64();
    skip(&mut stored, host_bytes(flags & BORN_HOST_IS_V6 != 0))?;
    let stored_ms = take(&mut stored, 8)?.get_i64();
    skip(&mut stored, host_bytes(flags & STORE_HOST_IS_V6 != 0))?;
    skip(&mut stored, 4 + 8)?; // redeliveries, and the place of a prepared transaction
    let body_bytes = take(&mut stored, 4)?.get_u32() as usize;
    let body = take(&mut stored, body_bytes)?;
    let topic_bytes = match magic {
        MAGIC_V1 => usize::from(take(&mut stored, 1)?.get_u8()),
        MAGIC_V2 => usize::from(take(&mut stored, 2)?.get_u16()),
        other => return Err(format!("its format {other:#x} is not known")),
    };
    let topic = take(&mut stored, topic_bytes)?;
    let properties_bytes = usize::from(take(&mut stored, 2)?.get_u16());
    let properties = Properties::parse(&take(&mut stored, properties_bytes)?);
    if flags & INNER_BATCH != 0 {
        return Err("it is several messages stored as one".to_owned());
    }
    let body = if flags & COMPRESSED == 0 {
        body
    } else {
        inflate::inflate(&body, inflate::Format::of(flags)?, inflated_bytes_max)?
    };
    let topic = if *topic == *queue.topic.as_bytes() {
        Arc::clone(&queue.topic)
    } else {
        Arc::from(String::from_utf8_lossy(&topic))
    };
    let queue = Queue { topic, broker: Arc::clone(&queue.broker), id };
    Ok(Message { queue, offset, born_ms, stored_ms, properties, body })
}

/// An address and a port of four bytes.
fn host_bytes(is_v6: bool) -> usize {
    if is_v6 { 20 } else { 8 }
}

fn take(bytes: &mut Bytes, count: usize) -> Result<Bytes, String> {
    if count > bytes.len() {
        return Err("it is shorter than its own lengths say".to_owned());
    }
    Ok(bytes.split_to(count))
}

fn skip(bytes: &mut Bytes, count: usize) -> Result<(), String> {
    take(bytes, count).map(drop)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use bytes::{BufMut, BytesMut};
    use proptest::prelude::*;

    use super::*;

    const INFLATED_MAX: usize = 64 * 1024;

    struct Stored<'a> {
        magic: u32,
        flags: u32,
        offset: i64,
        body: &'a [u8],
        properties: &'a [u8],
    }

    impl Default for Stored<'_> {
        fn default() -> Self {
            Self {
                magic: MAGIC_V1,
                flags: 0,
                offset: 7,
                body: b"hello",
                properties: b"TAGS\x01a\x02KEYS\x01k1 k2\x02",
            }
        }
    }

    impl Stored<'_> {
        fn bytes(&self) -> BytesMut {
            let mut out = BytesMut::new();
            out.put_u32(0);
            out.put_u32(self.magic);
            out.put_u32(0);
            out.put_u32(3);
            out.put_u32(0);
            out.put_i64(self.offset);
            out.put_i64(4096);
            out.put_u32(self.flags);
            out.put_i64(1_690_000_000_000);
            out.put_bytes(1, host_bytes(self.flags & BORN_HOST_IS_V6 != 0));
            out.put_i64(1_690_000_000_005);
            out.put_bytes(2, host_bytes(self.flags & STORE_HOST_IS_V6 != 0));
            out.put_bytes(0, 12);
            out.put_u32(self.body.len() as u32);
            out.put_slice(self.body);
            if self.magic == MAGIC_V2 {
                out.put_u16(1);
            } else {
                out.put_u8(1);
            }
            out.put_slice(b"T");
            out.put_u16(self.properties.len() as u16);
            out.put_slice(self.properties);
            let total = out.len() as u32;
            out[..4].copy_from_slice(&total.to_be_bytes());
            out
        }
    }

    fn queue() -> Queue {
        Queue { topic: "T".into(), broker: "broker-a".into(), id: 3 }
    }

    fn read(bytes: impl Into<Bytes>) -> Pulled {
        decode(bytes.into(), &queue(), INFLATED_MAX)
    }

    fn deflated(body: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(body).expect("memory");
        encoder.finish().expect("memory")
    }

    fn why(pulled: &Pulled) -> &str {
        &pulled.entries[0].as_ref().expect_err("unreadable").why
    }

    #[test]
    fn every_field_of_both_formats_and_of_both_kinds_of_address_is_read() {
        for magic in [MAGIC_V1, MAGIC_V2] {
            for flags in [0, BORN_HOST_IS_V6, STORE_HOST_IS_V6, BORN_HOST_IS_V6 | STORE_HOST_IS_V6] {
                let pulled = read(Stored { magic, flags, ..Stored::default() }.bytes());
                assert!(!pulled.broken);
                let message = pulled.entries[0].as_ref().expect("readable");
                assert_eq!((&message.queue, message.offset), (&queue(), 7));
                assert_eq!((message.born_ms, message.stored_ms), (1_690_000_000_000, 1_690_000_000_005));
                assert_eq!(message.body, "hello");
                assert_eq!(message.tag(), Some("a"));
                assert_eq!(message.keys().collect::<Vec<_>>(), ["k1", "k2"]);
            }
        }
    }

    #[test]
    fn a_zlib_body_of_java_is_inflated_with_either_mark() {
        let body = b"long ".repeat(1000);
        let small = deflated(&body);
        for flags in [0x1, 0x301] {
            let pulled = read(Stored { flags, body: &small, ..Stored::default() }.bytes());
            assert_eq!(pulled.entries[0].as_ref().expect("readable").body, body);
        }
    }

    #[test]
    fn a_zlib_bomb_is_unreadable_and_its_neighbours_are_not() {
        let bomb = deflated(&vec![0; INFLATED_MAX + 1]);
        let fits = deflated(&vec![0; INFLATED_MAX]);
        let mut bytes = Stored { offset: 1, ..Stored::default() }.bytes();
        bytes.extend(Stored { offset: 2, flags: 0x301, body: &bomb, ..Stored::default() }.bytes());
        bytes.extend(Stored { offset: 3, flags: 0x301, body: &fits, ..Stored::default() }.bytes());
        let pulled = read(bytes);
        assert!(!pulled.broken);
        assert_eq!(pulled.entries[0].as_ref().expect("readable").offset, 1);
        let unreadable = pulled.entries[1].as_ref().expect_err("too large");
        assert_eq!((unreadable.offset, &unreadable.queue), (2, &queue()));
        assert!(unreadable.why.contains("65536"), "{}", unreadable.why);
        assert_eq!(pulled.entries[2].as_ref().expect("readable").body.len(), INFLATED_MAX);
    }

    #[test]
    fn compression_that_we_do_not_know_broken_zlib_and_inner_batches_say_so() {
        let lz4 = read(Stored { flags: 0x101, ..Stored::default() }.bytes());
        assert!(why(&lz4).contains("LZ4"));
        let zstd = read(Stored { flags: 0x201, ..Stored::default() }.bytes());
        assert!(why(&zstd).contains("ZSTD"));
        let broken = read(Stored { flags: 0x301, ..Stored::default() }.bytes());
        assert!(why(&broken).contains("zlib"));
        let cut = deflated(&b"long ".repeat(1000));
        let cut = read(Stored { flags: 0x301, body: &cut[..cut.len() / 2], ..Stored::default() }.bytes());
        assert!(why(&cut).contains("zlib"));
        let batch = read(Stored { flags: 1 << 6, ..Stored::default() }.bytes());
        assert!(why(&batch).contains("several"));
        let magic = read(Stored { magic: 5, ..Stored::default() }.bytes());
        assert!(why(&magic).contains("0x5"));
    }

    #[test]
    fn a_truncated_answer_gives_its_whole_messages_and_says_that_the_rest_is_broken() {
        let whole = Stored::default().bytes();
        let two = [&whole[..], &whole[..]].concat();
        for cut in whole.len() + 1..two.len() {
            let pulled = read(two[..cut].to_vec());
            assert_eq!((pulled.entries.len(), pulled.broken), (1, true), "cut at {cut}");
        }
    }

    #[test]
    fn lengths_inside_a_message_that_lie_make_it_unreadable_only() {
        let good = Stored::default().bytes();
        let body_length_at = good.len() - 5 - 1 - 1 - 2 - Stored::default().properties.len() - 4;
        for lie in [6_u32, 1000, u32::MAX] {
            let mut bad = good.clone();
            bad[body_length_at..body_length_at + 4].copy_from_slice(&lie.to_be_bytes());
            bad.extend_from_slice(&good);
            let pulled = read(bad);
            assert_eq!(pulled.entries.len(), 2);
            assert!(pulled.entries[0].is_err() && pulled.entries[1].is_ok(), "{lie}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_reader_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            read(bytes);
        }

        #[test]
        fn a_message_with_changed_bytes_never_panics(
            flags in any::<u32>(), at in 0_usize..110, to in any::<u8>(),
        ) {
            let mut bytes = Stored { flags: flags & 0x7ff, ..Stored::default() }.bytes();
            let at = at.min(bytes.len() - 1);
            bytes[at] = to;
            read(bytes);
        }
    }
}
