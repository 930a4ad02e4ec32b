//! Who may call: the rules about where a request comes from, the API keys, and how many calls may be under way.
//!
//! Probes, metrics and the description need no key; everything below `/api` does, unless the node is in development mode and has none.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use edge::{Client, Peer};
use http::{HeaderValue, Request, header};
use ring::hmac;
use tokio::sync::Semaphore;
use wire::ErrorCode;
use wire::error_code::Refusal;

use super::ApiState;
use super::failure::Failure;
use crate::config::ApiKey;

/// Calls under way at once; further ones are told to come again. Each may hold a body of a megabyte, and stands in the store's queue.
const CALLS_IN_FLIGHT_MAX: usize = 256;

/// Stands in front of the routes.
pub(super) struct Gate {
    api: ApiState,
    keys: Vec<hmac::Key>,
    calls: Semaphore,
}

impl Gate {
    /// The gate of a node.
    pub(super) fn new(api: &ApiState) -> Arc<Gate> {
        let keys = api.config.api.keys.iter().map(|ApiKey(key)| keyed(key)).collect();
        Arc::new(Gate { api: api.clone(), keys, calls: Semaphore::new(CALLS_IN_FLIGHT_MAX) })
    }

    /// Lets a request through, or answers it.
    pub(super) async fn pass(State(gate): State<Arc<Gate>>, request: Request<Body>, next: Next) -> Response {
        if let Err(answer) = gate.check_origin(&request) {
            return Failure::from(answer.refusal().clone()).into_response();
        }
        let path = request.uri().path();
        if path != "/api" && !path.starts_with("/api/") {
            return next.run(request).await;
        }
        if let Err(failure) = gate.check_key(&request) {
            return failure.into_response();
        }
        match gate.calls.try_acquire() {
            Ok(_call) => next.run(request).await,
            Err(_) => Failure::new(ErrorCode::Unavailable, "too many calls are under way").into_response(),
        }
    }

    fn check_origin(&self, request: &Request<Body>) -> Result<(), edge::Answer> {
        let policy = &self.api.policy;
        if !policy.development {
            return policy.check_host(request.headers());
        }
        let peer = request.extensions().get::<Peer>();
        let peer = peer.ok_or_else(|| edge::Answer::new(Refusal::new(ErrorCode::Internal, "no peer")))?;
        let address = peer.remote.ip();
        let client = Client::of(address, request.headers(), &self.api.config.trusted_proxies);
        policy.check(request, address, &client).map(|_asker| ())
    }

    fn check_key(&self, request: &Request<Body>) -> Result<(), Failure> {
        if self.keys.is_empty() {
            return if self.api.policy.development {
                Ok(())
            } else {
                Err(unauthorized("this interface is closed: api.keys is not set"))
            };
        }
        let mut lines = request.headers().get_all(header::AUTHORIZATION).iter();
        let line = lines.next().filter(|_| lines.next().is_none()).map(HeaderValue::as_bytes);
        let Some(shown) = line.and_then(bearer) else {
            return Err(unauthorized("an API key is needed: Authorization: Bearer KEY"));
        };
        let tag = hmac::sign(&keyed(shown), PURPOSE);
        // All keys are compared, each in constant time, so that how long it takes tells nothing.
        let known = self
            .keys
            .iter()
            .fold(false, |known, key| known | hmac::verify(key, PURPOSE, tag.as_ref()).is_ok());
        if known { Ok(()) } else { Err(unauthorized("the API key is not accepted")) }
    }
}

/// What is signed with a key to compare it: two keys are the same when what they sign is.
const PURPOSE: &[u8] = b"api key";

fn keyed(key: &[u8]) -> hmac::Key {
    hmac::Key::new(hmac::HMAC_SHA256, key)
}

fn bearer(line: &[u8]) -> Option<&[u8]> {
    let space = line.iter().position(|byte| *byte == b' ')?;
    let (scheme, key) = line.split_at(space);
    let key = key.trim_ascii();
    (scheme.eq_ignore_ascii_case(b"bearer") && !key.is_empty()).then_some(key)
}

fn unauthorized(reason: &str) -> Failure {
    let failure = Failure::new(ErrorCode::Unauthorized, reason);
    failure.with_header(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"))
}
