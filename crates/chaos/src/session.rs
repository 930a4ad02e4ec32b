//! One session of a user: a socket through a gateway, from its handshake to its end, in a task of its own.
//!
//! It writes down what reaches it before anybody else hears of it, and what the user does with it is the user's affair.
//! It notices a dead connection as the project's JavaScript client does: by a ping of its own.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};
use testkit::client::{Frame, Message, RawClient};
use testkit::judge::{Fact, Facts, Payload};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until, timeout};

use crate::have::Have;

/// From the first byte to the 101, and from there to `welcome`; a gateway tries several nodes in this time.
const OPEN_DEADLINE: Duration = Duration::from_secs(5);
/// A write of one frame; a socket that takes nothing for so long is given up.
const WRITE_DEADLINE: Duration = Duration::from_secs(5);
/// Silence after which the client asks whether anybody is there, and after which it gives up when nobody says so.
const SILENCE_MAX: Duration = Duration::from_secs(4);
/// No session waits longer for anything.
const FOR_EVER: Duration = Duration::from_secs(24 * 3600);
/// A socket that ended without a Close frame.
const NO_CLOSE: u16 = 1006;
/// A Close frame without a code.
const NO_CODE: u16 = 1005;
/// The client is done.
const GOING: u16 = 1000;

/// What a user tells a session.
#[derive(Debug)]
pub(crate) enum Command {
    /// Send this text frame.
    Say(String),
    /// Read nothing for so long.
    BeDeaf(Duration),
    /// Say nothing any more, not even that it is there: so a node sees a client whose network is gone.
    FallSilent,
    /// Leave politely.
    Leave,
    /// Go without a word.
    Vanish,
}

/// What a session tells its user.
#[derive(Debug)]
pub(crate) enum News {
    /// It is welcome.
    Opened { session: String },
    /// A frame that the user may want to act on.
    Came(Value),
    /// It has ended, or could not be opened.
    Ended,
}

/// The highest `seq` that anybody has seen of each conversation.
#[derive(Debug, Default)]
pub(crate) struct Heads(Mutex<BTreeMap<String, u64>>);

/// What a session is to be.
pub(crate) struct Opening {
    /// Which of the user's sessions.
    pub(crate) key: u64,
    /// Whose.
    pub(crate) user: String,
    /// On what.
    pub(crate) device: &'static str,
    /// Through which gateway.
    pub(crate) door: SocketAddr,
    /// What the device holds; with it the session resumes.
    pub(crate) have: Option<Arc<Mutex<Have>>>,
    /// Whom it tells.
    pub(crate) facts: Arc<Facts>,
    /// What the highest messages are.
    pub(crate) heads: Arc<Heads>,
    /// Whom else it tells.
    pub(crate) news: mpsc::Sender<(u64, News)>,
    /// What it is told.
    pub(crate) commands: mpsc::Receiver<Command>,
}

/// An open session.
struct Session {
    socket: RawClient,
    user: String,
    session: String,
    have: Option<Arc<Mutex<Have>>>,
    facts: Arc<Facts>,
    heads: Arc<Heads>,
    commands: mpsc::Receiver<Command>,
    key: u64,
    news: mpsc::Sender<(u64, News)>,
    is_silent: bool,
}

impl Heads {
    /// Somebody has seen this.
    fn seen(&self, conversation: &str, seq: u64) {
        let mut heads = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let head = heads.entry(conversation.to_owned()).or_default();
        *head = seq.max(*head);
    }

