//! Why a token is not accepted.

/// Why a token is not accepted; never holds the token, nor anything that it says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadToken {
    /// Not `header.claims.signature`, each in unpadded URL-safe Base64, the first two JSON objects.
    #[error("the token is malformed: it is not a JSON Web Token of three parts")]
    Malformed,
    /// Longer than any request that could carry it.
    #[error("the token is too long")]
    TooLong,
    /// Signed in a way that no configured key is for, or not at all.
    #[error("the token's algorithm is not allowed here")]
    Algorithm,
    /// Its header wants something understood that this server does not (`crit`).
    #[error("the token's header asks for an extension that is not supported")]
    Extension,
    /// It names a key that is not configured.
    #[error("the token names an unknown key")]
    UnknownKey,
    /// None of the keys signed it.
    #[error("the token's signature is wrong")]
    Signature,
    /// Its `exp` has passed, leeway included.
    #[error("the token has expired")]
    Expired,
    /// Its `nbf` is yet to come, leeway included.
    #[error("the token is not yet valid")]
    NotYetValid,
    /// It has no `exp`, and the configuration wants one.
    #[error("the token has no exp")]
    NoExp,
    /// Its `exp` or `nbf` is not a number.
    #[error("the token's exp or nbf is not a number of seconds")]
    BadTime,
    /// Its `aud` names none of those that the configuration wants, or is absent.
    #[error("the token is for another audience")]
    Audience,
    /// The claim that names the user is absent.
    #[error("the token names no user")]
    NoUser,
    /// The claim that names the user is neither an integer nor text that a user id may be.
    #[error("the token's user is not a user id: 1 to 64 characters of A-Z a-z 0-9 . _ ~ @ -, or an integer")]
    BadUser,
}
