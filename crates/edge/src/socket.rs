//! A connected socket: TCP's, or one in memory, with what a WebSocket session needs of it.
//!
//! Which one it is costs a branch a call. It knows nothing of what is said on it.

use std::io::{self, IoSlice, Read};
use std::net::Shutdown;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf};
use tokio::net::TcpStream;

use crate::MemorySocket;

/// A connected socket. Of each direction, one task at a time may wait.
#[derive(Debug)]
pub enum Socket {
    /// A real one.
    Tcp(TcpStream),
    /// One in this process.
    Memory(MemorySocket),
}

impl Socket {
    /// Waits until a read would probably not wait. Cancel safe.
    pub async fn readable(&self) -> io::Result<()> {
        match self {
            Socket::Tcp(socket) => socket.readable().await,
            Socket::Memory(socket) => socket.readable().await,
        }
    }

    /// Waits until a write would probably not wait. Cancel safe.
    pub async fn writable(&self) -> io::Result<()> {
        match self {
            Socket::Tcp(socket) => socket.writable().await,
            Socket::Memory(socket) => socket.writable().await,
        }
    }

    /// Reads what is there, without waiting; 0 is the end.
    pub fn try_read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Socket::Tcp(socket) => read_once(socket, buffer),
            Socket::Memory(socket) => socket.try_read(buffer),
        }
    }

    /// Writes what finds room, without waiting.
    pub fn try_write_vectored(&self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        match self {
            Socket::Tcp(socket) => match slices {
                // The kernel has less to do for one.
                [one] => socket.try_write(one),
                many => socket.try_write_vectored(many),
            },
            Socket::Memory(socket) => socket.try_write_vectored(slices),
        }
    }

    /// Lets go of the task that waited here last to read: what has ended would otherwise be held in memory for as long as the socket lives.
    pub(crate) fn forget_reader(&self) {
        if let Socket::Tcp(socket) = self {
            // Nobody is woken by this waker, and it takes the place of the other; where something has come already nothing is replaced.
            let _whether_readable = socket.poll_read_ready(&mut Context::from_waker(Waker::noop()));
        }
    }

    /// Ends our direction; the other end may go on.
    pub fn shutdown_write(&self) -> io::Result<()> {
        match self {
            Socket::Tcp(socket) => SockRef::from(socket).shutdown(Shutdown::Write),
            Socket::Memory(socket) => {
                socket.shutdown_write();
                Ok(())
            }
        }
    }
}

/// Reads what is there. A read that does not fill the buffer has emptied the socket, so the next `readable` waits for the kernel's word
/// instead of trying: what comes after the read is told anew.
fn read_once(socket: &TcpStream, buffer: &mut [u8]) -> io::Result<usize> {
    let mut read = 0;
    let tried = socket.try_io(Interest::READABLE, || {
        read = (&*SockRef::from(socket)).read(buffer)?;
        let emptied = read > 0 && read < buffer.len();
        // That nothing more is there is said in the words in which a socket says it.
        if emptied { Err(io::ErrorKind::WouldBlock.into()) } else { Ok(()) }
    });
    match tried {
        Err(_) if read > 0 => Ok(read),
        tried => tried.map(|()| read),
    }
}

impl From<TcpStream> for Socket {
    fn from(socket: TcpStream) -> Self {
        Socket::Tcp(socket)
    }
}

impl From<MemorySocket> for Socket {
    fn from(socket: MemorySocket) -> Self {
        Socket::Memory(socket)
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Socket::Tcp(socket) => Pin::new(socket).poll_read(cx, buffer),
            Socket::Memory(socket) => Pin::new(socket).poll_read(cx, buffer),
        }
    }
}

impl AsyncWrite for Socket {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Socket::Tcp(socket) => Pin::new(socket).poll_write(cx, bytes),
            Socket::Memory(socket) => Pin::new(socket).poll_write(cx, bytes),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Socket::Tcp(socket) => Pin::new(socket).poll_write_vectored(cx, slices),
            Socket::Memory(socket) => Pin::new(socket).poll_write_vectored(cx, slices),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            Socket::Tcp(socket) => socket.is_write_vectored(),
            Socket::Memory(socket) => socket.is_write_vectored(),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Socket::Tcp(socket) => Pin::new(socket).poll_flush(cx),
            Socket::Memory(socket) => Pin::new(socket).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Socket::Tcp(socket) => Pin::new(socket).poll_shutdown(cx),
            Socket::Memory(socket) => Pin::new(socket).poll_shutdown(cx),
        }
    }
}
