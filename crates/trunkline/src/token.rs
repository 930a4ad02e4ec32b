//! `trunkline token`: what is to be signed, with which key.
//!
//! Promises: the claims are those that a node with the same configuration accepts. Signing itself is the node's, which also checks.

use std::path::Path;

use crate::{
    cli::TokenArgs,
    config::{
        Environment, Flags, Problem, Problems, Request, Role, Secret, TokenKey, load, resolve,
        scalar::{Algorithm, parse_span},
    },
};

/// A token to be made.
#[derive(Debug, Clone, PartialEq)]
pub struct TokenOrder {
    /// What signs it; for RS*, ES256 and EdDSA a private key as PEM.
    pub key: TokenKey,
    /// What it says.
    pub claims: serde_json::Map<String, serde_json::Value>,
}

/// What `arguments` ask for, at `now_seconds` since 1970.
pub fn order(
    arguments: &TokenArgs,
    environment: &dyn Environment,
    now_seconds: u64,
) -> Result<TokenOrder, Problems> {
    let config = match &arguments.config {
        // The file of a node that is reachable from elsewhere is as good a source of its key as any.
        Some(file) => {
            let request = Request {
                role: Role::Node,
                file: Some(file.clone()),
                flags: Flags::default(),
                insecure: true,
                data: None,
            };
            Some(load(&request, environment)?.config)
        }
        None => None,
    };
    let configured = config.as_ref().map(|config| config.token_keys.as_slice()).unwrap_or_default();
    let expires = parse_span(&arguments.expires)
        .filter(|span| span.as_secs() > 0)
        .ok_or_else(|| Problem::general("--expires takes a duration of a second or more, such as 1h"))?;
    let mut claims = serde_json::Map::new();
    let user_claim = config.as_ref().map_or("sub", |config| config.auth.user_claim.0.as_str());
    claims.insert(user_claim.to_owned(), arguments.user.as_str().into());
    let configured_audience =
        config.as_ref().and_then(|config| config.auth.audience.first()).map(|audience| audience.0.clone());
    if let Some(audience) = arguments.audience.clone().or(configured_audience) {
        claims.insert("aud".to_owned(), audience.into());
    }
    claims.insert("iat".to_owned(), now_seconds.into());
    claims.insert("exp".to_owned(), now_seconds.saturating_add(expires.as_secs()).into());
    Ok(TokenOrder { key: signing_key(arguments, configured)?, claims })
}

fn signing_key(arguments: &TokenArgs, configured: &[TokenKey]) -> Result<TokenKey, Problem> {
    let asked: Option<Algorithm> = match &arguments.algorithm {
        None => None,
        Some(name) => Some(name.parse().map_err(|()| {
            Problem::general("--algorithm takes HS256, HS384, HS512, RS256, RS512, ES256 or EdDSA")
        })?),
    };
    if let Some(written) = &arguments.key {
        let key = resolve(&Secret::new(written.as_bytes()), Path::new(""))
            .map_err(|message| Problem::general(format!("--key: {message}")))?;
        return Ok(TokenKey {
            algorithm: asked.unwrap_or(Algorithm::Hs256),
            key,
            kid: arguments.kid.clone(),
        });
    }
    let fits = |key: &&TokenKey| {
        key.algorithm.is_symmetric()
            && asked.is_none_or(|asked| asked == key.algorithm)
            && arguments.kid.as_ref().is_none_or(|kid| key.kid.as_ref() == Some(kid))
    };
    configured.iter().find(fits).cloned().ok_or_else(|| {
        Problem::general("there is no key to sign with: give -c FILE with an HS256 key under auth.keys, or --key (and --algorithm)")
    })
}
