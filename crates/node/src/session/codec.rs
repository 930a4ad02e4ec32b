//! RFC 6455 on the server's side: bytes in, frames out. Which codec reads frames is this file's secret.
//!
//! It keeps no buffer while a client is quiet: what has arrived of an unfinished frame is kept, and given back when the frame is complete.
//! A fault ends the decoder; whoever holds it closes the socket with [`Fault::close_code`].
//! Extensions are never negotiated, so a reserved bit is a fault.

use bytes::{BufMut, Bytes, BytesMut};
use wire::CloseCode;

/// What a client sent.
#[derive(Debug, PartialEq, Eq)]
pub enum Incoming {
    /// A whole text message.
    Text(String),
    /// The beginning of a binary message; the rest of it is passed over.
    Binary,
    /// A ping, to be answered with the same payload.
    Ping(Bytes),
    /// A pong.
    Pong,
    /// The client closes, with the code that it gave.
    Close(Option<u16>),
}

/// Why a client's bytes cannot go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Not RFC 6455.
    Framing,
    /// Text that is not UTF-8.
    NotUtf8,
    /// A message over the limit.
    TooBig,
}

impl Fault {
    /// The code that the socket is closed with.
    pub fn close_code(self) -> CloseCode {
        match self {
            Fault::Framing => CloseCode::Protocol,
            Fault::NotUtf8 => CloseCode::NotUtf8,
            Fault::TooBig => CloseCode::TooBig,
        }
    }
}

/// Reads a client's frames.
#[derive(Debug)]
pub struct Decoder {
    message_bytes_max: usize,
    /// Bytes of a frame that is not complete.
    pending: Vec<u8>,
    /// The payload of a fragmented message so far.
    fragments: Option<Vec<u8>>,
    /// True when that message is binary.
    is_binary: bool,
}

const FIN: u8 = 0x80;
const RESERVED: u8 = 0x70;
const OPCODE: u8 = 0x0f;
const MASKED: u8 = 0x80;
const CONTINUATION: u8 = 0x0;
const TEXT: u8 = 0x1;
const BINARY: u8 = 0x2;
const CLOSE: u8 = 0x8;
const PING: u8 = 0x9;
const PONG: u8 = 0xa;
/// RFC 6455 section 5.5.
const CONTROL_BYTES_MAX: usize = 125;

impl Decoder {
    /// A decoder for messages of up to `message_bytes_max`.
    pub fn new(message_bytes_max: usize) -> Decoder {
        Decoder { message_bytes_max, pending: Vec::new(), fragments: None, is_binary: false }
    }

    /// Takes what arrived. Follow with [`Decoder::next_incoming`] until it has nothing more.
    pub fn feed(&mut self, bytes: &[u8]) {
        self.pending.extend_from_slice(bytes);
    }

    /// True when part of a frame or of a message has arrived, and the rest has not.
    pub fn is_midway(&self) -> bool {
        !self.pending.is_empty() || self.fragments.is_some()
    }

    /// The next message or control frame of what was fed.
    pub fn next_incoming(&mut self) -> Result<Option<Incoming>, Fault> {
        loop {
            let Some(head) = Head::parse(&self.pending)? else {
                self.give_back();
                return Ok(None);
            };
            let gathered = self.fragments.as_ref().map_or(0, Vec::len);
            if head.payload_bytes > self.message_bytes_max.saturating_sub(gathered) as u64 {
                return Err(if head.is_control() { Fault::Framing } else { Fault::TooBig });
            }
            let payload_bytes = usize::try_from(head.payload_bytes).map_err(|_| Fault::TooBig)?;
            let Some(payload) = self.pending.get(head.bytes..head.bytes + payload_bytes) else {
                return Ok(None);
            };
            let mut payload = payload.to_vec();
            unmask(&mut payload, head.mask);
            self.pending.drain(..head.bytes + payload_bytes);
            if let Some(incoming) = self.take(head, payload)? {
                return Ok(Some(incoming));
            }
        }
    }

    /// What one frame completes, if anything.
    fn take(&mut self, head: Head, payload: Vec<u8>) -> Result<Option<Incoming>, Fault> {
        match (head.opcode, self.fragments.take()) {
            (PING, fragments) => {
                self.fragments = fragments;
                Ok(Some(Incoming::Ping(payload.into())))
            }
            (PONG, fragments) => {
                self.fragments = fragments;
                Ok(Some(Incoming::Pong))
            }
            (CLOSE, _) => close(&payload).map(Some),
            (BINARY, None) => {
                self.is_binary = !head.fin;
                self.fragments = self.is_binary.then_some(payload);
                Ok(Some(Incoming::Binary))
            }
            (TEXT, None) if head.fin => text(payload).map(Some),
            (TEXT, None) => {
                self.fragments = Some(payload);
                Ok(None)
            }
            (CONTINUATION, Some(mut message)) => {
                message.extend_from_slice(&payload);
                match (head.fin, self.is_binary) {
                    (true, false) => text(message).map(Some),
                    (true, true) => {
                        self.is_binary = false;
                        Ok(None)
                    }
                    (false, _) => {
                        self.fragments = Some(message);
                        Ok(None)
                    }
                }
            }
            _ => Err(Fault::Framing),
        }
    }

