//! An answer that is not an upgrade: a status, the refusal as JSON, and the headers that tell the client what to do now.
//!
//! The body is `{"error":{"code","reason","retry_ms"}}`. A refusal that may be tried again carries `Retry-After`.
//! The connection is closed after it, so that bytes behind a refused request are never taken for another request.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Response, StatusCode, header};
use http_body_util::Full;
use serde::Serialize;
use wire::error_code::{ErrorCode, Refusal};

/// A refusal on its way to an HTTP client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    status: StatusCode,
    refusal: Refusal,
    headers: Vec<(HeaderName, HeaderValue)>,
}

impl Answer {
    /// With the status that belongs to the code.
    pub fn new(refusal: Refusal) -> Answer {
        let status =
            StatusCode::from_u16(refusal.code.http_status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        Answer { status, refusal, headers: Vec::new() }
    }

    /// 400: the client is at fault.
    pub fn bad_request(reason: impl Into<String>) -> Answer {
        Answer::new(Refusal::new(ErrorCode::BadField, reason))
    }

    /// 403.
    pub fn forbidden(reason: impl Into<String>) -> Answer {
        Answer::new(Refusal::new(ErrorCode::Forbidden, reason))
    }

    /// 404.
    pub fn not_found(reason: impl Into<String>) -> Answer {
        Answer::new(Refusal::new(ErrorCode::NotFound, reason))
    }

    /// 429, to be tried again after `retry`.
    pub fn too_many(reason: impl Into<String>, retry: Duration) -> Answer {
        Answer::new(Refusal::retry_after(ErrorCode::TooManyRequests, reason, retry))
    }

    /// 503, to be tried again after `retry`.
    pub fn unavailable(reason: impl Into<String>, retry: Duration) -> Answer {
        Answer::new(Refusal::retry_after(ErrorCode::Unavailable, reason, retry))
    }

    /// The same with another status, where HTTP has a better one than the code's.
    pub fn with_status(mut self, status: StatusCode) -> Answer {
        self.status = status;
        self
    }

    /// The same with one more header.
    pub fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Answer {
        self.headers.push((name, value));
        self
    }

    /// The status.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// What the client is told.
    pub fn refusal(&self) -> &Refusal {
        &self.refusal
    }

    /// As hyper and axum take it.
    pub fn into_response(self) -> Response<Full<Bytes>> {
        let body = self.json();
        let mut response = Response::new(Full::new(body));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if let Some(retry) = self.refusal.retry {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(whole_seconds(retry)));
        }
        for (name, value) in self.headers {
            headers.insert(name, value);
        }
        // hyper writes `Connection: close` itself where it closes; for 426 the header names `upgrade` too (RFC 9110, 15.5.22).
        let closing = if headers.contains_key(header::UPGRADE) { "upgrade, close" } else { "close" };
        headers.insert(header::CONNECTION, HeaderValue::from_static(closing));
        response
    }

    /// The body: `{"error":{...}}`.
    pub fn json(&self) -> Bytes {
        let Refusal { code, reason, .. } = &self.refusal;
        let error = ErrorJson { code: code.as_str(), reason, retry_ms: self.refusal.retry_ms() };
        // Serialising three plain fields cannot fail; an empty body would still carry the status.
        serde_json::to_vec(&Body { error }).map(Bytes::from).unwrap_or_default()
    }
}

impl From<Refusal> for Answer {
    fn from(refusal: Refusal) -> Self {
        Answer::new(refusal)
    }
}

#[derive(Serialize)]
struct Body<'a> {
    error: ErrorJson<'a>,
}

#[derive(Serialize)]
struct ErrorJson<'a> {
    code: &'a str,
    reason: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_ms: Option<u64>,
}

/// `Retry-After` knows no fractions: rounded up, and at least one, so that nobody comes back too early.
fn whole_seconds(retry: Duration) -> u64 {
    retry.as_millis().div_ceil(1_000).clamp(1, u128::from(u32::MAX)) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_that_may_be_tried_again_says_when_and_others_do_not() {
        let answer = Answer::unavailable("the directory does not answer", Duration::from_millis(1_200));
        assert_eq!(
            &answer.json()[..],
            br#"{"error":{"code":"unavailable","reason":"the directory does not answer","retry_ms":1200}}"#
        );
        let response = answer.into_response();
        assert_eq!(response.status(), 503);
        assert_eq!(response.headers()["retry-after"], "2");
        assert_eq!(response.headers()["connection"], "close");

        let answer = Answer::bad_request("a \"quoted\" word");
        assert_eq!(&answer.json()[..], br#"{"error":{"code":"bad_field","reason":"a \"quoted\" word"}}"#);
        assert!(!answer.into_response().headers().contains_key("retry-after"));
    }
}
