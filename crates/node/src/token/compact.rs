//! The outer form of a token: three parts in Base64, of which the first two are JSON objects.
//!
//! Promises: only the one canonical spelling of each part is read, so that two different texts are never the same token.
//! Whether the signature is right is not looked at here.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Map, Value};

use super::bad_token::BadToken;

/// Bytes of a token. A handshake has no room for a longer one (`limits.handshake_bytes_max`), so one in `hello` may not be longer either:
/// it would be checked against each key of its algorithm.
const TOKEN_BYTES_MAX: usize = 16 * 1024;

/// A token in its parts, nothing of it believed yet.
#[derive(Clone, Copy)]
pub(super) struct Compact<'a> {
    header: &'a str,
    claims: &'a str,
    /// As it is written.
    pub(super) signature: &'a str,
    /// What was signed: header, dot, claims.
    pub(super) signed: &'a [u8],
}

impl<'a> Compact<'a> {
    /// Takes a token apart.
    pub(super) fn split(token: &'a str) -> Result<Compact<'a>, BadToken> {
        if token.len() > TOKEN_BYTES_MAX {
            return Err(BadToken::TooLong);
        }
        let (signed, signature) = token.rsplit_once('.').ok_or(BadToken::Malformed)?;
        let (header, claims) = signed.split_once('.').ok_or(BadToken::Malformed)?;
        if claims.contains('.') {
            return Err(BadToken::Malformed);
        }
        Ok(Compact { header, claims, signature, signed: signed.as_bytes() })
    }

    /// What it says of its signature.
    pub(super) fn header(&self) -> Result<Map<String, Value>, BadToken> {
        object(self.header)
    }

    /// What it says. To be read only after the signature is known to be right.
    pub(super) fn claims(&self) -> Result<Map<String, Value>, BadToken> {
        object(self.claims)
    }
}

fn object(part: &str) -> Result<Map<String, Value>, BadToken> {
    let json = URL_SAFE_NO_PAD.decode(part).map_err(|_| BadToken::Malformed)?;
    serde_json::from_slice(&json).map_err(|_| BadToken::Malformed)
}
