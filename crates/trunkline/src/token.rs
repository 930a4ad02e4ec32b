//! `trunkline token`: what is to be signed, with which key.
//!
//! Promises: the claims are those that a node with the same configuration accepts. Signing itself is the node's, which also checks.

use std::path::Path;

use node::token;

use crate::{
    cli::TokenArgs,
    config::{
        Environment, Flags, Problem, Problems, Request, Role, TokenKey, load, resolve,
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

/// The token that `arguments` ask for, at `now_seconds` since 1970.
pub fn make(
    arguments: &TokenArgs,
    environment: &dyn Environment,
    now_seconds: u64,
) -> Result<String, Problems> {
    let order = order(arguments, environment, now_seconds)?;
    token::mint(&order.key.spec(), &order.claims)
        .map_err(|error| Problem::general(format!("the key: {error}")).into())
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
    let user: wire::id::UserId =
        arguments.user.parse().map_err(|error| Problem::general(format!("--user: {error}")))?;
    let mut claims = serde_json::Map::new();
    let user_claim = config.as_ref().map_or("sub", |config| config.auth.user_claim.0.as_str());
    claims.insert(user_claim.to_owned(), user.as_str().into());
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
        let key = resolve(written, Path::new(""))
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use clap::Parser;

    use super::*;
    use crate::{
        cli::{Cli, Command},
        config::Secret,
    };

    type Asked<T> = fn(&TokenArgs, &dyn Environment, u64) -> Result<T, Problems>;

    fn asked<T>(ask: Asked<T>, arguments: &[&str]) -> Result<T, String> {
        let cli = Cli::try_parse_from(["trunkline", "token"].iter().chain(arguments))
            .map_err(|error| error.to_string())?;
        let Command::Token(arguments) = cli.command else { return Err("another command".to_owned()) };
        let environment: BTreeMap<String, String> = [("HOSTNAME".to_owned(), "test".to_owned())].into();
        ask(&arguments, &environment, 1_000).map_err(|problems| problems.to_string())
    }

    fn ordered(arguments: &[&str]) -> Result<TokenOrder, String> {
        asked(order, arguments)
    }

    fn made(arguments: &[&str]) -> Result<String, String> {
        asked(make, arguments)
    }

    #[test]
    fn a_token_is_signed_with_the_files_key_and_says_what_the_file_wants() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("trunkline.yml");
        let text = "ws: { host: 0.0.0.0 }\nauth: { user_claim: uid, audience: chat, keys: [{ algorithm: HS512, kid: a, key: \"file:k\" }] }\n";
        std::fs::write(&file, text).unwrap();
        std::fs::write(folder.path().join("k"), "0123456789abcdef0123456789abcdef\n").unwrap();
        let order = ordered(&["--user", "42", "-c", file.to_str().unwrap(), "--expires", "2h"]).unwrap();
        assert_eq!((order.key.algorithm, order.key.kid.as_deref()), (Algorithm::Hs512, Some("a")));
        assert_eq!(order.key.key.expose(), b"0123456789abcdef0123456789abcdef");
        let claims = serde_json::Value::Object(order.claims);
        assert_eq!(claims, serde_json::json!({ "uid": "42", "aud": "chat", "iat": 1_000, "exp": 8_200 }));
    }

    #[test]
    fn a_node_with_the_same_file_lets_the_token_in() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("trunkline.yml");
        let text = "auth: { user_claim: uid, audience: chat, keys: [{ algorithm: HS256, kid: a, key: 0123456789abcdef0123456789abcdef }] }\n";
        std::fs::write(&file, text).unwrap();
        let now_ms = 1_000_000;
        let token = made(&["--user", "42", "-c", file.to_str().unwrap(), "--expires", "2h"]).unwrap();
        let key = TokenKey {
            algorithm: Algorithm::Hs256,
            key: Secret::new("0123456789abcdef0123456789abcdef"),
            kid: Some("a".to_owned()),
        };
        let verifier = token::Verifier::new(token::VerifierSettings {
            keys: vec![key.spec()],
            user_claim: "uid".to_owned(),
            audience: vec!["chat".to_owned()],
            ..token::VerifierSettings::default()
        });
        let identity = verifier.unwrap().verify(&token, now_ms).unwrap();
        assert_eq!((identity.user.as_str(), identity.expires_ms), ("42", Some(now_ms + 7_200_000)));
    }

    #[test]
    fn a_key_that_cannot_sign_is_said() {
        let short = made(&["--user", "1", "--key", "secret"]).unwrap_err();
        assert!(
            short.starts_with("the key: a key for HS256 needs at least 32 bytes, and this has 6"),
            "{short}"
        );
        let text = "0123456789abcdef0123456789abcdef";
        let private = made(&["--user", "1", "--key", text, "--algorithm", "ES256"]).unwrap_err();
        assert_eq!(private, "the key: this is not a private key, which signing for ES256 needs");
    }

    #[test]
    fn what_is_missing_or_wrong_is_said() {
        let no_key = "there is no key to sign with: give -c FILE with an HS256 key under auth.keys, or --key (and --algorithm)";
        assert_eq!(ordered(&["--user", "1"]).unwrap_err(), no_key);
        assert!(ordered(&["--user", "a/b", "--key", "k"]).unwrap_err().starts_with("--user: "));
        assert!(
            ordered(&["--user", "1", "--key", "k", "--algorithm", "none"])
                .unwrap_err()
                .starts_with("--algorithm takes")
        );
        assert!(
            ordered(&["--user", "1", "--key", "k", "--expires", "1"])
                .unwrap_err()
                .starts_with("--expires takes")
        );
        assert!(
            ordered(&["--user", "1", "--key", "file:absent"])
                .unwrap_err()
                .starts_with("--key: the file absent cannot be read")
        );
    }
}
