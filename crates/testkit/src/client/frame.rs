//! One WebSocket frame (RFC 6455, 5.2), also one that no honest client would send.

use tokio::time::Instant;

use crate::connection::{Connection, Ended};
use crate::random;

const FIN: u8 = 0x80;
const MASKED: u8 = 0x80;
/// The 7-bit length that announces 16 bits of length.
const LENGTH_16: u8 = 126;
/// The 7-bit length that announces 64 bits of length.
const LENGTH_64: u8 = 127;
/// No server of ours sends more; a length beyond it is garbage, not a reason to wait.
const PAYLOAD_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// How the length of a payload is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum LengthForm {
    Shortest,
    Bits16,
    Bits64,
}

/// A frame to send, or one that came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// The last frame of its message.
    pub fin: bool,
    /// The three reserved bits, 0 to 7.
    pub rsv: u8,
    /// 0 continuation, 1 text, 2 binary, 8 close, 9 ping, 10 pong; the others are reserved.
    pub opcode: u8,
    /// The mask; clients must have one, servers must not.
    pub mask: Option<[u8; 4]>,
    /// The payload, unmasked.
    pub payload: Vec<u8>,
    claimed_length: Option<u64>,
    length_form: LengthForm,
}

impl Frame {
    /// A correct, final, masked client frame of any opcode, to be changed from there.
    pub fn new(opcode: u8, payload: impl Into<Vec<u8>>) -> Self {
        Self {
            fin: true,
            rsv: 0,
            opcode,
            mask: Some(random::bytes()),
            payload: payload.into(),
            claimed_length: None,
            length_form: LengthForm::Shortest,
        }
    }

    /// A text frame.
    pub fn text(text: &str) -> Self {
        Self::new(1, text)
    }

    /// A binary frame.
    pub fn binary(bytes: &[u8]) -> Self {
        Self::new(2, bytes)
    }

    /// A continuation frame; not final frames before it start with [`Frame::text`] or [`Frame::binary`] and [`Frame::unfinished`].
    pub fn continuation(bytes: &[u8]) -> Self {
        Self::new(0, bytes)
    }

    /// A ping.
    pub fn ping(payload: &[u8]) -> Self {
        Self::new(9, payload)
    }

    /// A pong.
    pub fn pong(payload: &[u8]) -> Self {
        Self::new(10, payload)
    }

    /// A close with a code and a reason.
    pub fn close(code: u16, reason: &str) -> Self {
        let mut payload = code.to_be_bytes().to_vec();
        payload.extend_from_slice(reason.as_bytes());
        Self::new(8, payload)
    }

    /// Without a mask, as no client may send it.
    pub fn unmasked(mut self) -> Self {
        self.mask = None;
        self
    }

    /// With this mask.
    pub fn masked_with(mut self, mask: [u8; 4]) -> Self {
        self.mask = Some(mask);
        self
    }

    /// More frames of this message follow.
    pub fn unfinished(mut self) -> Self {
        self.fin = false;
        self
    }

    /// With reserved bits, 0 to 7.
    pub fn reserved(mut self, rsv: u8) -> Self {
        self.rsv = rsv & 7;
        self
    }

    /// With a length that is not that of the payload.
    pub fn claiming(mut self, length: u64) -> Self {
        self.claimed_length = Some(length);
        self
    }

    /// With its length in 16 bits, also where 7 would do.
    pub fn long_form(mut self) -> Self {
        self.length_form = LengthForm::Bits16;
        self
    }

    /// With its length in 64 bits, also where fewer would do.
    pub fn longest_form(mut self) -> Self {
        self.length_form = LengthForm::Bits64;
        self
    }

