//! A token, and whoever bears it.
//!
//! Text without a line break is a token as it comes, which nobody has signed. Of other text the first line is a header and the second
//! are claims; they are signed here, so that the fuzzer reaches what stands behind the signature.

use std::sync::LazyLock;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use node::token::{Algorithm, KeySpec, Verifier, VerifierSettings};
use ring::hmac;
use serde_json::Value;

const SECRET: &[u8; 32] = b"a secret that the tests may know";
const NOW_MS: u64 = 1_700_000_000_000;
/// As the settings have it.
const LEEWAY_MS: u64 = 60_000;

static VERIFIER: LazyLock<Verifier> = LazyLock::new(|| {
    let key = |kid: Option<&str>| KeySpec {
        algorithm: Algorithm::Hs256,
        key: SECRET.to_vec(),
        kid: kid.map(str::to_owned),
    };
    let keys = vec![key(None), key(Some("k1"))];
    let settings = VerifierSettings { keys, ..VerifierSettings::default() };
    Verifier::new(settings).unwrap_or_else(|bad| panic!("{bad}"))
});

/// What holds of every text.
pub fn check(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    match text.split_once('\n') {
        None => assert!(VERIFIER.verify(text, NOW_MS).is_err(), "nobody signed {text}"),
        Some((header, claims)) => signed(header, claims),
    }
}

fn signed(header: &str, claims: &str) {
    let body = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
    let mac = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, SECRET), body.as_bytes());
    let token = format!("{body}.{}", URL_SAFE_NO_PAD.encode(mac));
    let Ok(identity) = VERIFIER.verify(&token, NOW_MS) else { return };
    let header: Value = serde_json::from_str(header).unwrap_or_else(|error| panic!("{error}: {header}"));
    assert!(header["alg"] == "HS256" && header.get("crit").is_none(), "{header}");
    let claims: Value = serde_json::from_str(claims).unwrap_or_else(|error| panic!("{error}: {claims}"));
    let user = match &claims["sub"] {
        Value::String(user) => user.clone(),
        number if number.is_i64() || number.is_u64() => number.to_string(),
        // Digits that a reader may lose would make two users one.
        other => panic!("{other} names nobody"),
    };
    assert_eq!(identity.user.as_str(), user, "{claims}");
    let expires_ms = claims["exp"].as_f64().unwrap_or_else(|| panic!("no exp: {claims}")) * 1_000.0;
    assert!(expires_ms + LEEWAY_MS as f64 > NOW_MS as f64 - 1.0, "it has expired: {claims}");
    if let Some(not_before) = claims["nbf"].as_f64() {
        assert!(not_before * 1_000.0 <= (NOW_MS + LEEWAY_MS) as f64 + 1.0, "it is not yet valid: {claims}");
    }
    changed(&token);
}

/// A token with one changed character is no token: each has one spelling only.
fn changed(token: &str) {
    for at in 0..token.len() {
        let mut other = token.as_bytes().to_vec();
        if let Some(byte) = other.get_mut(at) {
            *byte = match *byte {
                b'A' => b'B',
                b'.' => b'A',
                byte => byte ^ 1,
            };
        }
        let other = String::from_utf8_lossy(&other);
        if other != token {
            assert!(VERIFIER.verify(&other, NOW_MS).is_err(), "{other} was accepted in place of {token}");
        }
    }
}
