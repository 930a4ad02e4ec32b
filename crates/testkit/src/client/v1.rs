//! A client of the dialect `trunkline.v1`, pleasant to write stories with.
//!
//! It knows the frames' outer form only: what is in them is for the test to say.
//! A frame that was passed over by a wait for another one is kept for a later wait, in its order.

use std::collections::VecDeque;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;

use super::{Answer, Close, Ended, Frame, Handshake, Message, PATIENCE, RawClient};
use crate::random;

/// The subprotocol that this client offers.
const PROTOCOL: &str = "trunkline.v1";
/// The protocol's promise: Spring's gateway would drop what is longer.
const FRAME_BYTES_MAX: usize = 65_536;
/// Every frame of a node begins with its type.
const FRAME_BEGIN: &str = r#"{"type":""#;

/// One session.
#[derive(Debug)]
pub struct V1Client {
    raw: RawClient,
    waiting: VecDeque<Value>,
    closed: Option<Close>,
    /// The first frame, where the session was opened with one; `null` before.
    pub welcome: Value,
    /// For failures.
    name: String,
}

impl V1Client {
    /// Opens `ws://host:port/ws/<user>?device=…` and waits for `welcome`.
    ///
    /// # Panics
    ///
    /// When it is refused, or something else comes first.
    pub async fn connect(url: &str) -> Self {
        Self::connect_with(url, |handshake| handshake).await
    }

    /// As [`V1Client::connect`], with a changed handshake: `|handshake| handshake.bearer(&token)`.
    ///
    /// # Panics
    ///
    /// When it is refused, or something else comes first.
    pub async fn connect_with(url: &str, change: impl FnOnce(Handshake) -> Handshake) -> Self {
        let mut client = match Self::open(url, change).await {
            Ok(client) => client,
            Err(answer) => {
                panic!("{url} answers {}: {:?}", answer.status, String::from_utf8_lossy(&answer.body))
            }
        };
        client.welcome = client.next_json(PATIENCE).await;
        assert_eq!(client.welcome["type"], "welcome", "{url}: the first frame is {}", client.welcome);
        client
    }

    /// Shakes hands and waits for no frame; an answer that is not a 101 is an `Err`.
    ///
    /// # Panics
    ///
    /// When there is no answer.
    pub async fn open(url: &str, change: impl FnOnce(Handshake) -> Handshake) -> Result<Self, Answer> {
        let raw = RawClient::open(url, |handshake| change(handshake.protocols(PROTOCOL))).await?;
        Ok(Self::over(raw, url))
    }

    /// Goes on with a WebSocket that was opened by hand.
    pub fn over(raw: RawClient, name: &str) -> Self {
        let name = name.to_owned();
        Self { raw, waiting: VecDeque::new(), closed: None, welcome: Value::Null, name }
    }

