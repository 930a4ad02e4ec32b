//! RFC 6455 at a running node, byte by byte: cases that carry the numbers of the Autobahn test suite, which they follow.
//!
//! They say back what they are told by the node's own means: what a session sends to its own user arrives at the user's other session.
//! Where a frame breaks a rule the node says exactly one thing, a Close with the code of the rule; nothing is brought to anybody, and nobody hangs.
//! `cargo xtask conformance` runs the suite itself, where there is a Python 2.7.

mod beyond;
mod closing;
mod fragments;
mod lengths;
mod pings;
mod reserved;
mod utf8;

use std::sync::atomic::{AtomicUsize, Ordering};

use testkit::client::{Close, Ended, Frame, Message, PATIENCE, RawClient};

use crate::cluster::{Cluster, Setup};

/// The default of `frame_bytes_max`.
const MESSAGE_BYTES_MAX: usize = 65_536;

/// How bytes are cut into writes.
#[derive(Clone, Copy, Debug)]
enum Cut {
    /// All at once.
    Not,
    /// So many in each write.
    Every(usize),
}

/// A node, and two sessions of one user: what the first sends arrives at the second.
struct Bed {
    cluster: Cluster,
    talker: RawClient,
    listener: RawClient,
}

impl Bed {
    async fn start() -> Bed {
        let cluster = Setup::of(1).limits(|limits| limits.sends_per_second = 0).start().await;
        let listener = welcomed(&cluster, "listener").await;
        let talker = welcomed(&cluster, "talker").await;
        Bed { cluster, talker, listener }
    }

    /// Writes frames.
    async fn write(&mut self, frames: &[Frame], cut: Cut) {
        let bytes: Vec<u8> = frames.iter().flat_map(Frame::encode).collect();
        let size = match cut {
            Cut::Not => bytes.len().max(1),
            Cut::Every(size) => size,
        };
        for piece in bytes.chunks(size) {
            if self.talker.write(piece).await.is_err() {
                // Closed by the node in the middle of it: what it said is still to be read.
                break;
            }
        }
    }

    /// The next thing that the node says to the talker, control frames included.
    async fn next(&mut self) -> Message {
        self.talker.next_message(PATIENCE).await.unwrap_or_else(|ended| panic!("nothing more: {ended}"))
    }

    /// These frames are one `ping` of ours, and nothing but its `pong` comes back.
    async fn is_answered(&mut self, frames: &[Frame], cut: Cut) {
        self.write(frames, cut).await;
        assert_eq!(self.next().await, Message::Text(r#"{"type":"pong"}"#.to_owned()));
    }

    /// These frames are one `send`, made by [`send_of`], and this content comes to the other session, byte for byte.
    async fn arrives(&mut self, frames: &[Frame], cut: Cut, content: &str) {
        self.write(frames, cut).await;
        self.has_arrived(content).await;
    }

    /// As the end of [`Bed::arrives`].
    async fn has_arrived(&mut self, content: &str) {
        match self.next().await {
            Message::Text(text) => assert!(text.starts_with(r#"{"type":"receipt""#), "{text}"),
            other => panic!("expected a receipt, got {other:?}"),
        }
        let heard = self.listener.next_data(PATIENCE).await;
        let Ok(Message::Text(text)) = heard else { panic!("expected {content:?}, got {heard:?}") };
        assert!(text.contains(&format!(r#","content":"{content}","time":"#)), "{content}: {text}");
    }

    /// These frames break a rule: the next thing, and the last, is a Close with `code`.
    async fn fails(mut self, frames: &[Frame], cut: Cut, code: u16) {
        self.write(frames, cut).await;
        self.has_failed(code).await;
    }

    /// As the end of [`Bed::fails`].
    async fn has_failed(mut self, code: u16) {
        match self.next().await {
            Message::Close(close) => {
                assert_eq!(close.code, Some(code), "{close}");
                self.talker.finish_close(&close).await;
            }
            other => panic!("expected Close {code}, got {other:?}"),
        }
        self.nothing_was_brought().await;
    }

    /// The client closes with this payload, and the node answers with this Close and the end of the stream.
    async fn closes(mut self, frames: &[Frame], answer: Option<u16>) {
        self.write(frames, Cut::Not).await;
        let close = Close { code: answer, reason: String::new() };
        assert_eq!(self.next().await, Message::Close(close), "{frames:?}");
        // Also where frames came behind the Close: nothing answers them.
        self.talker.expect_end().await;
        self.nothing_was_brought().await;
    }

    /// What the other session hears next is said now, by a new one: nothing was under way, and the node is well.
    async fn nothing_was_brought(mut self) {
        self.talker = welcomed(&self.cluster, "talker").await;
        self.arrives(&[Frame::new(1, send_of("still here"))], Cut::Not, "still here").await;
        assert_eq!(self.cluster.node(0).count("defect"), 0);
    }
}

async fn welcomed(cluster: &Cluster, device: &str) -> RawClient {
    let url = cluster.node(0).url(&format!("1?device={device}"));
    let mut client = RawClient::open(&url, |handshake| handshake).await.expect("let in");
    let first: Result<Message, Ended> = client.next_data(PATIENCE).await;
    assert!(matches!(&first, Ok(Message::Text(text)) if text.contains("welcome")), "{first:?}");
    client
}

/// A `send` to oneself whose content is this text, whatever its bytes are. Each has an id of its own, so that none is a repeat.
fn send_of(content: impl AsRef<[u8]>) -> Vec<u8> {
    static SENDS: AtomicUsize = AtomicUsize::new(0);
    let nth = SENDS.fetch_add(1, Ordering::Relaxed);
    let head = format!(r#"{{"type":"send","id":"a{nth}","to":{{"user":"1"}},"content":""#);
    [head.as_bytes(), content.as_ref(), br#""}"#].concat()
}

/// A `ping` of ours of exactly so many bytes.
fn ping_of(bytes: usize) -> Vec<u8> {
    let bare = r#"{"type":"ping","x":""}"#.len();
    format!(r#"{{"type":"ping","x":"{}"}}"#, "*".repeat(bytes - bare)).into_bytes()
}

/// A text in frames of so many bytes.
fn in_frames(text: &[u8], size: usize) -> Vec<Frame> {
    let mut frames: Vec<Frame> =
        text.chunks(size).map(|piece| Frame::continuation(piece).unfinished()).collect();
    frames[0].opcode = 1;
    frames.last_mut().expect("a text").fin = true;
    frames
}
