//! Sockets without a system under them: two ends of a connection in this process, for simulations.
//!
//! They behave as TCP's do where a node or a client can tell: each direction holds so many bytes and no more, an end can be shut for writing
//! alone, and whoever lets go of one with bytes unread, or resets it, resets the connection; else the other end reads what was written
//! and then an end. They are deterministic: no clock, no chance, and whoever waits is woken in one order. There is no delay and no loss on them.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::io::{self, IoSlice, Read};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Bytes that an emptied pipe keeps room for: an idle connection keeps no more.
const IDLE_BYTES_MAX: usize = 1_024;

/// One end of a connection in memory. Of each direction, one task at a time may wait.
#[derive(Debug)]
pub struct MemorySocket {
    reads: Arc<Pipe>,
    writes: Arc<Pipe>,
}

/// One direction.
#[derive(Debug)]
struct Pipe {
    bytes_max: usize,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    bytes: VecDeque<u8>,
    /// Nothing will be written any more.
    is_ended: bool,
    /// Nothing will be read any more: writing is an error.
    is_unread: bool,
    /// The connection was reset: what came before may still be read, then it is an error.
    is_reset: bool,
    reader: Option<Waker>,
    writer: Option<Waker>,
}

impl MemorySocket {
    /// The two ends of a connection whose directions hold `bytes_max` each, at least one.
    pub fn pair(bytes_max: usize) -> (MemorySocket, MemorySocket) {
        let (there, back) = (Pipe::new(bytes_max), Pipe::new(bytes_max));
        let one = MemorySocket { reads: back.clone(), writes: there.clone() };
        (one, MemorySocket { reads: there, writes: back })
    }

    /// Waits until a read would not wait. Cancel safe.
    pub async fn readable(&self) -> io::Result<()> {
        poll_fn(|cx| self.reads.state().poll_readable(cx)).await;
        Ok(())
    }

    /// Waits until a write would not wait. Cancel safe.
    pub async fn writable(&self) -> io::Result<()> {
        poll_fn(|cx| self.writes.state().poll_writable(self.writes.bytes_max, cx)).await;
        Ok(())
    }

    /// Reads what is there, without waiting; 0 is the end.
    pub fn try_read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        self.reads.state().read(buffer)
    }

    /// Writes what finds room, without waiting.
    pub fn try_write_vectored(&self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        self.writes.state().write(self.writes.bytes_max, slices)
    }

    /// Ends our direction: the other end reads what was written, and then an end.
    pub fn shutdown_write(&self) {
        self.writes.state().end();
    }

    /// Resets the connection, as a machine does that has forgotten it: whatever the other end does next is an error.
    pub fn reset(&self) {
        self.writes.state().reset();
        self.reads.state().reset();
    }

    fn poll_write_slices(&self, cx: &mut Context<'_>, slices: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        let mut state = self.writes.state();
        match state.poll_writable(self.writes.bytes_max, cx) {
            Poll::Ready(()) => Poll::Ready(state.write(self.writes.bytes_max, slices)),
            Poll::Pending => Poll::Pending,
        }
    }
}

impl Drop for MemorySocket {
    fn drop(&mut self) {
        if self.reads.state().leave() {
            self.reset();
        }
        self.shutdown_write();
    }
}

impl AsyncRead for MemorySocket {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let mut state = self.reads.state();
        match state.poll_readable(cx) {
            Poll::Ready(()) => {
                let read = state.read(buffer.initialize_unfilled())?;
                buffer.advance(read);
                Poll::Ready(Ok(()))
            }
            Poll::Pending => Poll::Pending,
        }
    }
}

impl AsyncWrite for MemorySocket {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_write_slices(cx, &[IoSlice::new(bytes)])
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.poll_write_slices(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.shutdown_write();
        Poll::Ready(Ok(()))
    }
}

impl Pipe {
    fn new(bytes_max: usize) -> Arc<Pipe> {
        Arc::new(Pipe { bytes_max: bytes_max.max(1), state: Mutex::default() })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn poll_readable(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.bytes.is_empty() && !self.is_ended && !self.is_reset {
            self.reader = Some(cx.waker().clone());
            return Poll::Pending;
        }
        Poll::Ready(())
    }

    fn poll_writable(&mut self, bytes_max: usize, cx: &mut Context<'_>) -> Poll<()> {
        let is_over = self.is_ended || self.is_unread || self.is_reset;
        if self.bytes.len() >= bytes_max && !is_over {
            self.writer = Some(cx.waker().clone());
            return Poll::Pending;
        }
        Poll::Ready(())
    }

    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        if self.bytes.is_empty() {
            return match (self.is_reset, self.is_ended) {
                (true, _) => Err(io::ErrorKind::ConnectionReset.into()),
                (false, true) => Ok(0),
                (false, false) => Err(io::ErrorKind::WouldBlock.into()),
            };
        }
        // A ring is read in two pieces.
        let first = self.bytes.read(buffer)?;
        let read = first + self.bytes.read(buffer.get_mut(first..).unwrap_or_default())?;
        if self.bytes.is_empty() && self.bytes.capacity() > IDLE_BYTES_MAX {
            self.bytes = VecDeque::new();
        }
        wake(&mut self.writer);
        Ok(read)
    }