    /// The WebSocket below, for frames that this client would not send.
    pub fn raw(&mut self) -> &mut RawClient {
        &mut self.raw
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

    /// Sends a JSON frame as it is.
    ///
    /// # Panics
    ///
    /// When the connection is gone.
    pub async fn send_json(&mut self, frame: &Value) {
        self.send_text(&frame.to_string()).await;
    }

    /// Sends a message to a user and returns the id under which its answer comes.
    pub async fn send_to_user(&mut self, user: &str, content: impl Into<Value>) -> String {
        self.send(json!({ "user": user }), content.into()).await
    }

    /// Sends a message to a group and returns the id under which its answer comes.
    pub async fn send_to_group(&mut self, group: &str, content: impl Into<Value>) -> String {
        self.send(json!({ "group": group }), content.into()).await
    }

    /// Sends a message under an id of the test's own, as a client does that tries again.
    pub async fn send_as(&mut self, id: &str, to: &Value, content: &Value) {
        self.send_json(&json!({ "type": "send", "id": id, "to": to, "content": content })).await;
    }

    /// Sends a signal, which is not stored; `to` is `{"user":…}` or `{"group":…}`.
    pub async fn send_signal(&mut self, to: &Value, content: &Value) {
        self.send_json(&json!({ "type": "send", "to": to, "content": content, "signal": true })).await;
    }

    /// Sends `hello` with what this client holds of each conversation, and waits for `ready`, which comes after all that was missed.
    ///
    /// # Panics
    ///
    /// When `ready` does not come.
    pub async fn hello(&mut self, epoch: &Value, have: &Value) -> Value {
        self.request(json!({ "type": "hello", "epoch": epoch, "have": have })).await
    }

    /// Sends a request under a new id and returns the frame that answers it, whether an answer or an `error`.
    ///
    /// # Panics
    ///
    /// When no answer comes.
    pub async fn request(&mut self, mut frame: Value) -> Value {
        let id = random::id();
        frame["id"] = json!(id);
        self.send_json(&frame).await;
        self.expect_answer(&id).await
    }

    /// Waits until everything that was sent before has been answered.
    ///
    /// # Panics
    ///
    /// When no `pong` comes.
    pub async fn ping(&mut self) {
        self.send_json(&json!({ "type": "ping" })).await;
        self.expect_type("pong").await;
    }

    /// The next frame, whatever it is.
    ///
    /// # Panics
    ///
    /// When none comes by the deadline, or the session ends.
    pub async fn next_json(&mut self, deadline: Duration) -> Value {
        match self.try_next(deadline).await {
            Ok(frame) => frame,
            Err(ended) => panic!("{}: the next frame: {ended}{}", self.name, self.how_it_closed()),
        }
    }

    /// The next frame, or why there is none; after a Close that is [`Ended::Eof`], and [`V1Client::closed`] tells its code.
    pub async fn try_next(&mut self, deadline: Duration) -> Result<Value, Ended> {
        match self.waiting.pop_front() {
            Some(frame) => Ok(frame),
            None => self.receive(deadline).await,
        }
    }

    /// The first frame of this type among those passed over and those to come.
    ///
    /// # Panics
    ///
    /// When none comes in time, or the session ends.
    pub async fn expect_type(&mut self, kind: &str) -> Value {
        self.expect(&format!("a frame of type {kind}"), |frame| frame["type"] == kind).await
    }

    /// The first frame with this id that answers a request: every frame with it but `message`, which carries its send's.
    ///
    /// # Panics
    ///
    /// When none comes in time, or the session ends.
    pub async fn expect_answer(&mut self, id: &str) -> Value {
        self.expect(&format!("the answer to {id}"), |frame| frame["id"] == id && frame["type"] != "message")
            .await
    }

    /// The first frame that `wanted` agrees with, among those passed over and those to come.
    ///
    /// # Panics
    ///
    /// When none comes in time, or the session ends.
    pub async fn expect(&mut self, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        if let Some(frame) = self.waiting.iter().position(&wanted).and_then(|at| self.waiting.remove(at)) {
            return frame;
        }
        let end = Instant::now() + PATIENCE;
        loop {
            match self.receive(end.saturating_duration_since(Instant::now())).await {
                Ok(frame) if wanted(&frame) => return frame,
                Ok(frame) => self.waiting.push_back(frame),
                Err(ended) => {
                    let came: Vec<String> = self.waiting.iter().map(Value::to_string).collect();
                    panic!("{}: {what}: {ended}{}; what came: {came:#?}", self.name, self.how_it_closed())
                }
            }
        }
    }

    /// Fails when any frame comes within `time`, or one was passed over before.
    ///
    /// # Panics
    ///
    /// Then, and when the session ends.
    pub async fn expect_silence(&mut self, time: Duration) {
        match self.try_next(time).await {
            Err(Ended::TimedOut) => {}
            Ok(frame) => panic!("{}: expected silence, got {frame}", self.name),
            Err(ended) => panic!("{}: expected silence: {ended}{}", self.name, self.how_it_closed()),
        }
    }

    /// Waits for the end: `bye` with this code, a Close with it, and the end of the stream. Returns the `bye`.
    ///
    /// # Panics
    ///
    /// When the session ends otherwise, or not in time.
    pub async fn expect_bye(&mut self, code: u16) -> Value {
        let bye = self.expect_type("bye").await;
        assert_eq!(bye["code"], code, "{}: {bye}", self.name);
        let close = self.expect_close().await;
        assert_eq!(close.code, Some(code), "{}: {close} after {bye}", self.name);
        bye
    }

    /// Waits for a Close and the end of the stream; frames before it are kept.
    ///
    /// # Panics
    ///
    /// When no Close comes in time.
    pub async fn expect_close(&mut self) -> Close {
        let end = Instant::now() + PATIENCE;
        loop {
            if let Some(close) = self.closed.clone() {
                self.raw.finish_close(&close).await;
                return close;
            }
            match self.receive(end.saturating_duration_since(Instant::now())).await {
                Ok(frame) => self.waiting.push_back(frame),
                Err(_) if self.closed.is_some() => {}
                Err(ended) => panic!("{}: no Close: {ended}", self.name),
            }
        }
    }

    /// The Close that came, if one came.
    pub fn closed(&self) -> Option<&Close> {
        self.closed.as_ref()
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

    async fn send(&mut self, to: Value, content: Value) -> String {
        let id = random::id();
        self.send_as(&id, &to, &content).await;
        id
    }

    async fn receive(&mut self, deadline: Duration) -> Result<Value, Ended> {
        if self.closed.is_some() {
            return Err(Ended::Eof);
        }
        match self.raw.next_data(deadline).await? {
            Message::Text(text) => frame(&text),
            Message::Close(close) => {
                self.closed = Some(close);
                Err(Ended::Eof)
            }
            other => Err(Ended::Broken(format!("not a text frame: {other:?}"))),
        }
    }

    fn how_it_closed(&self) -> String {
        self.closed.as_ref().map(|close| format!(" after {close}")).unwrap_or_default()
    }
}

/// A frame of a node, held against what is promised of every one.
fn frame(text: &str) -> Result<Value, Ended> {
    if text.len() > FRAME_BYTES_MAX {
        return Err(Ended::Broken(format!("a frame of {} bytes", text.len())));
    }
    if !text.starts_with(FRAME_BEGIN) {
        return Err(Ended::Broken(format!("a frame that does not begin with its type: {text}")));
    }
    serde_json::from_str(text).map_err(|error| Ended::Broken(format!("not JSON ({error}): {text}")))
}
