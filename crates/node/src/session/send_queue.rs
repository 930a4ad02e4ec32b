//! What waits to be written to one socket: shared frames, bounded in number and bytes, written in one vectored write.

use std::io::{self, IoSlice};

use bytes::{Buf, Bytes};
use smallvec::SmallVec;

/// Slices of one vectored write: what Linux takes at once is 1,024, and beyond 64 nothing is gained.
const SLICES_MAX: usize = 64;

/// A queue of frames, the first of which may be partly written.
#[derive(Debug, Default)]
pub struct SendQueue {
    /// Most often one, which needs no room of its own.
    frames: SmallVec<[Bytes; 1]>,
    bytes: usize,
}

/// The queue is at its limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Full;

/// How a write ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Written {
    /// Nothing waits any more.
    All,
    /// The socket takes no more for now; true when it took something.
    Blocked {
        /// Whether there was progress.
        progress: bool,
    },
}

impl SendQueue {
    /// Adds a frame, if the limits allow.
    pub fn push(&mut self, frame: Bytes, frames_max: usize, bytes_max: usize) -> Result<(), Full> {
        if self.frames.len() >= frames_max || self.bytes + frame.len() > bytes_max {
            return Err(Full);
        }
        self.push_last(frame);
        Ok(())
    }

    /// Adds one of the few frames that end a session, whatever the limits say.
    pub fn push_last(&mut self, frame: Bytes) {
        self.bytes += frame.len();
        self.frames.push(frame);
    }

    /// Throws away all frames that have not begun to be written. `begun` says whether the first one has.
    pub fn abandon(&mut self, begun: bool) {
        self.frames.truncate(usize::from(begun));
        self.bytes = self.frames.iter().map(Bytes::len).sum();
    }

    /// True when nothing waits.
    pub fn is_empty(&self) -> bool {
        self.frames.is_empty()
    }

    /// True when at most half of the limits is used.
    pub fn is_half_empty(&self, frames_max: usize, bytes_max: usize) -> bool {
        self.frames.len() <= frames_max / 2 && self.bytes <= bytes_max / 2
    }

    /// Writes what waits until all is written or the socket takes no more. `write` is one non-blocking vectored write.
    pub fn write(
        &mut self,
        mut write: impl FnMut(&[IoSlice<'_>]) -> io::Result<usize>,
    ) -> io::Result<Written> {
        let mut progress = false;
        while !self.frames.is_empty() {
            let slices: SmallVec<[IoSlice<'_>; SLICES_MAX]> =
                self.frames.iter().take(SLICES_MAX).map(|frame| IoSlice::new(frame)).collect();
            let wrote = write(&slices);
            drop(slices);
            match wrote {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => {
                    progress = true;
                    self.advance(written);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    return Ok(Written::Blocked { progress });
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        // An idle session keeps no buffer.
        self.frames = SmallVec::new();
        Ok(Written::All)
    }

    fn advance(&mut self, mut written: usize) {
        self.bytes = self.bytes.saturating_sub(written);
        let mut gone = 0;
        for frame in &mut self.frames {
            if written < frame.len() {
                frame.advance(written);
                break;
            }
            written -= frame.len();
            gone += 1;
        }
        self.frames.drain(..gone);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn queue(frames: &[&'static str]) -> SendQueue {
        let mut queue = SendQueue::default();
        for frame in frames {
            queue.push(Bytes::from_static(frame.as_bytes()), 100, 1_000).unwrap();
        }
        queue
    }

    #[test]
    fn bytes_leave_in_order_however_little_the_socket_takes() {
        let mut queue = queue(&["abc", "de", "f"]);
        let mut out = Vec::new();
        let written = queue.write(|slices| {
            let first = slices.first().unwrap();
            out.push(first[0]);
            Ok(1)
        });
        assert_eq!(written.unwrap(), Written::All);
        assert_eq!(out, b"abcdef");
    }

    #[test]
    fn the_limits_hold_in_frames_and_in_bytes() {
        let mut queue = SendQueue::default();
        assert_eq!(queue.push(Bytes::from_static(b"abcd"), 2, 6), Ok(()));
        assert_eq!(queue.push(Bytes::from_static(b"abc"), 2, 6), Err(Full));
        assert_eq!(queue.push(Bytes::from_static(b"ab"), 2, 6), Ok(()));
        assert_eq!(queue.push(Bytes::new(), 2, 6), Err(Full));
    }

    #[test]
    fn a_blocked_socket_keeps_the_rest() {
        let mut queue = queue(&["abc", "de"]);
        let mut taken = false;
        let written = queue.write(|_| {
            if std::mem::replace(&mut taken, true) { Err(io::ErrorKind::WouldBlock.into()) } else { Ok(4) }
        });
        assert_eq!(written.unwrap(), Written::Blocked { progress: true });
        assert_eq!(queue.bytes, 1);
        queue.abandon(true);
        queue.push_last(Bytes::from_static(b"!"));
        let mut out = Vec::new();
        queue
            .write(|slices| {
                out.extend_from_slice(&slices[0]);
                Ok(slices[0].len())
            })
            .unwrap();
        assert_eq!(out, b"e!");
    }
}
