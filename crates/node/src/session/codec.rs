//! RFC 6455 on the server's side: bytes in, frames out. Which codec reads frames is this file's secret.
//!
//! It keeps no buffer while a client is quiet: what has arrived of an unfinished frame is kept, and given back when the frame is complete.
//! A fault ends the decoder, as early as it can be seen; whoever holds it closes the socket with [`Fault::close_code`].
//! Extensions are never negotiated, so a reserved bit is a fault.

use bytes::{BufMut, Bytes, BytesMut};
use wire::CloseCode;

/// What a client sent.
#[derive(Debug, PartialEq, Eq)]
pub enum Incoming {
    /// A whole text message.
    Text(String),
    /// A whole binary message.
    Binary(Vec<u8>),
    /// A frame of a message whose end has not come, so that each frame that was read is told.
    Fragment {
        /// True when that message is binary.
        binary: bool,
    },
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
    fragments: Option<Fragments>,
}

/// A fragmented message so far.
#[derive(Debug)]
struct Fragments {
    binary: bool,
    payload: Vec<u8>,
    /// Bytes of a text that are whole characters.
    checked: usize,
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
        Decoder { message_bytes_max, pending: Vec::new(), fragments: None }
    }

    /// Takes what arrived. Follow with [`Decoder::next_incoming`] until it has nothing more.
    pub fn feed(&mut self, bytes: &[u8]) {
        self.pending.extend_from_slice(bytes);
    }

    /// True when part of a frame or of a message has arrived, and the rest has not.
    pub fn is_midway(&self) -> bool {
        !self.pending.is_empty() || self.fragments.is_some()
    }

    /// The next frame of what was fed: the message that it completes, or that it completes none.
    pub fn next_incoming(&mut self) -> Result<Option<Incoming>, Fault> {
        let Some(head) = Head::parse(&self.pending)? else {
            self.give_back();
            return Ok(None);
        };
        let gathered = self.fragments.as_ref().map_or(0, |fragments| fragments.payload.len());
        if !head.is_control() && head.payload_bytes > self.message_bytes_max.saturating_sub(gathered) as u64 {
            return Err(Fault::TooBig);
        }
        let payload_bytes = usize::try_from(head.payload_bytes).map_err(|_| Fault::TooBig)?;
        let Some(payload) = self.pending.get(head.bytes..head.bytes + payload_bytes) else {
            return Ok(None);
        };
        let mut payload = payload.to_vec();
        unmask(&mut payload, head.mask);
        self.pending.drain(..head.bytes + payload_bytes);
        self.take(&head, payload).map(Some)
    }

    /// What one frame means.
    fn take(&mut self, head: &Head, payload: Vec<u8>) -> Result<Incoming, Fault> {
        match (head.opcode, self.fragments.take()) {
            (PING, fragments) => {
                self.fragments = fragments;
                Ok(Incoming::Ping(payload.into()))
            }
            (PONG, fragments) => {
                self.fragments = fragments;
                Ok(Incoming::Pong)
            }
            (CLOSE, _) => close(&payload),
            (TEXT, None) if head.fin => text(payload),
            (BINARY, None) if head.fin => Ok(Incoming::Binary(payload)),
            (TEXT | BINARY, None) => {
                let binary = head.opcode == BINARY;
                self.gather(Fragments { binary, payload, checked: 0 })
            }
            (CONTINUATION, Some(mut fragments)) => {
                fragments.payload.extend_from_slice(&payload);
                match (head.fin, fragments.binary) {
                    (true, false) => text(fragments.payload),
                    (true, true) => Ok(Incoming::Binary(fragments.payload)),
                    (false, _) => self.gather(fragments),
                }
            }
            _ => Err(Fault::Framing),
        }
    }

    /// Keeps what has come of a message; a text that can no longer become UTF-8 is a fault at once.
    fn gather(&mut self, mut fragments: Fragments) -> Result<Incoming, Fault> {
        let binary = fragments.binary;
        if !binary {
            let fresh = fragments.payload.get(fragments.checked..).unwrap_or_default();
            fragments.checked += match std::str::from_utf8(fresh) {
                Ok(text) => text.len(),
                // The rest of the last character may be in the next frame.
                Err(error) if error.error_len().is_none() => error.valid_up_to(),
                Err(_) => return Err(Fault::NotUtf8),
            };
        }
        self.fragments = Some(fragments);
        Ok(Incoming::Fragment { binary })
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

/// A whole binary frame. The node's own dialects have none.
#[cfg(feature = "echo")]
pub fn binary_frame(payload: &[u8]) -> Bytes {
    frame(BINARY, payload)
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
#[path = "codec_tests.rs"]
mod tests;
