//! What a token says, once its signature is known to be right: for whom, for whose ears, from when, until when.
//!
//! Promises: time is an argument, and a claim of `null` counts as absent, because Java libraries write absent ones so.

use serde_json::{Map, Value};
use wire::id::UserId;

use super::{bad_token::BadToken, verifier_settings::VerifierSettings};
use crate::admission::auth::Identity;

/// The latest time that is told apart, in milliseconds since 1970: the largest integer that JavaScript holds exactly.
/// Later ones count as this, so that nobody who adds to it overflows.
const TIME_MS_MAX: u64 = (1 << 53) - 1;

/// Who is named by claims that hold at `now_ms`.
pub(super) fn identify(
    claims: &Map<String, Value>,
    settings: &VerifierSettings,
    now_ms: u64,
) -> Result<Identity, BadToken> {
    let leeway_ms = u64::try_from(settings.leeway.as_millis()).unwrap_or(u64::MAX);
    let expires_ms = time_ms(claims, "exp")?;
    match expires_ms {
        // The same moment at which a session of this token ends.
        Some(expires_ms) if now_ms >= expires_ms.saturating_add(leeway_ms) => return Err(BadToken::Expired),
        None if settings.require_exp => return Err(BadToken::NoExp),
        Some(_) | None => {}
    }
    if time_ms(claims, "nbf")?.is_some_and(|not_before_ms| now_ms.saturating_add(leeway_ms) < not_before_ms) {
        return Err(BadToken::NotYetValid);
    }
    if !settings.audience.is_empty() && !is_for(claims.get("aud"), &settings.audience) {
        return Err(BadToken::Audience);
    }
    Ok(Identity { user: user(claims, &settings.user_claim)?, expires_ms })
}

fn user(claims: &Map<String, Value>, user_claim: &str) -> Result<UserId, BadToken> {
    let text = match claims.get(user_claim) {
        None | Some(Value::Null) => return Err(BadToken::NoUser),
        Some(Value::String(text)) => text.clone(),
        // A fraction, or an integer beyond 64 bits, has lost digits by now: two users could become one.
        Some(Value::Number(number)) if number.is_i64() || number.is_u64() => number.to_string(),
        Some(_) => return Err(BadToken::BadUser),
    };
    text.parse().map_err(|_| BadToken::BadUser)
}

/// `aud` is one name or a list of names.
fn is_for(aud: Option<&Value>, wanted: &[String]) -> bool {
    let is_wanted = |name: &Value| name.as_str().is_some_and(|name| wanted.iter().any(|want| want == name));
    match aud {
        Some(Value::Array(names)) => names.iter().any(is_wanted),
        Some(name) => is_wanted(name),
        None => false,
    }
}

/// A time in seconds since 1970, which may have a fraction, in milliseconds.
fn time_ms(claims: &Map<String, Value>, claim: &str) -> Result<Option<u64>, BadToken> {
    let number = match claims.get(claim) {
        None | Some(Value::Null) => return Ok(None),
        Some(Value::Number(number)) => number,
        Some(_) => return Err(BadToken::BadTime),
    };
    let ms = match (number.as_u64(), number.as_f64()) {
        (Some(seconds), _) => seconds.saturating_mul(1_000),
        // Before 1970 becomes 1970.
        (None, Some(seconds)) => (seconds * 1_000.0) as u64,
        (None, None) => return Err(BadToken::BadTime),
    };
    Ok(Some(ms.min(TIME_MS_MAX)))
}