    /// The frame as it goes on the wire.
    pub fn encode(&self) -> Vec<u8> {
        let length = self.claimed_length.unwrap_or(self.payload.len() as u64);
        let fin = if self.fin { FIN } else { 0 };
        let masked = if self.mask.is_some() { MASKED } else { 0 };
        let mut bytes = vec![fin | self.rsv << 4 | self.opcode & 0x0f];
        match (self.length_form, length) {
            (LengthForm::Shortest, 0..=125) => bytes.push(masked | length as u8),
            (LengthForm::Shortest, 126..=0xffff) | (LengthForm::Bits16, _) => {
                bytes.push(masked | LENGTH_16);
                bytes.extend_from_slice(&(length as u16).to_be_bytes());
            }
            _ => {
                bytes.push(masked | LENGTH_64);
                bytes.extend_from_slice(&length.to_be_bytes());
            }
        }
        if let Some(mask) = self.mask {
            bytes.extend_from_slice(&mask);
            bytes.extend(apply(mask, &self.payload));
        } else {
            bytes.extend_from_slice(&self.payload);
        }
        bytes
    }

    /// Reads one frame; after [`Ended::TimedOut`] it can be read by a later call.
    pub(crate) async fn read(connection: &mut Connection, end: Instant) -> Result<Self, Ended> {
        let head = connection.peek(2, end).await?;
        let (first, second) = (head[0], head[1]);
        let short = second & !MASKED;
        let length_bytes = match short {
            LENGTH_16 => 2,
            LENGTH_64 => 8,
            _ => 0,
        };
        let mask_bytes = if second & MASKED == 0 { 0 } else { 4 };
        let header = connection.peek(2 + length_bytes + mask_bytes, end).await?;
        let written = header[2..2 + length_bytes].iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte));
        let (length, length_form, shortest) = match short {
            LENGTH_16 => (written, LengthForm::Bits16, written > 125),
            LENGTH_64 => (written, LengthForm::Bits64, written > 0xffff),
            short => (u64::from(short), LengthForm::Shortest, true),
        };
        if length > PAYLOAD_BYTES_MAX {
            return Err(Ended::Broken(format!("a frame of {length} bytes")));
        }
        let header_length = header.len();
        let whole = connection.take(header_length + length as usize, end).await?;
        let (header, payload) = whole.split_at(header_length);
        let mask = header[2 + length_bytes..].try_into().ok();
        Ok(Self {
            fin: first & FIN != 0,
            rsv: first >> 4 & 7,
            opcode: first & 0x0f,
            mask,
            payload: mask.map_or_else(|| payload.to_vec(), |mask| apply(mask, payload)),
            claimed_length: None,
            length_form: if shortest { LengthForm::Shortest } else { length_form },
        })
    }

    /// Whether its length was written in the shortest way, as RFC 6455 asks.
    pub(super) fn is_shortest(&self) -> bool {
        self.length_form == LengthForm::Shortest
    }
}

fn apply(mask: [u8; 4], bytes: &[u8]) -> Vec<u8> {
    bytes.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_those_of_the_rfc() {
        // RFC 6455, 5.7.
        assert_eq!(Frame::text("Hello").unmasked().encode(), b"\x81\x05Hello");
        let masked = Frame::text("Hello").masked_with([0x37, 0xfa, 0x21, 0x3d]).encode();
        assert_eq!(masked, b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58");
        assert_eq!(Frame::text("Hel").unmasked().unfinished().encode(), b"\x01\x03Hel");
        assert_eq!(Frame::continuation(b"lo").unmasked().encode(), b"\x80\x02lo");
        assert!(Frame::binary(&[0; 256]).unmasked().encode().starts_with(b"\x82\x7e\x01\x00"));
        assert!(Frame::binary(&[0; 65536]).unmasked().encode().starts_with(b"\x82\x7f\0\0\0\0\0\x01\0\0"));
        assert_eq!(Frame::close(1000, "x").unmasked().encode(), b"\x88\x03\x03\xe8x");
    }

    #[test]
    fn wrong_frames_can_be_made() {
        let frame = Frame::new(3, *b"ab").unmasked().reserved(0b101).claiming(9);
        assert_eq!(frame.encode(), b"\xd3\x09ab");
        assert_eq!(Frame::text("a").unmasked().long_form().encode(), b"\x81\x7e\0\x01a");
        assert_eq!(Frame::text("").unmasked().longest_form().encode(), b"\x81\x7f\0\0\0\0\0\0\0\0");
        let huge = Frame::text("").unmasked().claiming(u64::MAX).encode();
        assert_eq!(huge, b"\x81\x7f\xff\xff\xff\xff\xff\xff\xff\xff");
    }
}
