//! Tokens signed with HS256, made here because nothing here may be shared with what is measured.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::hmac;

use crate::clock;

/// Longer than any run.
const LIFE_SECONDS: u64 = 24 * 3_600;

/// A token of `user`, signed with `secret`.
pub fn token(user: &str, secret: &str) -> String {
    let expires = clock::unix_ms() / 1_000 + LIFE_SECONDS;
    let claims = format!(r#"{{"sub":"{user}","exp":{expires}}}"#);
    let signed = format!(
        "{}.{}",
        URL_SAFE_NO_PAD.encode(r#"{"alg":"HS256","typ":"JWT"}"#),
        URL_SAFE_NO_PAD.encode(claims)
    );
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    let signature = hmac::sign(&key, signed.as_bytes());
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
}