    /// All of them.
    pub(crate) fn all(&self) -> BTreeMap<String, u64> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// What a device holds, for reading and writing.
pub(crate) fn held(have: &Mutex<Have>) -> MutexGuard<'_, Have> {
    have.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Opening {
    /// Opens the session and lives it to its end.
    pub(crate) async fn live(self) {
        let (key, news) = (self.key, self.news.clone());
        if let Some(session) = self.open().await {
            session.live().await;
        }
        // A user who is gone needs no news.
        news.send((key, News::Ended)).await.ok();
    }

    /// A welcomed session that has said what it holds; `None` where it is refused or lost.
    async fn open(self) -> Option<Session> {
        // What is opened is written down as opened, and from there on nothing is given up without a word.
        let (socket, welcome) = self.welcomed().await?;
        let session = text_of(&welcome, "session");
        self.facts.record(Fact::Opened {
            user: self.user.clone(),
            session: session.clone(),
            device: self.device.to_owned(),
            node: welcome["node"].as_str().map(str::to_owned),
            resumed: self.have.is_some(),
        });
        let Self { key, user, have, facts, heads, news, commands, .. } = self;
        let mut opened = Session {
            socket,
            user,
            session: session.clone(),
            have,
            facts,
            heads,
            commands,
            key,
            news,
            is_silent: false,
        };
        if let Some(have) = &opened.have {
            let have = held(have).to_json();
            let hello = json!({ "type": "hello", "id": "hello", "epoch": welcome["epoch"], "have": have });
            if !opened.say(&hello.to_string()).await {
                opened.over(NO_CLOSE);
                return None;
            }
        }
        opened.tell(News::Opened { session }).await;
        Some(opened)
    }

    /// A socket on which `welcome` came, and that.
    async fn welcomed(&self) -> Option<(RawClient, Value)> {
        let (user, device) = (self.user.clone(), self.device.to_owned());
        self.facts.record(Fact::Arriving { user: user.clone(), device: device.clone() });
        let began = Instant::now();
        let welcomed = timeout(OPEN_DEADLINE, self.try_to_come_in()).await.ok().flatten();
        if welcomed.is_none() {
            let waited_ms = began.elapsed().as_millis() as u64;
            self.facts.record(Fact::InVain { user, device, waited_ms });
        }
        welcomed
    }

    async fn try_to_come_in(&self) -> Option<(RawClient, Value)> {
        let resume = if self.have.is_some() { "&resume=1" } else { "" };
        let url = format!("ws://{}/ws/{}?device={}{resume}", self.door, self.user, self.device);
        let opened = RawClient::try_open(&url, |handshake| handshake.protocols("trunkline.v1")).await;
        let mut socket = match opened {
            Ok(Ok((socket, _))) => socket,
            Ok(Err(answer)) => {
                let expected = matches!(answer.status, 502..=504);
                assert!(expected, "{url}: {} {}", answer.status, answer.text());
                return None;
            }
            Err(_) => return None,
        };
        socket.answers_pings = false;
        let Ok(Message::Text(text)) = socket.next_data(FOR_EVER).await else { return None };
        let welcome = parsed(&text);
        (welcome["type"] == "welcome").then_some((socket, welcome))
    }
}

impl Session {
    /// Reads and does what it is told, to the end.
    async fn live(mut self) {
        let mut heard_at = Instant::now();
        let mut asked = false;
        loop {
            let patience = heard_at + if asked { 2 * SILENCE_MAX } else { SILENCE_MAX };
            tokio::select! {
                // Both are safe to give up: what was read in part is kept, and nothing is written here.
                came = self.socket.next_message(FOR_EVER) => {
                    (heard_at, asked) = (Instant::now(), false);
                    match came {
                        Ok(Message::Text(text)) => self.hear(&text).await,
                        Ok(Message::Ping(payload)) => {
                            if !self.is_silent && !self.write(&Frame::pong(&payload)).await {
                                return self.over(NO_CLOSE);
                            }
                        }
                        Ok(Message::Close(close)) => {
                            self.over(close.code.unwrap_or(NO_CODE));
                            self.write(&Frame::close(close.code.unwrap_or(GOING), "")).await;
                            return;
                        }
                        Ok(_) => {}
                        Err(testkit::client::Ended::Broken(how)) => {
                            panic!("{} of {}: {how}", self.session, self.user)
                        }
                        Err(_) => return self.over(NO_CLOSE),
                    }
                }
                command = self.commands.recv() => match command {
                    Some(Command::Say(_)) if self.is_silent => {}
                    Some(Command::Say(text)) => if !self.say(&text).await {
                        return self.over(NO_CLOSE);
                    },
                    Some(Command::BeDeaf(time)) => {
                        if !self.be_deaf(time).await {
                            return;
                        }
                        (heard_at, asked) = (Instant::now(), false);
                    }
                    Some(Command::FallSilent) => {
                        let (user, session) = (self.user.clone(), self.session.clone());
                        self.facts.record(Fact::Deaf { user, session });
                        self.is_silent = true;
                    }
                    Some(Command::Leave) => {
                        self.over(GOING);
                        self.write(&Frame::close(GOING, "")).await;
                        return;
                    }
                    Some(Command::Vanish) | None => {
                        self.over(NO_CLOSE);
                        return self.socket.vanish();
                    }
                },
                () = sleep_until(patience), if !self.is_silent => {
                    if asked || !self.say(r#"{"type":"ping"}"#).await {
                        self.over(NO_CLOSE);
                        return self.socket.vanish();
                    }
                    asked = true;
                }
            }
        }
    }

