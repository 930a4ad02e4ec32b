//! What the configuration says of tokens.

use std::time::Duration;

use super::key_spec::KeySpec;

/// How far the clocks of whoever signs tokens and of a node may differ: for `exp` and `nbf`, and from `exp` to the end of a session.
/// A minute is more than any clock under NTP is off, and little beside the life of a token.
pub const LEEWAY: Duration = Duration::from_secs(60);

/// What the configuration says of tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifierSettings {
    /// The keys that tokens are checked with.
    pub keys: Vec<KeySpec>,
    /// The claim that names the user.
    pub user_claim: String,
    /// A token without `exp` is refused.
    pub require_exp: bool,
    /// A token's `aud` must name one of these; where there are none, `aud` is not looked at.
    pub audience: Vec<String>,
    /// How far clocks may differ.
    pub leeway: Duration,
}

impl Default for VerifierSettings {
    fn default() -> VerifierSettings {
        VerifierSettings {
            keys: Vec::new(),
            user_claim: "sub".to_owned(),
            require_exp: true,
            audience: Vec::new(),
            leeway: LEEWAY,
        }
    }
}
