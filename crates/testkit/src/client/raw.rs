//! A WebSocket client that does what it is told, right or wrong.

use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::Instant;

use super::message::Fragments;
use super::{Answer, Close, Ended, Frame, Handshake, Message, PATIENCE};
use crate::connection::Connection;
use crate::url;

/// A connection to a WebSocket server.
///
/// To stop reading, do not call what reads; to close the TCP connection (FIN), drop it.
#[derive(Debug)]
pub struct RawClient {
    connection: Connection,
    fragments: Fragments,
    /// Pings that came are answered while a message is awaited; a test of the server's liveness check switches this off.
    pub answers_pings: bool,
}

impl RawClient {
    /// Makes the TCP connection to the host of `url` and sends nothing.
    ///
    /// # Panics
    ///
    /// When it is refused.
    pub async fn connect(url: &str) -> Self {
        Self::try_connect(url, None).await.unwrap_or_else(|ended| panic!("cannot connect to {url}: {ended}"))
    }

    /// As [`RawClient::connect`], with a small receive buffer, so that a server notices soon that this client does not read.
    ///
    /// # Panics
    ///
    /// When it is refused.
    pub async fn connect_with_receive_buffer(url: &str, bytes: u32) -> Self {
        Self::try_connect(url, Some(bytes))
            .await
            .unwrap_or_else(|ended| panic!("cannot connect to {url}: {ended}"))
    }

    /// Goes over a stream that is there already, in memory say, and sends nothing.
    pub fn over(stream: impl AsyncRead + AsyncWrite + Send + Sync + Unpin + 'static) -> Self {
        Self { connection: Connection::over(stream), fragments: Fragments::default(), answers_pings: true }
    }

    /// Connects, shakes hands as `change` has it, and returns the open WebSocket, or the answer where that is not a 101.
    ///
    /// # Panics
    ///
    /// When there is no answer, or a 101 that breaks RFC 6455.
    pub async fn open(url: &str, change: impl FnOnce(Handshake) -> Handshake) -> Result<Self, Answer> {
        match Self::try_open(url, change).await {
            Ok(opened) => opened.map(|(client, _)| client),
            Err(ended) => panic!("no handshake with {url}: {ended}"),
        }
    }

    /// As [`RawClient::open`], with the 101 as well; a server that is away or hangs is an `Err`.
    pub async fn try_open(
        url: &str,
        change: impl FnOnce(Handshake) -> Handshake,
    ) -> Result<Result<(Self, Answer), Answer>, Ended> {
        let mut client = Self::try_connect(url, None).await?;
        let answer = client.shake_hands(&Self::handshake(url, change)).await?;
        Ok(if answer.status == 101 { Ok((client, answer)) } else { Err(answer) })
    }

    /// Sends the request and reads the answer; a 101 is held against RFC 6455.
    pub async fn shake_hands(&mut self, handshake: &Handshake) -> Result<Answer, Ended> {
        self.write(&handshake.bytes()).await?;
        let answer = self.answer(PATIENCE).await?;
        if answer.status == 101 {
            check(&answer, handshake)?;
        }
        Ok(answer)
    }

    /// A correct opening request for `url`, changed by `change`.
    pub fn handshake(url: &str, change: impl FnOnce(Handshake) -> Handshake) -> Handshake {
        let (host, path) = url::split(url);
        change(Handshake::new(host, path))
    }

    /// Sends any bytes.
    pub async fn write(&mut self, bytes: &[u8]) -> Result<(), Ended> {
        self.connection.write(bytes).await
    }

    /// Sends a frame.
    pub async fn send(&mut self, frame: &Frame) -> Result<(), Ended> {
        self.write(&frame.encode()).await
    }

    /// Reads an HTTP answer with its body.
    pub async fn answer(&mut self, deadline: Duration) -> Result<Answer, Ended> {
        self.connection.answer(deadline).await
    }

    /// Reads one frame as it comes, without holding it against any rule.
    pub async fn next_frame(&mut self, deadline: Duration) -> Result<Frame, Ended> {
        Frame::read(&mut self.connection, Instant::now() + deadline).await
    }

