//! How users prove who they are, as the configuration fixes it.

use std::sync::Arc;

use http::HeaderName;
use wire::id::UserId;

use crate::token::Verifier;

/// How users prove who they are.
#[derive(Debug, Clone)]
pub enum Auth {
    /// Not at all: the path names the user. Development mode, or `--insecure`.
    Path,
    /// By a token that one of these keys signed.
    Tokens(Arc<Verifier>),
    /// By a header that a trusted proxy sets: the team's own gateway has checked the login.
    Header(HeaderName),
}

/// Who somebody has proved to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The user.
    pub user: UserId,
    /// When the proof ends, in milliseconds since 1970; without leeway.
    pub expires_ms: Option<u64>,
}
