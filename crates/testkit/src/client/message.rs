//! What a server said, put together from its frames and held against RFC 6455.

use std::fmt;

use super::{Ended, Frame};

/// RFC 6455, 5.5: a control frame carries at most this.
const CONTROL_BYTES_MAX: usize = 125;

/// The code and the reason of a Close.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Close {
    /// `None` where the Close was empty.
    pub code: Option<u16>,
    /// Empty where there is none.
    pub reason: String,
}

impl fmt::Display for Close {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.code {
            Some(code) => write!(f, "Close {code} {:?}", self.reason),
            None => write!(f, "Close without a code"),
        }
    }
}

/// A whole message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// Text.
    Text(String),
    /// Bytes.
    Binary(Vec<u8>),
    /// A ping with its payload.
    Ping(Vec<u8>),
    /// A pong with its payload.
    Pong(Vec<u8>),
    /// A Close.
    Close(Close),
}

/// The frames of a message that is not complete yet.
#[derive(Debug, Default)]
pub(super) struct Fragments {
    begun: Option<(u8, Vec<u8>)>,
}

impl Fragments {
    /// Takes the next frame of a server; yields a message when one is complete.
    pub(super) fn add(&mut self, frame: Frame) -> Result<Option<Message>, Ended> {
        let broken = |how: &str| Err(Ended::Broken(format!("{how}: opcode {}", frame.opcode)));
        if frame.mask.is_some() {
            return broken("a masked frame from a server");
        }
        if frame.rsv != 0 {
            return broken("reserved bits");
        }
        if !frame.is_shortest() {
            return broken("a length that is not written in the shortest way");
        }
        if frame.opcode >= 8 && (!frame.fin || frame.payload.len() > CONTROL_BYTES_MAX) {
            return broken("a control frame that is fragmented or too long");
        }
        match frame.opcode {
            1 | 2 if self.begun.is_some() => return broken("a new message inside a fragmented one"),
            1 | 2 => self.begun = Some((frame.opcode, frame.payload)),
            0 => match &mut self.begun {
                Some((_, payload)) => payload.extend_from_slice(&frame.payload),
                None => return broken("a continuation of nothing"),
            },
            8 => return close(&frame.payload).map(|close| Some(Message::Close(close))),
            9 => return Ok(Some(Message::Ping(frame.payload))),
            10 => return Ok(Some(Message::Pong(frame.payload))),
            _ => return broken("a reserved opcode"),
        }
        if !frame.fin {
            return Ok(None);
        }
        match self.begun.take() {
            Some((1, payload)) => text(payload).map(|text| Some(Message::Text(text))),
            Some((_, payload)) => Ok(Some(Message::Binary(payload))),
            None => Ok(None),
        }
    }
}

fn close(payload: &[u8]) -> Result<Close, Ended> {
    match payload {
        [] => Ok(Close { code: None, reason: String::new() }),
        [_] => Err(Ended::Broken("a Close of one byte".to_owned())),
        [high, low, reason @ ..] => {
            let code = u16::from_be_bytes([*high, *low]);
            // RFC 6455, 7.4: these never go on the wire.
            if !(1000..5000).contains(&code) || matches!(code, 1004..=1006 | 1015) {
                return Err(Ended::Broken(format!("a Close with the code {code}")));
            }
            Ok(Close { code: Some(code), reason: text(reason.to_vec())? })
        }
    }
}

fn text(payload: Vec<u8>) -> Result<String, Ended> {
    String::from_utf8(payload).map_err(|_| Ended::Broken("text that is no UTF-8".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn add_all(frames: Vec<Frame>) -> Result<Vec<Message>, Ended> {
        let mut fragments = Fragments::default();
        let mut messages = Vec::new();
        for frame in frames {
            messages.extend(fragments.add(frame)?);
        }
        Ok(messages)
    }

    #[test]
    fn fragments_are_put_together_around_control_frames() {
        let messages = add_all(vec![
            Frame::text("a").unmasked().unfinished(),
            Frame::ping(b"p").unmasked(),
            Frame::continuation("ä".as_bytes()).unmasked(),
            Frame::close(4500, "replaced").unmasked(),
        ]);
        let close = Close { code: Some(4500), reason: "replaced".to_owned() };
        let expected = [Message::Ping(b"p".to_vec()), Message::Text("aä".to_owned()), Message::Close(close)];
        assert_eq!(messages.unwrap(), expected);
    }

    #[test]
    fn a_server_that_breaks_a_rule_is_caught() {
        let broken = [
            vec![Frame::text("masked")],
            vec![Frame::text("reserved").unmasked().reserved(4)],
            vec![Frame::new(3, "opcode").unmasked()],
            vec![Frame::ping(b"part").unmasked().unfinished()],
            vec![Frame::ping(&[0; 126]).unmasked()],
            vec![Frame::continuation(b"of nothing").unmasked()],
            vec![Frame::text("a").unmasked().unfinished(), Frame::text("b").unmasked()],
            vec![Frame::new(1, *b"\xff").unmasked()],
            vec![Frame::new(8, *b"\x03").unmasked()],
            vec![Frame::close(1006, "").unmasked()],
            vec![Frame::text("a").unmasked().longest_form()],
        ];
        for frames in broken {
            let outcome = add_all(frames.clone());
            assert!(matches!(outcome, Err(Ended::Broken(_))), "{frames:?} gave {outcome:?}");
        }
    }
}
