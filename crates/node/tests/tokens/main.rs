//! Tokens, as an issuer or an attacker may write them: who gets in, who does not, and which check says so.

#![allow(clippy::unwrap_used, reason = "a test that fails may panic")]

mod claim_cases;
mod keys;
mod signature_cases;

use std::{collections::HashMap, path::Path};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use node::token::{Algorithm, BadToken, KeySpec, Verifier, VerifierSettings};
use ring::hmac;
use serde_json::{Map, Value};

/// Shared with `keys/make.mjs`.
const SECRET: &[u8] = b"not a secret, but as long as one: 32 bytes and some more for HS512";
const OTHER_SECRET: &[u8] = b"another one, which is as long as one has to be to sign with HS256";

/// The moment at which all these tests take place, in seconds since 1970.
const NOW: u64 = 1_900_000_000;
const NOW_MS: u64 = NOW * 1_000;

fn file(name: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/keys").join(name);
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn spec(algorithm: Algorithm, key: impl Into<Vec<u8>>) -> KeySpec {
    KeySpec { algorithm, key: key.into(), kid: None }
}

fn named(kid: &str, algorithm: Algorithm, key: impl Into<Vec<u8>>) -> KeySpec {
    KeySpec { kid: Some(kid.to_owned()), ..spec(algorithm, key) }
}

fn settings(keys: Vec<KeySpec>) -> VerifierSettings {
    VerifierSettings { keys, ..VerifierSettings::default() }
}

fn verifier(keys: Vec<KeySpec>) -> Verifier {
    Verifier::new(settings(keys)).unwrap()
}

/// A token of which every byte is as the test wants it.
fn raw(header: &str, claims: &str, sign: impl Fn(&[u8]) -> Vec<u8>) -> String {
    let signed = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(sign(signed.as_bytes())))
}

fn sha256_with(secret: &[u8]) -> impl Fn(&[u8]) -> Vec<u8> {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
    move |signed| hmac::sign(&key, signed).as_ref().to_vec()
}

/// A token that is right in everything that `claims` do not spoil.
fn hs256(claims: &str) -> String {
    raw(r#"{"typ":"JWT","alg":"HS256"}"#, claims, sha256_with(SECRET))
}

fn claims(json: Value) -> Map<String, Value> {
    let Value::Object(claims) = json else { panic!("claims are an object") };
    claims
}

/// What each algorithm signs with, and checks with.
fn pairs() -> HashMap<Algorithm, (Vec<u8>, Vec<u8>)> {
    let pem = |name: &str| (file(&format!("{name}.private.pem")), file(&format!("{name}.public.pem")));
    Algorithm::ALL
        .into_iter()
        .map(|algorithm| {
            let pair = match algorithm {
                Algorithm::Hs256 | Algorithm::Hs384 | Algorithm::Hs512 => (SECRET.to_vec(), SECRET.to_vec()),
                Algorithm::Rs256 | Algorithm::Rs512 => pem("rsa"),
                Algorithm::Es256 => pem("p256"),
                Algorithm::EdDsa => pem("ed25519"),
            };
            (algorithm, pair)
        })
        .collect()
}

type Outcome = Result<&'static str, BadToken>;

fn check(verifier: &Verifier, cases: &[(&str, String, Outcome)]) {
    for (name, token, expected) in cases {
        let outcome = verifier.verify(token, NOW_MS).map(|identity| identity.user.as_str().to_owned());
        assert_eq!(outcome.as_deref().map_err(|error| *error), *expected, "{name}");
    }
}

fn good() -> String {
    hs256(&format!(r#"{{"sub":"1","exp":{}}}"#, NOW + 600))
}

/// `claims` with an `exp` that holds.
fn until_later(claims: &str) -> String {
    hs256(&format!(r#"{{"exp":{},{claims}}}"#, NOW + 600))
}
