//! The bytes of a client's socket.
//!
//! The first byte says in which pieces the others arrive.
//! The library `tungstenite` reads the same bytes and must see the same messages; it is laxer in one point, which is named below.

use std::io::{self, Read, Write};

use node::session::codec::{Decoder, Fault, Incoming, close_frame, pong_frame, text_frame};
use tungstenite::protocol::frame::coding::CloseCode;
use tungstenite::protocol::{Role, WebSocketConfig, WebSocketContext};
use tungstenite::{Error, Message};

/// Small, so that the limit is within a fuzzer's reach.
const MESSAGE_BYTES_MAX: usize = 300;

/// Registered with IANA as "bad gateway" after RFC 6455; the library does not know it and puts its own 1002 in the place.
const BAD_GATEWAY: u16 = 1014;

/// What holds of all bytes.
pub fn check(data: &[u8]) {
    let Some((&piece, bytes)) = data.split_first() else { return };
    let (whole, fault) = decode(bytes, bytes.len().max(1));
    let pieces = decode(bytes, usize::from(piece) % 17 + 1);
    assert_eq!((&whole, fault), (&pieces.0, pieces.1), "in pieces of {}", piece % 17 + 1);
    for incoming in &whole {
        bounded(incoming);
    }
    let messages: Vec<&Incoming> =
        whole.iter().filter(|incoming| !matches!(incoming, Incoming::Fragment { .. })).collect();
    compared(bytes, &messages, fault);
}

/// What comes out, and the fault that ends it.
fn decode(bytes: &[u8], piece: usize) -> (Vec<Incoming>, Option<Fault>) {
    let mut decoder = Decoder::new(MESSAGE_BYTES_MAX);
    let mut out = Vec::new();
    for piece in bytes.chunks(piece) {
        decoder.feed(piece);
        loop {
            match decoder.next_incoming() {
                // Whoever holds a decoder closes on either, and reads nothing more.
                Ok(Some(Incoming::Close(code))) => {
                    out.push(Incoming::Close(code));
                    return (out, None);
                }
                Ok(Some(incoming)) => out.push(incoming),
                Ok(None) => break,
                Err(fault) => return (out, Some(fault)),
            }
        }
    }
    (out, None)
}

/// Nothing is longer than it may be, and what is answered is read back as it was meant.
fn bounded(incoming: &Incoming) {
    match incoming {
        Incoming::Text(text) => {
            assert!(text.len() <= MESSAGE_BYTES_MAX);
            assert_eq!(read_by_a_client(&text_frame(text.as_bytes())), Message::text(text.as_str()));
        }
        Incoming::Binary(payload) => assert!(payload.len() <= MESSAGE_BYTES_MAX),
        Incoming::Ping(payload) => {
            assert!(payload.len() <= 125);
            assert_eq!(read_by_a_client(&pong_frame(payload)), Message::Pong(payload.clone()));
        }
        Incoming::Close(code) => {
            let answer = read_by_a_client(&close_frame(code.map(|code| (code, ""))));
            let Message::Close(frame) = answer else { panic!("{answer:?} answers a close") };
            assert_eq!(frame.map(|frame| u16::from(frame.code)), code.map(as_the_library_knows_it));
        }
        Incoming::Fragment { .. } | Incoming::Pong => {}
    }
}

fn as_the_library_knows_it(code: u16) -> u16 {
    if code == BAD_GATEWAY { u16::from(CloseCode::Protocol) } else { code }
}

/// What the library makes of a frame of ours.
fn read_by_a_client(frame: &[u8]) -> Message {
    let mut client = WebSocketContext::new(Role::Client, None);
    client.read(&mut Wire(frame)).unwrap_or_else(|error| panic!("{error}: {frame:x?}"))
}

/// Bytes that have arrived, and nothing after them.
struct Wire<'a>(&'a [u8]);

impl Read for Wire<'_> {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        match self.0.read(to)? {
            0 if !to.is_empty() => Err(io::ErrorKind::WouldBlock.into()),
            read => Ok(read),
        }
    }
}

