//! The two values that prove that both ends of a handshake speak WebSocket (RFC 6455, 4.2.2).

use base64::{Engine, engine::general_purpose::STANDARD};
use ring::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};

/// The `Sec-WebSocket-Accept` that answers the `Sec-WebSocket-Key` `key`, which is taken as it was written.
pub fn accept_key(key: &[u8]) -> String {
    let mut text = Vec::with_capacity(key.len() + MAGIC.len());
    text.extend_from_slice(key);
    text.extend_from_slice(MAGIC);
    STANDARD.encode(digest(&SHA1_FOR_LEGACY_USE_ONLY, &text))
}

/// From the standard; no other protocol has a reason to add it to a hash.
const MAGIC: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

#[cfg(test)]
mod tests {
    #[test]
    fn the_example_of_the_standard() {
        assert_eq!(super::accept_key(b"dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    }
}
