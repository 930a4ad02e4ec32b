//! Keys as they are written in the configuration: `file:PATH`, `base64:TEXT`, or the text itself.
//!
//! Promises: a file loses one trailing newline, because editors add one; no error holds any of a key.

use std::path::Path;

use base64::{Engine, engine::general_purpose};

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

/// Fewer bytes can be guessed.
pub const SYMMETRIC_KEY_BYTES_MIN: usize = 32;

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

/// Looks whether a key can be one of its algorithm, without understanding it.
pub fn inspect(algorithm: Algorithm, key: &Secret) -> Result<(), String> {
    let bytes = key.expose();
    let name = algorithm.as_str();
    let pem = |label: &str| bytes.windows(label.len()).any(|window| window == label.as_bytes());
    if algorithm.is_symmetric() {
        if pem("-----BEGIN ") {
            return Err(format!(
                "a PEM file is not a key for {name}, which shares one secret; RS256, ES256 or EdDSA take PEM"
            ));
        }
        if bytes.len() < SYMMETRIC_KEY_BYTES_MIN {
            let got = bytes.len();
            return Err(format!(
                "a key for {name} needs at least {SYMMETRIC_KEY_BYTES_MIN} bytes, and this has {got}; `openssl rand -base64 32` makes one"
            ));
        }
        return Ok(());
    }
    if pem("PRIVATE KEY-----") {
        return Err("is a private key; give the public one, which is all that checking needs".to_owned());
    }
    if !pem("-----BEGIN ") {
        return Err(format!("a key for {name} is a public key as PEM (-----BEGIN PUBLIC KEY-----)"));
    }
    Ok(())
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
