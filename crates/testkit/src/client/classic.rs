//! A client of the dialect `classic`, as the browsers of the older Java service speak it.

use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};

use super::{Answer, Close, Ended, Frame, Handshake, Message, PATIENCE, RawClient};

/// `msgType` of a message to one user.
const DIRECT: i64 = 10;
/// `msgType` of a message to a group.
const GROUP: i64 = 20;

/// What a classic client is sent; no other field is allowed.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ClassicMessage {
    /// The text; other JSON values come as their text.
    pub content: Option<String>,
    /// Absent where an outside producer named no sender.
    pub from_user_id: Option<i64>,
    /// 10 direct, 20 group.
    pub msg_type: Option<i64>,
    /// Milliseconds since 1970.
    pub time: Option<i64>,
    /// The recipient, or the group as it was sent.
    pub to_user_id: Option<i64>,
    /// The frame byte for byte.
    #[serde(skip)]
    pub text: String,
}

/// One session.
#[derive(Debug)]
pub struct ClassicClient {
    raw: RawClient,
    name: String,
}

impl ClassicClient {
    /// Opens `ws://host:port/ws/<user>` and offers no subprotocol, as the old clients do.
    ///
    /// # Panics
    ///
    /// When it is refused.
    pub async fn connect(url: &str) -> Self {
        match Self::open(url, |handshake| handshake).await {
            Ok(client) => client,
            Err(answer) => {
                panic!("{url} answers {}: {:?}", answer.status, String::from_utf8_lossy(&answer.body))
            }
        }
    }

    /// Shakes hands with a changed handshake: `|handshake| handshake.protocols("classic")`; an answer that is not a 101 is an `Err`.
    ///
    /// # Panics
    ///
    /// When there is no answer.
    pub async fn open(url: &str, change: impl FnOnce(Handshake) -> Handshake) -> Result<Self, Answer> {
        let raw = RawClient::open(url, change).await?;
        Ok(Self { raw, name: url.to_owned() })
    }

    /// The WebSocket below.
    pub fn raw(&mut self) -> &mut RawClient {
        &mut self.raw
    }

    /// Sends a direct message.
    pub async fn send_to_user(&mut self, user: i64, content: impl Into<Value>) {
        self.send(DIRECT, user, content.into()).await;
    }

    /// Sends a group message.
    pub async fn send_to_group(&mut self, group: i64, content: impl Into<Value>) {
        self.send(GROUP, group, content.into()).await;
    }

    /// Sends a text frame as it is.
    ///
    /// # Panics
    ///
    /// When the connection is gone.
    pub async fn send_text(&mut self, text: &str) {
        let sent = self.raw.send(&Frame::text(text)).await;
        sent.unwrap_or_else(|ended| panic!("{}: cannot send: {ended}", self.name));
    }

    /// The next text frame as it is: a message, or a note such as that before an eviction.
    ///
    /// # Panics
    ///
    /// When none comes by the deadline.
    pub async fn next_text(&mut self, deadline: Duration) -> String {
        match self.raw.next_data(deadline).await {
            Ok(Message::Text(text)) => text,
            other => panic!("{}: expected a text, got {other:?}", self.name),
        }
    }

    /// The next frame, which must be a message.
    ///
    /// # Panics
    ///
    /// When none comes in time, or it is something else.
    pub async fn expect_message(&mut self) -> ClassicMessage {
        let text = self.next_text(PATIENCE).await;
        let message: Result<ClassicMessage, _> = serde_json::from_str(&text);
        let message = message.unwrap_or_else(|error| panic!("{}: no message ({error}): {text}", self.name));
        ClassicMessage { text, ..message }
    }

    /// Fails when anything comes within `time`.
    ///
    /// # Panics
    ///
    /// Then, and when the session ends.
    pub async fn expect_silence(&mut self, time: Duration) {
        match self.raw.next_data(time).await {
            Err(Ended::TimedOut) => {}
            other => panic!("{}: expected silence, got {other:?}", self.name),
        }
    }

    /// Waits for a Close and the end of the stream, passing over what comes before.
    ///
    /// # Panics
    ///
    /// When no Close comes in time.
    pub async fn expect_close(&mut self) -> Close {
        self.raw.expect_close().await
    }

    /// Leaves politely: Close 1000, and waits for the answer.
    ///
    /// # Panics
    ///
    /// When the server does not answer.
    pub async fn close(mut self) {
        self.raw.send(&Frame::close(1000, "")).await.ok();
        self.raw.expect_close().await;
    }

    /// Goes away with an RST and without a Close.
    pub fn vanish(self) {
        self.raw.vanish();
    }

    async fn send(&mut self, kind: i64, to: i64, content: Value) {
        self.send_text(&json!({ "msgType": kind, "to": to, "content": content }).to_string()).await;
    }
}