    /// Reads one message, pings, pongs and Close included; frames that break RFC 6455 are [`Ended::Broken`].
    pub async fn next_message(&mut self, deadline: Duration) -> Result<Message, Ended> {
        let end = Instant::now() + deadline;
        loop {
            let frame = Frame::read(&mut self.connection, end).await?;
            let Some(message) = self.fragments.add(frame)? else { continue };
            if let Message::Ping(payload) = &message
                && self.answers_pings
            {
                self.send(&Frame::pong(payload)).await?;
            }
            return Ok(message);
        }
    }

    /// Reads one text, binary or Close; pings are answered and passed over, as a browser does it.
    pub async fn next_data(&mut self, deadline: Duration) -> Result<Message, Ended> {
        let end = Instant::now() + deadline;
        loop {
            match self.next_message(end.saturating_duration_since(Instant::now())).await? {
                Message::Ping(_) | Message::Pong(_) => {}
                message => return Ok(message),
            }
        }
    }

    /// Passes over what comes until the Close, answers it, and waits for the end of the stream.
    ///
    /// # Panics
    ///
    /// When no Close comes, or the server does not end the stream after it.
    pub async fn expect_close(&mut self) -> Close {
        let close = loop {
            match self.next_data(PATIENCE).await {
                Ok(Message::Close(close)) => break close,
                Ok(_) => {}
                Err(ended) => panic!("no Close: {ended}"),
            }
        };
        self.finish_close(&close).await;
        close
    }

    /// Answers a Close that was read and waits for the end of the stream.
    ///
    /// # Panics
    ///
    /// When the server does not end the stream.
    pub async fn finish_close(&mut self, close: &Close) {
        let echo = close.code.map_or_else(|| Frame::new(8, ""), |code| Frame::close(code, ""));
        // A server may have ended the stream together with its Close.
        self.send(&echo).await.ok();
        self.expect_end().await;
    }

    /// Waits for the end of the stream, by FIN or RST, and passes over nothing.
    ///
    /// # Panics
    ///
    /// When anything else comes, or nothing.
    pub async fn expect_end(&mut self) {
        match self.next_frame(PATIENCE).await {
            Err(Ended::Eof | Ended::Reset) => {}
            other => panic!("expected the end of the stream: {other:?}"),
        }
    }

    /// Ends our side of the stream (FIN) and can still read.
    pub async fn half_close(&mut self) -> Result<(), Ended> {
        self.connection.half_close().await
    }

    /// Goes away with an RST and without a Close.
    pub fn vanish(self) {
        self.connection.vanish();
    }

    /// The local port, as the server sees it.
    ///
    /// # Panics
    ///
    /// When the system does not know it.
    pub fn local_port(&self) -> u16 {
        self.connection.local_port().unwrap_or_else(|error| panic!("a socket without an address: {error}"))
    }

    async fn try_connect(url: &str, receive_buffer_bytes: Option<u32>) -> Result<Self, Ended> {
        let connection = Connection::open(url::split(url).0, receive_buffer_bytes).await?;
        let fragments = Fragments::default();
        Ok(Self { connection, fragments, answers_pings: true })
    }
}

/// What RFC 6455, 4.2.2 asks of a 101.
fn check(answer: &Answer, handshake: &Handshake) -> Result<(), Ended> {
    let broken = |how: String| Err(Ended::Broken(format!("{how}: {answer:?}")));
    let says = |name: &str, word: &str| {
        let words = answer.headers_named(name).join(",");
        words.split(',').any(|said| said.trim().eq_ignore_ascii_case(word))
    };
    if !says("Upgrade", "websocket") || !says("Connection", "upgrade") {
        return broken("a 101 that upgrades to something else".to_owned());
    }
    if answer.header("Sec-WebSocket-Accept") != Some(&handshake.expected_accept()) {
        return broken(format!("Sec-WebSocket-Accept is not {}", handshake.expected_accept()));
    }
    if !answer.headers_named("Sec-WebSocket-Extensions").is_empty() {
        return broken("an extension that nobody offered".to_owned());
    }
    match answer.headers_named("Sec-WebSocket-Protocol").as_slice() {
        [] => Ok(()),
        [chosen] if handshake.offered().contains(chosen) => Ok(()),
        other => broken(format!("a subprotocol that was not offered: {other:?}")),
    }
}