    /// Reads nothing for a while and does all else that it is told; false where that ends the session.
    async fn be_deaf(&mut self, time: Duration) -> bool {
        self.facts.record(Fact::Deaf { user: self.user.clone(), session: self.session.clone() });
        let end = Instant::now() + time;
        loop {
            tokio::select! {
                () = sleep_until(end) => return true,
                command = self.commands.recv() => match command {
                    Some(Command::Say(text)) if self.say(&text).await => {}
                    Some(Command::BeDeaf(_) | Command::FallSilent) => {}
                    Some(Command::Say(_) | Command::Leave | Command::Vanish) | None => {
                        self.over(NO_CLOSE);
                        return false;
                    }
                },
            }
        }
    }

    /// Writes down what came, and passes on what the user may act on.
    async fn hear(&mut self, text: &str) {
        let frame = parsed(text);
        match frame["type"].as_str() {
            Some("message") => {
                let (conversation, seq) = self.message(&frame, false);
                self.heads.seen(&conversation, seq);
                if let Some(have) = &self.have {
                    held(have).pushed(&conversation, seq);
                }
                return;
            }
            Some("receipt") => self.receipt(&frame),
            Some("error") => self.refused(&frame),
            Some("behind") => self.behind(&frame),
            Some("page") => {
                for message in frame["messages"].as_array().into_iter().flatten() {
                    self.message(message, true);
                }
            }
            Some("ready" | "members") => {}
            _ => return,
        }
        self.tell(News::Came(frame)).await;
    }

    /// Writes down a message; its conversation and its place there.
    fn message(&self, frame: &Value, fetched: bool) -> (String, u64) {
        let seen = Payload::seen(&frame["content"].to_string());
        let (user, session) = (self.user.clone(), self.session.clone());
        let (conversation, seq) = (text_of(frame, "conversation"), number_of(frame, "seq"));
        let message_id = text_of(frame, "message_id");
        let intact = seen.intact && frame["from"] == seen.from.as_str();
        let (from, id) = (seen.from, seen.id);
        let place = (conversation.clone(), seq);
        self.facts.record(if fetched {
            Fact::Fetched { user, session, conversation, seq, message_id, from, id, intact }
        } else {
            Fact::Push { user, session, conversation, seq, message_id, from, id, intact }
        });
        place
    }

    fn receipt(&self, frame: &Value) {
        let (conversation, seq) = (text_of(frame, "conversation"), number_of(frame, "seq"));
        self.facts.record(Fact::Receipt {
            user: self.user.clone(),
            session: self.session.clone(),
            id: text_of(frame, "id"),
            conversation: conversation.clone(),
            seq,
            message_id: text_of(frame, "message_id"),
        });
        self.heads.seen(&conversation, seq);
        if let Some(have) = &self.have {
            held(have).receipted(&conversation, seq);
        }
    }

    /// Refusals of other requests than sends are the user's affair alone.
    fn refused(&self, frame: &Value) {
        let id = frame["id"].as_str().unwrap_or_default();
        if is_send(id) {
            self.facts.record(Fact::Refused {
                user: self.user.clone(),
                session: self.session.clone(),
                id: id.to_owned(),
                code: text_of(frame, "code"),
            });
        }
    }

    fn behind(&self, frame: &Value) {
        let conversation = text_of(frame, "conversation");
        let (after, head) = (number_of(frame, "after"), number_of(frame, "head"));
        self.facts.record(Fact::Behind {
            user: self.user.clone(),
            session: self.session.clone(),
            conversation: conversation.clone(),
            after,
            head,
        });
        if let Some(have) = &self.have {
            held(have).fell_behind(&conversation, after, head);
        }
    }

    /// Writes down that it is over.
    fn over(&self, code: u16) {
        let (user, session) = (self.user.clone(), self.session.clone());
        self.facts.record(Fact::Closed { user, session, code });
    }

    /// False when the socket takes nothing more.
    async fn say(&mut self, text: &str) -> bool {
        self.write(&Frame::text(text)).await
    }

    async fn write(&mut self, frame: &Frame) -> bool {
        matches!(timeout(WRITE_DEADLINE, self.socket.send(frame)).await, Ok(Ok(())))
    }

    async fn tell(&self, news: News) {
        // A user who is gone needs no news.
        self.news.send((self.key, news)).await.ok();
    }
}

/// Ids of sends name run, sender and number; those of other requests are shorter.
pub(crate) fn is_send(id: &str) -> bool {
    id.split('-').count() == 3
}

fn parsed(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("not JSON ({error}): {text}"))
}

fn text_of(frame: &Value, field: &str) -> String {
    let text = frame[field].as_str();
    text.unwrap_or_else(|| panic!("no {field} in {frame}")).to_owned()
}

fn number_of(frame: &Value, field: &str) -> u64 {
    frame[field].as_u64().unwrap_or_else(|| panic!("no {field} in {frame}"))
}
