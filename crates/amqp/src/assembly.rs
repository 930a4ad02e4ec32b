//! A message whose pieces are still coming: what it is, its header, its body.

use bytes::{Bytes, BytesMut};

use crate::content;
use crate::event::{Delivery, Event, Returned};

/// A body up to this size is copied out of the buffer that it came in, so that whoever keeps it keeps no more than that.
const COPIED_BYTES_MAX: usize = 8 * 1024;
/// The largest body that is taken: RabbitMQ's own limit.
const BODY_BYTES_MAX: u64 = 128 << 20;

/// A message of which not everything is there yet.
#[derive(Debug)]
pub(crate) struct Assembly {
    of: Of,
    message_id: Option<Bytes>,
    /// Bytes of the body that are to come, once its header has come.
    missing: Option<u64>,
    pieces: BytesMut,
    whole: Bytes,
}

/// What comes with a body.
#[derive(Debug)]
pub(crate) enum Of {
    Delivery { tag: u64, redelivered: bool, exchange: Bytes, key: Bytes },
    Return { why: String, exchange: String, key: String },
}

impl Assembly {
    pub(crate) fn begin(of: Of) -> Assembly {
        Assembly { of, message_id: None, missing: None, pieces: BytesMut::new(), whole: Bytes::new() }
    }

    /// Takes the header. `Err` with what is wrong.
    pub(crate) fn header(&mut self, bytes: Bytes) -> Result<(), String> {
        let header = content::read_header(bytes).map_err(|_| "a header that cannot be read".to_owned())?;
        if header.bytes > BODY_BYTES_MAX {
            return Err(format!("a body of {} bytes", header.bytes));
        }
        self.message_id = header.message_id;
        self.missing = Some(header.bytes);
        Ok(())
    }

    /// Takes a piece of the body. `Err` with what is wrong.
    pub(crate) fn body(&mut self, piece: Bytes) -> Result<(), String> {
        let length = piece.len() as u64;
        let Some(left) = self.missing.and_then(|missing| missing.checked_sub(length)) else {
            return Err("a body without its header, or longer than it said".to_owned());
        };
        self.missing = Some(left);
        if left > 0 || !self.pieces.is_empty() {
            self.pieces.extend_from_slice(&piece);
        } else if piece.len() <= COPIED_BYTES_MAX {
            self.whole = Bytes::copy_from_slice(&piece);
        } else {
            self.whole = piece;
        }
        Ok(())
    }

    /// Whether all of it is there.
    pub(crate) fn is_whole(&self) -> bool {
        self.missing == Some(0)
    }

    pub(crate) fn event(self) -> Event {
        let body = if self.pieces.is_empty() { self.whole } else { self.pieces.freeze() };
        match self.of {
            Of::Delivery { tag, redelivered, exchange, key } => {
                Event::Delivered(Delivery { tag, redelivered, exchange, key, body })
            }
            Of::Return { why, exchange, key } => {
                Event::Returned(Returned { why, exchange, key, message_id: self.message_id })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn begun(bytes: u64) -> Assembly {
        let of = Of::Delivery { tag: 1, redelivered: false, exchange: Bytes::new(), key: Bytes::new() };
        let mut assembly = Assembly::begin(of);
        let header = [&[0, 60, 0, 0][..], &bytes.to_be_bytes(), &[0, 0]].concat();
        assembly.header(header.into()).unwrap();
        assembly
    }

    fn body(assembly: Assembly) -> Bytes {
        match assembly.event() {
            Event::Delivered(delivery) => delivery.body,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_body_is_whole_after_its_last_piece_and_an_empty_one_at_once() {
        let mut assembly = begun(5);
        assembly.body("he".into()).unwrap();
        assert!(!assembly.is_whole());
        assembly.body("llo".into()).unwrap();
        assert!(assembly.is_whole());
        assert_eq!(body(assembly), "hello");
        let empty = begun(0);
        assert!(empty.is_whole());
        assert_eq!(body(empty), "");
    }

    #[test]
    fn a_small_body_does_not_hold_on_to_what_it_came_in() {
        let came_in = Bytes::from(vec![7; 32 * 1024]);
        let mut assembly = begun(10);
        assembly.body(came_in.slice(..10)).unwrap();
        let small = body(assembly);
        assert!(came_in.is_unique(), "the buffer is still held by {small:?}");
    }

    #[test]
    fn more_than_was_announced_is_refused() {
        assert!(begun(3).body("four".into()).is_err());
        assert!(
            Assembly::begin(Of::Return { why: String::new(), exchange: String::new(), key: String::new() })
                .body("x".into())
                .is_err()
        );
        let mut huge = begun(1);
        assert!(huge.header([&[0, 60, 0, 0][..], &u64::MAX.to_be_bytes(), &[0, 0]].concat().into()).is_err());
    }
}