    fn write(&mut self, bytes_max: usize, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        if self.is_reset {
            return Err(io::ErrorKind::ConnectionReset.into());
        }
        if self.is_ended || self.is_unread {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        let mut room = bytes_max.saturating_sub(self.bytes.len());
        if room == 0 {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let mut written = 0;
        for slice in slices {
            let taken = slice.get(..room).unwrap_or(&**slice);
            self.bytes.extend(taken);
            written += taken.len();
            room -= taken.len();
        }
        if written > 0 {
            wake(&mut self.reader);
        }
        Ok(written)
    }

    fn end(&mut self) {
        self.is_ended = true;
        wake(&mut self.reader);
        wake(&mut self.writer);
    }

    fn reset(&mut self) {
        self.is_reset = true;
        wake(&mut self.reader);
        wake(&mut self.writer);
    }

    /// The reader goes. True when it has not read all.
    fn leave(&mut self) -> bool {
        self.is_unread = true;
        self.reader = None;
        let is_lost = !self.bytes.is_empty();
        self.bytes = VecDeque::new();
        wake(&mut self.writer);
        is_lost
    }
}

fn wake(waker: &mut Option<Waker>) {
    if let Some(waker) = waker.take() {
        waker.wake();
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    fn write(socket: &MemorySocket, text: &str) -> io::Result<usize> {
        let half = text.len() / 2;
        let slices = [IoSlice::new(&text.as_bytes()[..half]), IoSlice::new(&text.as_bytes()[half..])];
        socket.try_write_vectored(&slices)
    }

    fn kind<T: std::fmt::Debug>(result: io::Result<T>) -> io::ErrorKind {
        result.expect_err("an error").kind()
    }

    #[tokio::test]
    async fn bytes_arrive_in_order_however_little_finds_room() {
        let (mut one, mut other) = MemorySocket::pair(3);
        let text: Vec<u8> = (0..=255).cycle().take(10_000).collect();
        let (sent, received) = tokio::join!(
            async {
                one.write_all(&text).await?;
                one.shutdown().await
            },
            async {
                let mut received = Vec::new();
                other.read_to_end(&mut received).await.map(|_| received)
            }
        );
        sent.unwrap();
        assert!(received.unwrap() == text);
    }

    #[tokio::test]
    async fn who_does_not_read_holds_up_the_writer_until_there_is_room() {
        let (one, other) = MemorySocket::pair(4);
        assert_eq!(write(&one, "abcdef").unwrap(), 4);
        assert_eq!(kind(write(&one, "ef")), io::ErrorKind::WouldBlock);
        let mut writable = Box::pin(one.writable());
        assert!(poll_once(&mut writable).await.is_pending());
        let mut buffer = [0; 3];
        assert_eq!((other.try_read(&mut buffer).unwrap(), &buffer), (3, b"abc"));
        writable.await.unwrap();
        assert_eq!(write(&one, "efgh").unwrap(), 3);
        let mut buffer = [0; 9];
        assert_eq!((other.try_read(&mut buffer).unwrap(), &buffer[..4]), (4, &b"defg"[..]));
        assert_eq!(kind(other.try_read(&mut buffer)), io::ErrorKind::WouldBlock);
        assert_eq!(write(&other, "the other way is free").unwrap(), 4);
    }

    #[tokio::test]
    async fn an_end_that_is_shut_for_writing_still_reads() {
        let (one, other) = MemorySocket::pair(10);
        write(&one, "last").unwrap();
        one.shutdown_write();
        assert_eq!(kind(write(&one, "more")), io::ErrorKind::BrokenPipe);
        let mut buffer = [0; 10];
        assert_eq!(other.try_read(&mut buffer).unwrap(), 4);
        other.readable().await.unwrap();
        assert_eq!(other.try_read(&mut buffer).unwrap(), 0);
        write(&other, "answer").unwrap();
        one.readable().await.unwrap();
        assert_eq!(one.try_read(&mut buffer).unwrap(), 6);
    }

    #[tokio::test]
    async fn who_goes_having_read_all_leaves_an_end_and_what_was_written() {
        let (one, other) = MemorySocket::pair(10);
        write(&one, "bye").unwrap();
        drop(one);
        let mut buffer = [0; 10];
        assert_eq!(other.try_read(&mut buffer).unwrap(), 3);
        assert_eq!(other.try_read(&mut buffer).unwrap(), 0);
        assert_eq!(kind(write(&other, "hello?")), io::ErrorKind::BrokenPipe);
    }

    #[tokio::test]
    async fn who_goes_with_bytes_unread_or_resets_leaves_an_error() {
        for reset in [true, false] {
            let (one, other) = MemorySocket::pair(4);
            write(&other, "full").unwrap();
            write(&one, "last").unwrap();
            let mut writable = Box::pin(other.writable());
            assert!(poll_once(&mut writable).await.is_pending());
            if reset {
                one.reset();
            } else {
                drop(one);
            }
            writable.await.unwrap();
            assert_eq!(kind(write(&other, "more")), io::ErrorKind::ConnectionReset);
            let mut buffer = [0; 10];
            assert_eq!(other.try_read(&mut buffer).unwrap(), 4);
            assert_eq!(kind(other.try_read(&mut buffer)), io::ErrorKind::ConnectionReset);
        }
    }

    #[test]
    fn an_idle_connection_keeps_no_room() {
        let (one, other) = MemorySocket::pair(1 << 20);
        one.try_write_vectored(&[IoSlice::new(&[7; 100_000])]).unwrap();
        let mut buffer = vec![0; 1 << 20];
        assert_eq!(other.try_read(&mut buffer).unwrap(), 100_000);
        assert!(one.writes.state().bytes.capacity() <= IDLE_BYTES_MAX);
    }

    /// Polls once.
    async fn poll_once<F: Future + Unpin>(future: &mut F) -> Poll<F::Output> {
        poll_fn(|cx| Poll::Ready(Pin::new(&mut *future).poll(cx))).await
    }
}
