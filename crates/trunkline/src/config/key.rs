//! Keys as they are written in the configuration: `file:PATH`, `base64:TEXT`, or the text itself.
//!
//! Promises: a file loses one trailing newline, because editors add one; no error holds any of a key.

use std::path::Path;

use base64::{Engine, engine::general_purpose};
use node::token::{self, KeySpec, Verifier, VerifierSettings};

use super::{scalar::Algorithm, secret::Secret};

/// A key that tokens are checked with, read and looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenKey {
    /// How tokens are signed with it.
    pub algorithm: Algorithm,
    /// The bytes of a secret, or a public key as PEM.
    pub key: Secret,
    /// Picks this key for tokens that name it.
    pub kid: Option<String>,
}

impl TokenKey {
    /// The key in the words of the node, which signs and checks.
    pub fn spec(&self) -> KeySpec {
        let algorithm = match self.algorithm {
            Algorithm::Hs256 => token::Algorithm::Hs256,
            Algorithm::Hs384 => token::Algorithm::Hs384,
            Algorithm::Hs512 => token::Algorithm::Hs512,
            Algorithm::Rs256 => token::Algorithm::Rs256,
            Algorithm::Rs512 => token::Algorithm::Rs512,
            Algorithm::Es256 => token::Algorithm::Es256,
            Algorithm::EdDsa => token::Algorithm::EdDsa,
        };
        KeySpec { algorithm, key: self.key.expose().to_vec(), kid: self.kid.clone() }
    }
}

/// The bytes that `written` stands for; paths are relative to `folder`.
pub fn resolve(written: &Secret, folder: &Path) -> Result<Secret, String> {
    let Some(text) = written.expose_text() else { return Ok(written.clone()) };
    let bytes = if let Some(path) = text.strip_prefix("file:") {
        let path = path.strip_prefix("//").unwrap_or(path);
        let path = folder.join(path);
        let bytes = std::fs::read(&path)
            .map_err(|error| format!("the file {} cannot be read: {error}", path.display()))?;
        without_newline(bytes)
    } else if let Some(encoded) = text.strip_prefix("base64:") {
        let engines = [&general_purpose::STANDARD, &general_purpose::STANDARD_NO_PAD];
        let urlsafe = [&general_purpose::URL_SAFE, &general_purpose::URL_SAFE_NO_PAD];
        let decoded =
            engines.into_iter().chain(urlsafe).find_map(|engine| engine.decode(encoded.trim()).ok());
        decoded.ok_or("what follows base64: is not Base64")?
    } else {
        text.as_bytes().to_vec()
    };
    if bytes.is_empty() {
        return Err("is empty".to_owned());
    }
    Ok(Secret::new(bytes))
}

/// Looks whether a node can check tokens with a key, so that `check` says what a start would.
pub fn inspect(key: &TokenKey) -> Result<(), String> {
    let settings = VerifierSettings { keys: vec![key.spec()], ..VerifierSettings::default() };
    Verifier::new(settings).map(drop).map_err(|error| error.to_string())
}

fn without_newline(mut bytes: Vec<u8>) -> Vec<u8> {
    if bytes.ends_with(b"\n") {
        bytes.pop();
        if bytes.ends_with(b"\r") {
            bytes.pop();
        }
    }
    bytes
}
