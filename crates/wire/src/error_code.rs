//! Why a request was refused, as the word that the client sees in `error`, and the HTTP status that says the same.

use std::{fmt, time::Duration};

use serde::{Serialize, Serializer};

/// The code of an `error` frame and of an HTTP error body.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorCode {
    /// The frame is a JSON object, but not one of ours.
    BadFrame,
    /// No frame of this name.
    UnknownType,
    /// A field is missing or has a value that it cannot have.
    BadField,
    /// `content` is not a JSON value that can be carried.
    BadContent,
    /// No API key, or a wrong one.
    Unauthorized,
    /// Not allowed to this user.
    Forbidden,
    /// No such group, session or conversation.
    NotFound,
    /// The recipient has no live session, and nothing is kept (`store: none`).
    Offline,
    /// The same id was used for something else.
    Conflict,
    /// `content` or the request is over its limit.
    TooLarge,
    /// The body is not `application/json`.
    UnsupportedMedia,
    /// Over the rate.
    TooManyRequests,
    /// A defect of ours.
    Internal,
    /// Needs a store, and this cluster keeps nothing.
    NoStore,
    /// Something behind the node does not answer, or the place of this session is not known there.
    Unavailable,
    /// The node is leaving.
    Draining,
}

impl ErrorCode {
    /// Every code, in the order of the protocol page.
    pub const ALL: [ErrorCode; 16] = [
        ErrorCode::BadFrame,
        ErrorCode::UnknownType,
        ErrorCode::BadField,
        ErrorCode::BadContent,
        ErrorCode::Unauthorized,
        ErrorCode::Forbidden,
        ErrorCode::NotFound,
        ErrorCode::Offline,
        ErrorCode::Conflict,
        ErrorCode::TooLarge,
        ErrorCode::UnsupportedMedia,
        ErrorCode::TooManyRequests,
        ErrorCode::Internal,
        ErrorCode::NoStore,
        ErrorCode::Unavailable,
        ErrorCode::Draining,
    ];

    /// The word on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            ErrorCode::BadFrame => "bad_frame",
            ErrorCode::UnknownType => "unknown_type",
            ErrorCode::BadField => "bad_field",
            ErrorCode::BadContent => "bad_content",
            ErrorCode::Unauthorized => "unauthorized",
            ErrorCode::Forbidden => "forbidden",
            ErrorCode::NotFound => "not_found",
            ErrorCode::Offline => "offline",
            ErrorCode::Conflict => "conflict",
            ErrorCode::TooLarge => "too_large",
            ErrorCode::UnsupportedMedia => "unsupported_media",
            ErrorCode::TooManyRequests => "too_many_requests",
            ErrorCode::Internal => "internal",
            ErrorCode::NoStore => "no_store",
            ErrorCode::Unavailable => "unavailable",
            ErrorCode::Draining => "draining",
        }
    }

    /// The HTTP status of the same refusal.
    pub fn http_status(self) -> u16 {
        match self {
            ErrorCode::BadFrame | ErrorCode::UnknownType | ErrorCode::BadField | ErrorCode::BadContent => 400,
            ErrorCode::Unauthorized => 401,
            ErrorCode::Forbidden => 403,
            ErrorCode::NotFound | ErrorCode::Offline => 404,
            ErrorCode::Conflict => 409,
            ErrorCode::TooLarge => 413,
            ErrorCode::UnsupportedMedia => 415,
            ErrorCode::TooManyRequests => 429,
            ErrorCode::Internal => 500,
            ErrorCode::NoStore => 501,
            ErrorCode::Unavailable | ErrorCode::Draining => 503,
        }
    }

    /// True when the same request can succeed later; such an error carries `retry_ms`, the others never do.
    pub fn may_retry(self) -> bool {
        matches!(
            self,
            ErrorCode::TooManyRequests | ErrorCode::Internal | ErrorCode::Unavailable | ErrorCode::Draining
        )
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for ErrorCode {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// A refusal: what a client, or a caller over HTTP, is told. `Display` is for people and never holds content or secrets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The word that a program looks at.
    pub code: ErrorCode,
    /// The sentence that a person reads.
    pub reason: String,
    /// When to try again; present exactly when [`ErrorCode::may_retry`].
    pub retry: Option<Duration>,
}

impl Refusal {
    /// A refusal that trying again will not change.
    pub fn new(code: ErrorCode, reason: impl Into<String>) -> Refusal {
        let retry = code.may_retry().then_some(RETRY_DEFAULT);
        Refusal { code, reason: reason.into(), retry }
    }

    /// A refusal that can be tried again after `retry`.
    pub fn retry_after(code: ErrorCode, reason: impl Into<String>, retry: Duration) -> Refusal {
        Refusal { retry: code.may_retry().then_some(retry), ..Refusal::new(code, reason) }
    }

    /// `retry` in the unit of the wire.
    pub fn retry_ms(&self) -> Option<u64> {
        self.retry.map(|retry| u64::try_from(retry.as_millis()).unwrap_or(u64::MAX))
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.reason)
    }
}

impl std::error::Error for Refusal {}

/// Half a second: long enough for a reconnect inside the cluster, short enough that a person does not notice it as an outage.
const RETRY_DEFAULT: Duration = Duration::from_millis(500);