    fn give_back(&mut self) {
        if self.pending.is_empty() && self.pending.capacity() > 0 {
            self.pending = Vec::new();
        }
    }
}

struct Head {
    fin: bool,
    opcode: u8,
    mask: [u8; 4],
    payload_bytes: u64,
    /// Bytes of the head itself.
    bytes: usize,
}

impl Head {
    fn is_control(&self) -> bool {
        self.opcode >= CLOSE
    }

    /// The head of a frame; `None` while it has not all arrived. Faults are told as early as they can be seen.
    fn parse(bytes: &[u8]) -> Result<Option<Head>, Fault> {
        let Some(&[first, second]) = bytes.first_chunk::<2>() else { return Ok(None) };
        let (fin, opcode) = (first & FIN != 0, first & OPCODE);
        let known = matches!(opcode, CONTINUATION | TEXT | BINARY | CLOSE | PING | PONG);
        if first & RESERVED != 0 || !known || second & MASKED == 0 {
            return Err(Fault::Framing);
        }
        let short = second & !MASKED;
        if opcode >= CLOSE && (!fin || usize::from(short) > CONTROL_BYTES_MAX) {
            return Err(Fault::Framing);
        }
        let (payload_bytes, at) = match short {
            126 => match bytes.get(2..4).and_then(|long| long.try_into().ok()) {
                Some(long) => (u64::from(u16::from_be_bytes(long)), 4),
                None => return Ok(None),
            },
            127 => match bytes.get(2..10).and_then(|long| long.try_into().ok()) {
                Some(long) => (u64::from_be_bytes(long), 10),
                None => return Ok(None),
            },
            short => (u64::from(short), 2),
        };
        let minimal = match short {
            126 => payload_bytes > 125,
            127 => payload_bytes > u64::from(u16::MAX) && payload_bytes >> 63 == 0,
            _ => true,
        };
        if !minimal {
            return Err(Fault::Framing);
        }
        let Some(mask) = bytes.get(at..at + 4).and_then(|mask| mask.try_into().ok()) else { return Ok(None) };
        Ok(Some(Head { fin, opcode, mask, payload_bytes, bytes: at + 4 }))
    }
}

fn unmask(payload: &mut [u8], mask: [u8; 4]) {
    let (chunks, rest) = payload.as_chunks_mut::<4>();
    for chunk in chunks {
        *chunk = (u32::from_ne_bytes(*chunk) ^ u32::from_ne_bytes(mask)).to_ne_bytes();
    }
    for (byte, mask) in rest.iter_mut().zip(mask) {
        *byte ^= mask;
    }
}

fn text(payload: Vec<u8>) -> Result<Incoming, Fault> {
    String::from_utf8(payload).map(Incoming::Text).map_err(|_| Fault::NotUtf8)
}

fn close(payload: &[u8]) -> Result<Incoming, Fault> {
    let Some((code, reason)) = payload.split_first_chunk::<2>() else {
        return if payload.is_empty() { Ok(Incoming::Close(None)) } else { Err(Fault::Framing) };
    };
    let code = u16::from_be_bytes(*code);
    // RFC 6455 section 7.4 and the registry of close codes: what may stand in a frame.
    let sendable = matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999);
    if !sendable {
        return Err(Fault::Framing);
    }
    std::str::from_utf8(reason).map_err(|_| Fault::NotUtf8)?;
    Ok(Incoming::Close(Some(code)))
}

/// A whole text frame, header included, that any number of sockets can share.
pub fn text_frame(payload: &[u8]) -> Bytes {
    frame(TEXT, payload)
}

/// A ping without payload.
pub fn ping_frame() -> Bytes {
    Bytes::from_static(&[FIN | PING, 0])
}

/// A pong with the payload of the ping that it answers.
pub fn pong_frame(payload: &[u8]) -> Bytes {
    frame(PONG, payload)
}

/// A close frame. `None` closes without a code, as an answer to one that had none.
pub fn close_frame(code: Option<(u16, &str)>) -> Bytes {
    let Some((code, reason)) = code else { return frame(CLOSE, &[]) };
    let mut payload = code.to_be_bytes().to_vec();
    payload.extend_from_slice(reason.as_bytes());
    payload.truncate(CONTROL_BYTES_MAX);
    frame(CLOSE, &payload)
}

