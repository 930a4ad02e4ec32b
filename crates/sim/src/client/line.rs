//! A client's line to a node: the handshake over a socket in memory, then whole messages in both directions.

use std::time::Duration;

use testkit::client::{Ended, Frame, Handshake, Message, RawClient};
use tokio::time::timeout;

use crate::stage::Stage;

/// How long a node may take to open a session and to say `welcome`.
const OPEN_PATIENCE: Duration = Duration::from_secs(20);
/// Longer than any run: who waits for a message is told otherwise when to stop.
const NO_END: Duration = Duration::from_secs(100_000);

/// A line that is open.
#[derive(Debug)]
pub struct Line {
    raw: RawClient,
}

/// How the first frame of a session that may stay begins.
const WELCOME: &str = r#"{"type":"welcome","#;

/// What came over a line.
#[derive(Debug)]
pub enum Came {
    /// A frame.
    Text(String),
    /// A ping, to be answered.
    Ping(Vec<u8>),
    /// A Close, and its code.
    Closed(u16),
    /// The end of the stream without a Close.
    Cut,
}

/// The code for an end without a Close.
pub const NO_CLOSE: u16 = 1006;
/// RFC 6455, 7.1.5: the code of a Close that names none.
const NO_CODE: u16 = 1005;

impl Line {
    /// Opens a session on a node, and hears its `welcome`. `None` where that does not succeed.
    pub async fn open(stage: &Stage, node: usize, path: &str, protocol: &str) -> Option<(Line, String)> {
        let (socket, host) = stage.cluster.dial(node)?;
        let mut raw = RawClient::over(socket);
        raw.answers_pings = false;
        let mut line = Line { raw };
        let handshake = Handshake::new(&host, path).protocols(protocol);
        let opening = async {
            match line.raw.shake_hands(&handshake).await {
                Ok(answer) if answer.status == 101 => {}
                Ok(_) | Err(_) => return None,
            }
            if protocol == "classic" {
                return Some(String::new());
            }
            match line.next().await {
                Came::Text(welcome) if welcome.starts_with(WELCOME) => Some(welcome),
                // Replaced, or turned away, before it was welcome.
                Came::Text(_) => None,
                Came::Closed(_) | Came::Cut | Came::Ping(_) => None,
            }
        };
        let welcome = timeout(OPEN_PATIENCE, opening).await.ok().flatten()?;
        Some((line, welcome))
    }

    /// The next thing. Cancel safe.
    ///
    /// # Panics
    /// When the node breaks RFC 6455.
    pub async fn next(&mut self) -> Came {
        loop {
            match self.raw.next_message(NO_END).await {
                Ok(Message::Text(text)) => return Came::Text(text),
                Ok(Message::Ping(payload)) => return Came::Ping(payload),
                Ok(Message::Pong(_)) => {}
                Ok(Message::Close(close)) => return Came::Closed(close.code.unwrap_or(NO_CODE)),
                Ok(Message::Binary(_)) => panic!("a node sent a binary message"),
                Err(Ended::Broken(how)) => panic!("a node broke the rules of the WebSocket: {how}"),
                Err(Ended::Eof | Ended::Reset | Ended::TimedOut) => return Came::Cut,
            }
        }
    }

    /// Answers a ping; false when the line is gone.
    pub async fn pong(&mut self, payload: &[u8]) -> bool {
        self.raw.send(&Frame::pong(payload)).await.is_ok()
    }

    /// Answers a Close that came.
    pub async fn echo_close(&mut self, code: u16) {
        // The node may be gone already.
        self.raw.send(&Frame::close(code, "")).await.ok();
    }

    /// Sends a frame; false when the line is gone.
    pub async fn say(&mut self, text: &str) -> bool {
        self.raw.send(&Frame::text(text)).await.is_ok()
    }

    /// Says goodbye, and hears the answer if there is one.
    pub async fn leave(mut self) {
        if self.raw.send(&Frame::close(1000, "")).await.is_err() {
            return;
        }
        let answered = async { while let Came::Text(_) | Came::Ping(_) = self.next().await {} };
        // A node that does not answer is left without it.
        timeout(Duration::from_secs(3), answered).await.ok();
    }
}
