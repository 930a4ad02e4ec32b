//! The opening request, right by default and wrong on request.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::Frame;
use crate::random;

/// RFC 6455, 1.3: what a server appends to the key before it hashes.
const ACCEPT_SUFFIX: &str = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// The bytes of an opening request, and what may be sent in one go with them.
#[derive(Clone, Debug)]
pub struct Handshake {
    method: String,
    path: String,
    version: String,
    headers: Vec<(String, String)>,
    behind: Vec<u8>,
}

impl Handshake {
    /// A correct request for `path` (with its query), to be changed from there. `host` is what its `Host` header says.
    pub fn new(host: &str, path: &str) -> Self {
        let key = STANDARD.encode(random::bytes::<16>());
        let headers = [
            ("Host", host),
            ("Upgrade", "websocket"),
            ("Connection", "Upgrade"),
            ("Sec-WebSocket-Key", &key),
            ("Sec-WebSocket-Version", "13"),
        ];
        Self {
            method: "GET".to_owned(),
            path: path.to_owned(),
            version: "HTTP/1.1".to_owned(),
            headers: headers.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
            behind: Vec::new(),
        }
    }

    /// Another method than `GET`.
    pub fn method(mut self, method: &str) -> Self {
        method.clone_into(&mut self.method);
        self
    }

    /// Another version than `HTTP/1.1`.
    pub fn version(mut self, version: &str) -> Self {
        version.clone_into(&mut self.version);
        self
    }

    /// One more header line, also beside one of the same name.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// This value in place of all header lines of that name.
    pub fn set(self, name: &str, value: &str) -> Self {
        self.without(name).header(name, value)
    }

    /// No header line of that name.
    pub fn without(mut self, name: &str) -> Self {
        self.headers.retain(|(n, _)| !n.eq_ignore_ascii_case(name));
        self
    }

    /// The subprotocols offered, separated by commas.
    pub fn protocols(self, offered: &str) -> Self {
        self.set("Sec-WebSocket-Protocol", offered)
    }

    /// A token in `Authorization`.
    pub fn bearer(self, token: &str) -> Self {
        self.set("Authorization", &format!("Bearer {token}"))
    }

    /// As a browser on a page of `origin` sends it.
    pub fn origin(self, origin: &str) -> Self {
        self.set("Origin", origin)
    }

    /// A frame sent in one go with the request, before the answer is known.
    pub fn then(mut self, frame: &Frame) -> Self {
        self.behind.extend(frame.encode());
        self
    }

    /// Any bytes sent in one go with the request.
    pub fn then_bytes(mut self, bytes: &[u8]) -> Self {
        self.behind.extend_from_slice(bytes);
        self
    }

    /// The request as it goes on the wire, with what follows it.
    pub fn bytes(&self) -> Vec<u8> {
        let mut text = format!("{} {} {}\r\n", self.method, self.path, self.version);
        for (name, value) in &self.headers {
            text.push_str(&format!("{name}: {value}\r\n"));
        }
        text.push_str("\r\n");
        let mut bytes = text.into_bytes();
        bytes.extend_from_slice(&self.behind);
        bytes
    }

    /// What the server must say in `Sec-WebSocket-Accept`.
    pub fn expected_accept(&self) -> String {
        let key = self.headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("Sec-WebSocket-Key"));
        accept(key.map_or("", |(_, key)| key))
    }

    /// The subprotocols that were offered.
    pub(super) fn offered(&self) -> Vec<&str> {
        let lines =
            self.headers.iter().filter(|(name, _)| name.eq_ignore_ascii_case("Sec-WebSocket-Protocol"));
        lines.flat_map(|(_, value)| value.split(',')).map(str::trim).collect()
    }
}

fn accept(key: &str) -> String {
    let digest = ring::digest::digest(
        &ring::digest::SHA1_FOR_LEGACY_USE_ONLY,
        format!("{key}{ACCEPT_SUFFIX}").as_bytes(),
    );
    STANDARD.encode(digest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accept_is_that_of_the_rfc() {
        assert_eq!(accept("dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    }

    #[test]
    fn everything_may_be_changed() {
        let handshake = Handshake::new("h:1", "/ws/%31?a=b")
            .method("POST")
            .version("HTTP/1.0")
            .without("upgrade")
            .set("sec-websocket-version", "8")
            .header("X", "1")
            .header("X", "2")
            .then_bytes(b"tail");
        let text = String::from_utf8(handshake.bytes()).unwrap();
        assert!(text.starts_with("POST /ws/%31?a=b HTTP/1.0\r\nHost: h:1\r\n"), "{text}");
        assert!(text.ends_with("\r\nsec-websocket-version: 8\r\nX: 1\r\nX: 2\r\n\r\ntail"), "{text}");
        assert!(!text.contains("Upgrade: websocket") && !text.contains(": 13"), "{text}");
    }
}