fn frame(opcode: u8, payload: &[u8]) -> Bytes {
    let mut out = BytesMut::with_capacity(payload.len() + 10);
    out.put_u8(FIN | opcode);
    match payload.len() {
        short @ 0..=125 => out.put_u8(u8::try_from(short).unwrap_or(125)),
        long => match u16::try_from(long) {
            Ok(long) => {
                out.put_u8(126);
                out.put_u16(long);
            }
            Err(_) => {
                out.put_u8(127);
                out.put_u64(long as u64);
            }
        },
    }
    out.put_slice(payload);
    out.freeze()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn masked(first: u8, payload: &[u8]) -> Vec<u8> {
        let mut bytes = frame(first & OPCODE, payload).to_vec();
        let head = bytes.len() - payload.len();
        bytes[0] = first;
        bytes[1] |= MASKED;
        let mask = [1, 2, 3, 4];
        let mut body = bytes.split_off(head);
        unmask(&mut body, mask);
        bytes.extend_from_slice(&mask);
        bytes.extend_from_slice(&body);
        bytes
    }

    fn decode(chunks: &[&[u8]]) -> Vec<Result<Incoming, Fault>> {
        let mut decoder = Decoder::new(1_000);
        let mut out = Vec::new();
        for chunk in chunks {
            decoder.feed(chunk);
            loop {
                match decoder.next_incoming() {
                    Ok(Some(incoming)) => out.push(Ok(incoming)),
                    Ok(None) => break,
                    Err(fault) => {
                        out.push(Err(fault));
                        return out;
                    }
                }
            }
        }
        out
    }

    fn hello() -> Result<Incoming, Fault> {
        Ok(Incoming::Text("hello".into()))
    }

    #[test]
    fn frames_come_out_however_the_bytes_are_cut() {
        let whole =
            [masked(FIN | TEXT, b"hello"), masked(FIN | PING, b"p"), masked(FIN | TEXT, b"hello")].concat();
        for cut in 0..whole.len() {
            let (one, other) = whole.split_at(cut);
            assert_eq!(
                decode(&[one, other]),
                [hello(), Ok(Incoming::Ping(Bytes::from_static(b"p"))), hello()],
                "{cut}"
            );
        }
    }

    #[test]
    fn a_control_frame_may_stand_between_fragments() {
        let bytes =
            [masked(TEXT, b"he"), masked(FIN | PONG, b""), masked(CONTINUATION, b"l"), masked(FIN, b"lo")]
                .concat();
        assert_eq!(decode(&[&bytes]), [Ok(Incoming::Pong), hello()]);
    }

    #[test]
    fn a_binary_message_is_told_at_its_beginning_and_passed_over() {
        let bytes = [
            masked(BINARY, b"\xff"),
            masked(FIN | PONG, b""),
            masked(FIN, b"\xfe"),
            masked(FIN | BINARY, b"\xff"),
            masked(FIN | TEXT, b"hello"),
        ];
        let expected = [Ok(Incoming::Binary), Ok(Incoming::Pong), Ok(Incoming::Binary), hello()];
        assert_eq!(decode(&[&bytes.concat()]), expected);
    }

    #[test]
    fn faults_are_told_by_their_rfc_codes() {
        let mut unmasked = masked(FIN | TEXT, b"x");
        unmasked[1] &= !MASKED;
        let cases: Vec<(Vec<u8>, Fault)> = vec![
            (unmasked, Fault::Framing),
            (masked(FIN | 0x40 | TEXT, b"x"), Fault::Framing),
            (masked(FIN | 0x3, b"x"), Fault::Framing),
            (masked(FIN | 0xb, b"x"), Fault::Framing),
            (masked(PING, b"x"), Fault::Framing),
            (masked(FIN | PING, &[0; 126]), Fault::Framing),
            (masked(FIN, b"x"), Fault::Framing),
            ([masked(TEXT, b"x"), masked(FIN | TEXT, b"x")].concat(), Fault::Framing),
            ([masked(BINARY, &[0; 600]), masked(FIN, &[0; 600])].concat(), Fault::TooBig),
            (masked(FIN | TEXT, b"\xff"), Fault::NotUtf8),
            (masked(FIN | TEXT, &[b'x'; 1_001]), Fault::TooBig),
            ([masked(TEXT, &[b'x'; 600]), masked(FIN, &[b'x'; 600])].concat(), Fault::TooBig),
            (vec![FIN | TEXT, MASKED | 127, 0x7f, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4], Fault::TooBig),
            (vec![FIN | TEXT, MASKED | 127, 0xff, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4], Fault::Framing),
            (vec![FIN | TEXT, MASKED | 126, 0, 5, 1, 2, 3, 4], Fault::Framing),
            (masked(FIN | CLOSE, &[3]), Fault::Framing),
            (masked(FIN | CLOSE, &1005u16.to_be_bytes()), Fault::Framing),
            (masked(FIN | CLOSE, &[3, 0xe8, 0xff]), Fault::NotUtf8),
        ];
        for (bytes, fault) in cases {
            assert_eq!(decode(&[&bytes]).last(), Some(&Err(fault)), "{bytes:x?}");
        }
    }

    #[test]
    fn nothing_is_kept_once_a_frame_is_complete() {
        let mut decoder = Decoder::new(1_000);
        decoder.feed(&masked(FIN | TEXT, &[b'x'; 500]));
        assert!(matches!(decoder.next_incoming(), Ok(Some(Incoming::Text(_)))));
        assert!(matches!(decoder.next_incoming(), Ok(None)));
        assert_eq!(decoder.pending.capacity(), 0);
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_make_the_decoder_panic(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..64)) {
            let _frames = decode(&[&bytes]);
        }
    }
}
