//! Section `auth`.

use serde::Deserialize;

use crate::config::{
    scalar::{Algorithm, HeaderName, Kind, Span, Text},
    secret::Secret,
    settings::section,
};

section! {
    /// How a user proves who he is. Without `keys` and `user_header` the path names the user: development mode.
    Auth in "auth" {
        /// The keys that tokens are checked with, each `{ algorithm, key, kid }`.
        /// `key` is `file:PATH` (relative to this file), `base64:...` or the text itself: a secret for HS*, else a public key as PEM.
        main keys: Vec<AuthKey> = Is("[]");
        /// What a token's `aud` must name; where absent, `aud` is not looked at.
        main audience: Vec<Text> = Is("[]");
        /// The claim that names the user: text or an integer.
        main user_claim: Text = Is("sub");
        /// Whether a token without `exp` is refused.
        main require_exp: bool = Is("true");
        /// Instead of `keys`: the header in which a trusted proxy, which has checked the login, names the user.
        /// Needs `ws.trusted_proxies` to be written in the file.
        main user_header: Option<HeaderName> = Said("none");
        /// How far clocks may differ: for `exp` and `nbf`, and from `exp` to the end of the session.
        fine leeway: Span = Is("60s"), zero "none";
    }
}

/// A key that tokens are checked with.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, expecting = "a map with algorithm, key and kid")]
pub struct AuthKey {
    /// How tokens are signed with it.
    pub algorithm: Algorithm,
    /// As it is written: `file:...`, `base64:...` or text.
    pub key: Secret,
    /// Picks this key for tokens that name it.
    #[serde(default)]
    pub kid: Option<Text>,
}

impl Kind for AuthKey {
    fn kind() -> String {
        "`{ algorithm, key, kid }`".to_owned()
    }
}
