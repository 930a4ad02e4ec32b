//! How each server is spoken to: logging in, sending, and telling what a frame is by its first bytes.

use std::collections::VecDeque;
use std::net::SocketAddr;

use super::seat::{Seat, Step};
use crate::frame::ClientFrame;
use crate::job::Peer;
use crate::token::token;

/// Bytes of the JSON text that a message carries.
pub(super) const CONTENT_BYTES: usize = 128;
/// Digits of the number that makes a send unlike every other.
pub(super) const NUMBER_DIGITS: usize = 16;

/// To whom a message goes.
#[derive(Debug, Clone, Copy)]
pub(super) enum To<'a> {
    /// A user.
    User(&'a str),
    /// A group.
    Group(&'a str),
}

/// What a frame of a server is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Said {
    /// A message for this client.
    Delivery,
    /// The answer to what it has sent.
    Answer,
    /// A question whether it lives, in the protocol's own words.
    Question,
    /// Something that does not matter here.
    Else,
    /// That something is wrong.
    Wrong,
}

impl Peer {
    /// Whether a message is answered.
    pub(super) fn answers(self) -> bool {
        self != Peer::Limit
    }

    /// A user who logs in, and joins a group where one is named.
    pub(super) fn user(self, door: SocketAddr, user: &str, group: Option<&str>, secret: &str) -> Seat {
        match self {
            Peer::Trunkline => {
                let more = format!(
                    "Sec-WebSocket-Protocol: trunkline.v1\r\nAuthorization: Bearer {}\r\n",
                    token(user, secret)
                );
                let mut steps = VecDeque::from([step(None, r#"{"type":"welcome""#, "")]);
                let join = group.map(|group| format!(r#"{{"type":"join","id":"j","group":"{group}"}}"#));
                steps.extend(join.map(|join| step(Some(join), r#"{"type":"members""#, r#""id":"j""#)));
                Seat { door, request: request(door, &format!("/ws/{user}"), &more), steps }
            }
            Peer::Centrifuge => {
                let data = group.map(|group| format!(r#","data":{{"group":"{group}"}}"#)).unwrap_or_default();
                let token = token(user, secret);
                let connect = format!(r#"{{"id":1,"connect":{{"token":"{token}"{data}}}}}"#);
                let steps = VecDeque::from([step(Some(connect), r#"{"id":1,"connect""#, "")]);
                Seat { door, request: request(door, "/connection/websocket", ""), steps }
            }
            Peer::Limit => plain(door, &format!("/{}", group.unwrap_or(user))),
        }
    }

    /// The frame of a message; `number` is written into it at the place that comes with it, where the server wants sends to differ.
    pub(super) fn message(self, to: To<'_>) -> (ClientFrame, Option<usize>) {
        let content = content();
        match self {
            Peer::Trunkline => {
                let begin = r#"{"type":"send","id":""#;
                let to = match to {
                    To::User(user) => format!(r#"{{"user":"{user}"}}"#),
                    To::Group(group) => format!(r#"{{"group":"{group}"}}"#),
                };
                let number = "0".repeat(NUMBER_DIGITS);
                let text = format!(r#"{begin}{number}","to":{to},"content":{content}}}"#);
                (ClientFrame::text(&text), Some(begin.len()))
            }
            Peer::Centrifuge => {
                let channel = match to {
                    To::User(user) => format!("user:{user}"),
                    To::Group(group) => format!("group:{group}"),
                };
                let text = format!(r#"{{"id":2,"publish":{{"channel":"{channel}","data":{content}}}}}"#);
                (ClientFrame::text(&text), None)
            }
            Peer::Limit => (ClientFrame::text(&content), None),
        }
    }

    /// Calls `each` with what a text frame says, and its words; Centrifugo puts several into one.
    pub(super) fn hear(self, payload: &[u8], mut each: impl FnMut(Said, &[u8])) {
        match self {
            Peer::Limit => each(Said::Delivery, payload),
            Peer::Trunkline => each(trunkline(payload), payload),
            Peer::Centrifuge => {
                for line in payload.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
                    each(centrifuge(line), line);
                }
            }
        }
    }
}

/// A connection to a server that asks for no user.
pub(super) fn plain(door: SocketAddr, path: &str) -> Seat {
    Seat { door, request: request(door, path, ""), steps: VecDeque::new() }
}

fn step(say: Option<String>, begins: &'static str, holds: &'static str) -> Step {
    Step { say, begins, holds }
}

fn request(door: SocketAddr, path: &str, more: &str) -> String {
    format!(
        "GET {path} HTTP/1.1\r\nHost: {door}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{more}\r\n"
    )
}

fn content() -> String {
    let empty = r#"{"text":""}"#;
    format!(r#"{{"text":"{}"}}"#, "x".repeat(CONTENT_BYTES - empty.len()))
}

fn trunkline(payload: &[u8]) -> Said {
    match payload.strip_prefix(br#"{"type":""#).unwrap_or_default() {
        [b'm', b'e', b's', ..] => Said::Delivery,
        [b's', b'e', b'n', ..] | [b'r', b'e', b'c', ..] => Said::Answer,
        [b'e', b'r', ..] | [b'b', b'y', ..] | [b'b', b'e', ..] => Said::Wrong,
        _ => Said::Else,
    }
}

fn centrifuge(line: &[u8]) -> Said {
    if line == b"{}" {
        return Said::Question;
    }
    if line.starts_with(br#"{"push":{"channel""#) {
        return Said::Delivery;
    }
    match line.strip_prefix(br#"{"id":2,""#) {
        Some([b'e', ..]) => Said::Wrong,
        Some(_) => Said::Answer,
        None if line.starts_with(br#"{"push":{"disconnect"#) => Said::Wrong,
        None => Said::Else,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_is_as_long_as_it_is_said_to_be() {
        assert_eq!(content().len(), CONTENT_BYTES);
    }

    #[test]
    fn frames_are_told_by_their_first_bytes() {
        let said = |peer: Peer, text: &str| {
            let mut said = Vec::new();
            peer.hear(text.as_bytes(), |what, _| said.push(what));
            said
        };
        for (text, what) in [
            (r#"{"type":"message","conversation":"d:1:2"}"#, Said::Delivery),
            (r#"{"type":"members","group":"g"}"#, Said::Else),
            (r#"{"type":"sent","id":"1"}"#, Said::Answer),
            (r#"{"type":"receipt","id":"1"}"#, Said::Answer),
            (r#"{"type":"error","id":"1"}"#, Said::Wrong),
            (r#"{"type":"behind","after":1}"#, Said::Wrong),
            (r#"{"type":"bye","code":4001}"#, Said::Wrong),
        ] {
            assert_eq!(said(Peer::Trunkline, text), [what], "{text}");
        }
        let lines = "{\"push\":{\"channel\":\"user:1\",\"pub\":{}}}\n{\"id\":2,\"publish\":{}}\n{}\n{\"id\":2,\"error\":{}}";
        let all = [Said::Delivery, Said::Answer, Said::Question, Said::Wrong];
        assert_eq!(said(Peer::Centrifuge, lines), all);
    }
}
