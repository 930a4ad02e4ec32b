//! A connection read with deadlines, over TCP or over any stream: what the raw WebSocket client and the HTTP client stand on.

use std::fmt;
use std::io::{self, ErrorKind};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::{TcpSocket, TcpStream, lookup_host};
use tokio::time::{Instant, timeout_at};

use crate::http::Answer;

/// Room made for one read from the socket.
const READ_BYTES_MAX: usize = 16 * 1024;
/// Linux sizes the buffer of whoever writes to us by our segments: on loopback, with its own, it would hold 2.8 MB.
const SMALL_SEGMENT_BYTES: u32 = 536;
/// A writer whose peer does not read gets this long; tests of slow readers write less than the buffers hold.
const WRITE_DEADLINE: Duration = Duration::from_secs(30);

/// Why nothing more was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ended {
    /// The deadline has passed; the connection is as it was.
    TimedOut,
    /// The peer ended the stream (FIN).
    Eof,
    /// The peer reset the connection (RST).
    Reset,
    /// What came is against the rules.
    Broken(String),
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TimedOut => write!(f, "nothing came in time"),
            Self::Eof => write!(f, "the peer ended the stream"),
            Self::Reset => write!(f, "the peer reset the connection"),
            Self::Broken(how) => write!(f, "against the rules: {how}"),
        }
    }
}

impl From<io::Error> for Ended {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            ErrorKind::ConnectionReset | ErrorKind::BrokenPipe | ErrorKind::ConnectionAborted => Self::Reset,
            ErrorKind::TimedOut => Self::TimedOut,
            _ => Self::Broken(error.to_string()),
        }
    }
}

/// A connection and what was read from it ahead.
#[derive(Debug)]
pub(crate) struct Connection {
    stream: Stream,
    ahead: Vec<u8>,
}

/// What a connection goes over.
enum Stream {
    Tcp(TcpStream),
    Other(Box<dyn Duplex>),
}

/// Bytes in both directions.
trait Duplex: AsyncRead + AsyncWrite + Send + Sync + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Sync + Unpin> Duplex for T {}

impl Connection {
    /// Connects to `host:port`; a small `receive_buffer_bytes` makes a client that does not read felt early.
    pub(crate) async fn open(host: &str, receive_buffer_bytes: Option<u32>) -> io::Result<Self> {
        let address = lookup_host(host).await?.next().ok_or(ErrorKind::NotFound)?;
        let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
        if let Some(bytes) = receive_buffer_bytes {
            socket.set_recv_buffer_size(bytes)?;
            SockRef::from(&socket).set_tcp_mss(SMALL_SEGMENT_BYTES)?;
        }
        let stream = socket.connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream: Stream::Tcp(stream), ahead: Vec::new() })
    }

    /// Goes over a stream that is there already, in memory say.
    pub(crate) fn over(stream: impl AsyncRead + AsyncWrite + Send + Sync + Unpin + 'static) -> Self {
        Self { stream: Stream::Other(Box::new(stream)), ahead: Vec::new() }
    }

    /// The local port, as the server sees it; only TCP has one.
    pub(crate) fn local_port(&self) -> io::Result<u16> {
        match &self.stream {
            Stream::Tcp(stream) => stream.local_addr().map(|address| address.port()),
            Stream::Other(_) => Err(ErrorKind::Unsupported.into()),
        }
    }

    pub(crate) async fn write(&mut self, bytes: &[u8]) -> Result<(), Ended> {
        let end = Instant::now() + WRITE_DEADLINE;
        timeout_at(end, self.stream.write_all(bytes)).await.map_err(|_| Ended::TimedOut)??;
        Ok(())
    }

    /// Ends our side of the stream.
    pub(crate) async fn half_close(&mut self) -> Result<(), Ended> {
        Ok(self.stream.shutdown().await?)
    }

    /// Goes away with an RST, over TCP; any other stream is dropped.
    pub(crate) fn vanish(self) {
        if let Stream::Tcp(stream) = &self.stream {
            stream.set_zero_linger().ok();
        }
    }

    /// Exactly `length` bytes.
    pub(crate) async fn take(&mut self, length: usize, end: Instant) -> Result<Vec<u8>, Ended> {
        self.peek(length, end).await?;
        Ok(self.ahead.drain(..length).collect())
    }

    /// The next `length` bytes without taking them; after an error what had come is still there for the next call.
    pub(crate) async fn peek(&mut self, length: usize, end: Instant) -> Result<&[u8], Ended> {
        while self.ahead.len() < length {
            self.read_more(end).await?;
        }
        Ok(&self.ahead[..length])
    }

    /// One line without its line end.
    pub(crate) async fn take_line(&mut self, end: Instant) -> Result<String, Ended> {
        loop {
            if let Some(at) = self.ahead.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.ahead.drain(..=at).collect();
                let text = String::from_utf8(line)
                    .map_err(|_| Ended::Broken("a line that is no UTF-8".to_owned()))?;
                return Ok(text.trim_end_matches(['\r', '\n']).to_owned());
            }
            self.read_more(end).await?;
        }
    }

    /// Everything up to the end of the stream.
    pub(crate) async fn take_rest(&mut self, end: Instant) -> Result<Vec<u8>, Ended> {
        loop {
            match self.read_more(end).await {
                Ok(()) => {}
                Err(Ended::Eof) => return Ok(std::mem::take(&mut self.ahead)),
                Err(other) => return Err(other),
            }
        }
    }

    /// One HTTP answer with its body.
    pub(crate) async fn answer(&mut self, deadline: Duration) -> Result<Answer, Ended> {
        Answer::read(self, Instant::now() + deadline).await
    }

    async fn read_more(&mut self, end: Instant) -> Result<(), Ended> {
        self.ahead.reserve(READ_BYTES_MAX);
        let read = self.stream.read_buf(&mut self.ahead);
        match timeout_at(end, read).await.map_err(|_| Ended::TimedOut)?? {
            0 => Err(Ended::Eof),
            _ => Ok(()),
        }
    }
}

impl fmt::Debug for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(stream) => stream.fmt(f),
            Self::Other(_) => f.write_str("a stream"),
        }
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_read(cx, buffer),
            Self::Other(stream) => Pin::new(stream).poll_read(cx, buffer),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_write(cx, bytes),
            Self::Other(stream) => Pin::new(stream).poll_write(cx, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_flush(cx),
            Self::Other(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Other(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}
