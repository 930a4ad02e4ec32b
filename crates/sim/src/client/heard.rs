//! A frame of a node as a client reads it: the fields that it needs, of whatever frame.

use serde::Deserialize;
use serde_json::value::RawValue;

/// A frame of a node.
#[derive(Debug, Deserialize)]
pub struct Heard<'a> {
    /// Which frame; absent from the entries of lists.
    #[serde(rename = "type", default)]
    pub kind: &'a str,
    /// The client's own name of the request that it answers.
    #[serde(default)]
    pub id: Option<&'a str>,
    /// See the protocol.
    #[serde(default)]
    pub session: Option<&'a str>,
    /// See the protocol.
    #[serde(default)]
    pub node: Option<&'a str>,
    /// See the protocol.
    #[serde(default)]
    pub epoch: Option<&'a str>,
    /// See the protocol.
    #[serde(default)]
    pub conversation: Option<&'a str>,
    /// See the protocol.
    #[serde(default)]
    pub seq: Option<u64>,
    /// See the protocol.
    #[serde(default)]
    pub head: Option<u64>,
    /// See the protocol.
    #[serde(default)]
    pub after: Option<u64>,
    /// See the protocol.
    #[serde(default)]
    pub message_id: Option<&'a str>,
    /// See the protocol.
    #[serde(default)]
    pub from: Option<&'a str>,
    /// As it was written.
    #[serde(default, borrow)]
    pub content: Option<&'a RawValue>,
    /// A word in `error`, a number in `bye`.
    #[serde(default, borrow)]
    pub code: Option<&'a RawValue>,
    /// See the protocol.
    #[serde(default)]
    pub retry_ms: Option<u64>,
    /// See the protocol.
    #[serde(default)]
    pub more: bool,
    /// A list in `welcome`, a number in the entries of `conversations`.
    #[serde(default, borrow)]
    pub unread: Option<&'a RawValue>,
    /// See the protocol.
    #[serde(default, borrow)]
    pub messages: Vec<Heard<'a>>,
}

impl Heard<'_> {
    /// Reads a frame. The simulator's ids and words hold nothing that JSON escapes.
    ///
    /// # Panics
    /// When it is none: a node says nothing else.
    pub fn read(text: &str) -> Heard<'_> {
        match serde_json::from_str(text) {
            Ok(heard) => heard,
            Err(error) => panic!("a node said what is no frame ({error}): {text}"),
        }
    }

    /// The word of an `error`.
    pub fn error_code(&self) -> &str {
        self.code.map_or("", |code| code.get().trim_matches('"'))
    }

    /// The conversations that `welcome` names, with their heads.
    pub fn unread_heads(&self) -> Vec<(String, u64)> {
        let lines: Vec<Heard<'_>> =
            self.unread.and_then(|unread| serde_json::from_str(unread.get()).ok()).unwrap_or_default();
        let line = |line: Heard<'_>| Some((line.conversation?.to_owned(), line.head?));
        lines.into_iter().filter_map(line).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_is_read_field_by_field() {
        let welcome = r#"{"type":"welcome","session":"s","unread":[{"conversation":"d:1:2","unread":3,"head":17}],"more":false}"#;
        let heard = Heard::read(welcome);
        assert_eq!((heard.kind, heard.session), ("welcome", Some("s")));
        assert_eq!(heard.unread_heads(), [("d:1:2".to_owned(), 17)]);
        let error =
            Heard::read(r#"{"type":"error","id":"c1","code":"unavailable","reason":"r","retry_ms":500}"#);
        assert_eq!((error.error_code(), error.retry_ms), ("unavailable", Some(500)));
    }
}
