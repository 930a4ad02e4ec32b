//! WebSocket frames (RFC 6455, 5.2), both ways, for programs that trust each other: whole messages, no fragments.

/// The opcode of a text frame.
pub const TEXT: u8 = 0x1;
/// The opcode of a Close.
pub const CLOSE: u8 = 0x8;
/// The opcode of a Ping.
pub const PING: u8 = 0x9;
/// The opcode of a Pong.
pub const PONG: u8 = 0xA;

/// The only frame of a message.
const FIN: u8 = 0x80;
/// The payload is masked, as a client's is.
const MASKED: u8 = 0x80;
/// Some mask; that it is always the same hides nothing from a test's own server, and no work from it either.
const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

/// A client's frame that is sent again and again, with some of its bytes written anew each time.
#[derive(Debug, Clone)]
pub struct ClientFrame {
    bytes: Vec<u8>,
    payload_at: usize,
}

impl ClientFrame {
    /// A text frame.
    pub fn text(payload: &str) -> Self {
        Self::new(TEXT, payload.as_bytes())
    }

    /// Any frame.
    pub fn new(opcode: u8, payload: &[u8]) -> Self {
        let mut bytes = head(opcode, payload.len(), MASKED);
        bytes.extend_from_slice(&MASK);
        let payload_at = bytes.len();
        bytes.extend(payload.iter().zip(MASK.iter().cycle()).map(|(byte, mask)| byte ^ mask));
        Self { bytes, payload_at }
    }

    /// Writes `text` over what stands at `at` of the payload.
    pub fn patch(&mut self, at: usize, text: &[u8]) {
        let masks = MASK.iter().cycle().skip(at % MASK.len());
        let place = self.bytes.iter_mut().skip(self.payload_at + at);
        for ((place, byte), mask) in place.zip(text).zip(masks) {
            *place = byte ^ mask;
        }
    }

    /// As it goes on the wire.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

/// A server's frame.
pub fn server_frame(opcode: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = head(opcode, payload.len(), 0);
    bytes.extend_from_slice(payload);
    bytes
}

fn head(opcode: u8, length: usize, masked: u8) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(14 + length);
    bytes.push(FIN | opcode);
    match length {
        0..=125 => bytes.push(masked | length as u8),
        126..=0xffff => {
            bytes.push(masked | 126);
            bytes.extend_from_slice(&(length as u16).to_be_bytes());
        }
        _ => {
            bytes.push(masked | 127);
            bytes.extend_from_slice(&(length as u64).to_be_bytes());
        }
    }
    bytes
}

/// A frame at the beginning of some bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// What it is.
    pub opcode: u8,
    /// The mask of a client's frame.
    pub mask: Option<[u8; 4]>,
    /// Where its payload begins.
    pub payload_at: usize,
    /// Where the next frame begins.
    pub end: usize,
}

impl Head {
    /// The first frame of `bytes`, once it is whole.
    pub fn of(bytes: &[u8]) -> Option<Head> {
        let (&first, &second) = (bytes.first()?, bytes.get(1)?);
        let (length, mut at) = match second & !MASKED {
            126 => (usize::from(u16::from_be_bytes(bytes.get(2..4)?.try_into().ok()?)), 4),
            127 => (usize::try_from(u64::from_be_bytes(bytes.get(2..10)?.try_into().ok()?)).ok()?, 10),
            short => (usize::from(short), 2),
        };
        let mut mask = None;
        if second & MASKED != 0 {
            mask = Some(bytes.get(at..at + 4)?.try_into().ok()?);
            at += 4;
        }
        let end = at.checked_add(length)?;
        (bytes.len() >= end).then_some(Head { opcode: first & 0x0f, mask, payload_at: at, end })
    }
}

/// Takes a client's mask off.
pub fn unmask(payload: &mut [u8], mask: [u8; 4]) {
    let mut quads = payload.chunks_exact_mut(4);
    for quad in &mut quads {
        quad.iter_mut().zip(mask).for_each(|(byte, mask)| *byte ^= mask);
    }
    quads.into_remainder().iter_mut().zip(mask).for_each(|(byte, mask)| *byte ^= mask);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8]) -> Option<(u8, Vec<u8>)> {
        let head = Head::of(bytes)?;
        assert_eq!(head.end, bytes.len());
        let mut payload = bytes[head.payload_at..].to_vec();
        if let Some(mask) = head.mask {
            unmask(&mut payload, mask);
        }
        Some((head.opcode, payload))
    }

    #[test]
    fn what_is_written_is_read_and_a_cut_frame_is_waited_for() {
        for length in [0, 5, 125, 126, 65_535, 65_536] {
            let text = "x".repeat(length);
            for bytes in [ClientFrame::text(&text).bytes().to_vec(), server_frame(TEXT, text.as_bytes())] {
                assert_eq!(read(&bytes), Some((TEXT, text.clone().into_bytes())), "{length}");
                assert_eq!(Head::of(&bytes[..bytes.len() - 1]), None, "{length}");
            }
        }
    }

    #[test]
    fn a_patch_is_read_where_it_was_written() {
        let mut frame = ClientFrame::text("{\"id\":\"0000000\"}");
        frame.patch(7, b"1234567");
        assert_eq!(read(frame.bytes()), Some((TEXT, b"{\"id\":\"1234567\"}".to_vec())));
    }
}
