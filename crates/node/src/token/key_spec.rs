//! A key as the configuration gives it.

use std::fmt;

use super::algorithm::Algorithm;

/// A key as the configuration gives it: to check with, or to sign with. Its bytes are never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct KeySpec {
    /// How tokens are signed with it; a token that says otherwise is none of this key's.
    pub algorithm: Algorithm,
    /// For HS* the secret itself; otherwise PEM: the public key to check with, the private key to sign with.
    pub key: Vec<u8>,
    /// The key's name: picks it for tokens that name a key, and is named by tokens that it signs.
    pub kid: Option<String>,
}

impl fmt::Debug for KeySpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeySpec")
            .field("algorithm", &self.algorithm)
            .field("key", &"***")
            .field("kid", &self.kid)
            .finish()
    }
}
