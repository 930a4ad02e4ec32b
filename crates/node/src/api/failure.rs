//! A refusal as the HTTP interface says it: a status, and `{"error":{"code","reason","retry_ms"}}`. Nothing is refused in another form.
//!
//! Unlike the answers of a handshake it leaves the connection open: a service that asks for many users must not reconnect for each that is unknown.

use std::time::Duration;

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::{HeaderName, HeaderValue, StatusCode, header};
use serde::Serialize;
use utoipa::ToSchema;
use wire::ErrorCode;
use wire::error_code::Refusal;

/// A refusal on its way out.
#[derive(Debug)]
pub(super) struct Failure {
    refusal: Refusal,
    status: StatusCode,
    header: Option<(HeaderName, HeaderValue)>,
}

/// What every refusal says.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ErrorBody {
    /// The refusal.
    pub(super) error: ErrorDetail,
}

/// Why a call was refused.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ErrorDetail {
    /// The word that a program looks at.
    #[schema(value_type = String, example = "not_found")]
    pub(super) code: ErrorCode,
    /// The sentence that a person reads.
    #[schema(example = "there is no such group")]
    pub(super) reason: String,
    /// When to try again; only where trying again can help.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false, nullable = false)]
    pub(super) retry_ms: Option<u64>,
}

impl Failure {
    /// A refusal that trying again will not change.
    pub(super) fn new(code: ErrorCode, reason: impl Into<String>) -> Failure {
        Failure::from(Refusal::new(code, reason))
    }

    /// A field of the request that is missing or cannot be what it is.
    pub(super) fn field(reason: impl Into<String>) -> Failure {
        Failure::new(ErrorCode::BadField, reason)
    }

    /// The same with another status, where HTTP has a better one than the code's.
    pub(super) fn with_status(self, status: StatusCode) -> Failure {
        Failure { status, ..self }
    }

    /// The same with a header that tells the caller what to do now.
    pub(super) fn with_header(self, name: HeaderName, value: HeaderValue) -> Failure {
        Failure { header: Some((name, value)), ..self }
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        let status = StatusCode::from_u16(refusal.code.http_status());
        Failure { refusal, status: status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR), header: None }
    }
}

impl From<Refusal> for ErrorDetail {
    fn from(refusal: Refusal) -> Self {
        ErrorDetail { code: refusal.code, retry_ms: refusal.retry_ms(), reason: refusal.reason }
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let retry = self.refusal.retry.map(whole_seconds);
        let body = ErrorBody { error: self.refusal.into() };
        let mut response = (self.status, Json(body)).into_response();
        let headers = response.headers_mut();
        headers.extend(retry.map(|seconds| (header::RETRY_AFTER, HeaderValue::from(seconds))));
        headers.extend(self.header);
        response
    }
}

/// `Retry-After` knows no fractions: rounded up, and at least one, so that nobody comes back too early.
fn whole_seconds(retry: Duration) -> u64 {
    retry.as_secs() + u64::from(retry.subsec_nanos() > 0 || retry.is_zero())
}