impl Write for Wire<'_> {
    fn write(&mut self, from: &[u8]) -> io::Result<usize> {
        Ok(from.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The library sees what we see, up to where one of the two ends.
fn compared(bytes: &[u8], ours: &[&Incoming], fault: Option<Fault>) {
    let config = WebSocketConfig::default()
        .max_message_size(Some(MESSAGE_BYTES_MAX))
        .max_frame_size(Some(MESSAGE_BYTES_MAX));
    let mut server = WebSocketContext::new(Role::Server, Some(config));
    let mut wire = Wire(bytes);
    for (at, incoming) in ours.iter().enumerate() {
        match server.read(&mut wire) {
            Ok(message) => same(incoming, &message),
            Err(error) => panic!("{error}, where we read {incoming:?} ({at} of {})", ours.len()),
        }
        if matches!(incoming, Incoming::Close(_)) {
            return;
        }
    }
    let theirs = server.read(&mut wire);
    match (fault, theirs) {
        (None, _) if has_long_length(bytes) => panic!("a length in a form longer than it needs"),
        (None, Err(Error::Io(error))) if error.kind() == io::ErrorKind::WouldBlock => {}
        // Text that can no longer become UTF-8 and lengths over the limit may be told by either one first.
        (None, Err(Error::Utf8(_) | Error::Capacity(_))) => {}
        (None, theirs) => panic!("{theirs:?}, where we wait"),
        (Some(fault), Err(error)) => same_fault(fault, &error),
        // RFC 6455 wants the shortest form of a length (5.2); the library takes all.
        (Some(Fault::Framing), Ok(_)) if has_long_length(bytes) => {}
        // A close with a code that may not be sent is no message for the library either: it puts its own code in the place.
        (Some(Fault::Framing), Ok(Message::Close(Some(frame)))) if frame.code == CloseCode::Protocol => {}
        (Some(fault), Ok(message)) => panic!("{message:?}, where we see {fault:?}"),
    }
}

fn same(ours: &Incoming, theirs: &Message) {
    let is_same = match (ours, theirs) {
        (Incoming::Text(ours), Message::Text(theirs)) => ours.as_str() == theirs.as_str(),
        (Incoming::Binary(ours), Message::Binary(theirs)) => ours.as_slice() == &theirs[..],
        (Incoming::Ping(ours), Message::Ping(theirs)) => ours == theirs,
        (Incoming::Pong, Message::Pong(_)) => true,
        (Incoming::Close(ours), Message::Close(theirs)) => {
            ours.map(as_the_library_knows_it) == theirs.as_ref().map(|frame| u16::from(frame.code))
        }
        _ => false,
    };
    assert!(is_same, "{ours:?} and {theirs:?}");
}

/// Both end it; that they give the same reason is asked where the reason is not a matter of which fault is looked for first.
fn same_fault(ours: Fault, theirs: &Error) {
    let is_wrong = match theirs {
        Error::Utf8(_) => ours == Fault::TooBig,
        Error::Capacity(_) => ours == Fault::NotUtf8,
        _ => false,
    };
    assert!(!is_wrong, "{ours:?} and {theirs:?}");
}

/// True when the last frame that was begun has a length in a form longer than it needs.
fn has_long_length(bytes: &[u8]) -> bool {
    let mut rest = bytes;
    loop {
        let Some(&[_, second]) = rest.first_chunk::<2>() else { return false };
        let (length, head) = match second & 0x7f {
            126 => match rest.get(2..4) {
                Some(long) => (long.iter().fold(0_u64, |all, &byte| all << 8 | u64::from(byte)), 4),
                None => return false,
            },
            127 => match rest.get(2..10) {
                Some(long) => (long.iter().fold(0_u64, |all, &byte| all << 8 | u64::from(byte)), 10),
                None => return false,
            },
            short => (u64::from(short), 2),
        };
        let shortest = if length < 126 {
            2
        } else if length <= 0xffff {
            4
        } else {
            10
        };
        if head > shortest || length >> 63 != 0 {
            return true;
        }
        let mask: usize = if second & 0x80 == 0 { 0 } else { 4 };
        let Some(end) = usize::try_from(length).ok().and_then(|length| (mask + head).checked_add(length))
        else {
            return false;
        };
        match rest.get(end..) {
            Some(next) => rest = next,
            None => return false,
        }
    }
}
