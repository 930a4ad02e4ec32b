//! Checks tokens.
//!
//! Promises: nothing that a token says is believed before its signature is; time is an argument.
//! A token's `kid` picks the key. Where no configured key has that name, keys without a name are tried, because many issuers name
//! their key and few configurations repeat it; a token that names no key is tried with each key of its algorithm.

use std::time::Duration;

use super::{
    bad_key::BadKey, bad_token::BadToken, checking_key::CheckingKey, claims, compact::Compact, ring_provider,
    verifier_settings::VerifierSettings,
};
use crate::admission::auth::Identity;

/// Checks tokens.
#[derive(Debug)]
pub struct Verifier {
    keys: Vec<CheckingKey>,
    /// Its keys have moved to `keys`.
    settings: VerifierSettings,
}

impl Verifier {
    /// Makes the keys ready. Whatever is wrong with one of them is said here, not at the first login.
    pub fn new(mut settings: VerifierSettings) -> Result<Verifier, BadKey> {
        ring_provider::install();
        let specs = std::mem::take(&mut settings.keys);
        if specs.is_empty() {
            return Err(BadKey::NoKey);
        }
        let keys = specs.iter().map(CheckingKey::new).collect::<Result<_, _>>()?;
        Ok(Verifier { keys, settings })
    }

    /// Who the token's bearer is, at `now_ms` since 1970.
    pub fn verify(&self, token: &str, now_ms: u64) -> Result<Identity, BadToken> {
        let token = Compact::split(token)?;
        for key in self.candidates(&token)? {
            if key.has_signed(&token)? {
                return claims::identify(&token.claims()?, &self.settings, now_ms);
            }
        }
        Err(BadToken::Signature)
    }

    /// How long after its `exp` a token still counts, and a session of it still lives.
    pub fn leeway(&self) -> Duration {
        self.settings.leeway
    }

    /// The keys that may have signed a token, by what its header says.
    fn candidates(&self, token: &Compact<'_>) -> Result<Vec<&CheckingKey>, BadToken> {
        let header = token.header()?;
        let text = |name: &str| match header.get(name) {
            None | Some(serde_json::Value::Null) => Ok(None),
            Some(serde_json::Value::String(text)) => Ok(Some(text.as_str())),
            Some(_) => Err(BadToken::Malformed),
        };
        let algorithm = text("alg")?.ok_or(BadToken::Malformed)?;
        let of_algorithm = || self.keys.iter().filter(|key| key.algorithm.name() == algorithm);
        if of_algorithm().next().is_none() {
            return Err(BadToken::Algorithm);
        }
        // RFC 7515, 4.1.11: who does not understand all that is named there must refuse.
        if header.contains_key("crit") {
            return Err(BadToken::Extension);
        }
        let Some(kid) = text("kid")? else { return Ok(of_algorithm().collect()) };
        let named = |name: Option<&str>| -> Vec<&CheckingKey> {
            of_algorithm().filter(|key| key.kid.as_deref() == name).collect()
        };
        let picked = Some(named(Some(kid))).filter(|keys| !keys.is_empty()).unwrap_or_else(|| named(None));
        if picked.is_empty() { Err(BadToken::UnknownKey) } else { Ok(picked) }
    }
}
