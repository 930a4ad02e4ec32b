//! What a call brings along: ids in its path, parameters in its query, a JSON object in its body.
//!
//! Whatever is wrong is named by the field that it is in. Unknown fields and parameters are ignored, as in frames.

use std::str::FromStr;
use std::time::Duration;

use axum::body::Body;
use axum::extract::path::ErrorKind;
use axum::extract::rejection::PathRejection;
use axum::extract::{FromRequestParts, Path};
use bytes::Bytes;
use http::request::Parts;
use http::{Request, StatusCode, header};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ObjectBuilder, Schema, Type};
use utoipa::{PartialSchema, ToSchema};
use wire::ErrorCode;
use wire::json::is_shallow;

use super::failure::Failure;

/// How long a body may take to arrive once its head is there; a slow writer holds a call no longer than this.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);

/// Ids from the path, each percent-decoded once.
#[derive(Debug)]
pub(super) struct InPath<T>(pub(super) T);

impl<T, S> FromRequestParts<S> for InPath<T>
where
    T: DeserializeOwned + Send,
    S: Send + Sync,
{
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<InPath<T>, Failure> {
        match Path::<T>::from_request_parts(parts, state).await {
            Ok(Path(ids)) => Ok(InPath(ids)),
            Err(rejection) => Err(Failure::field(format!("path: {}", in_path(&rejection)))),
        }
    }
}

fn in_path(rejection: &PathRejection) -> String {
    let PathRejection::FailedToDeserializePathParams(error) = rejection else {
        return rejection.body_text();
    };
    match error.kind() {
        ErrorKind::Message(rule) => rule.clone(),
        ErrorKind::DeserializeError { message, .. } => message.clone(),
        ErrorKind::InvalidUtf8InPathParam { .. } => "not UTF-8".to_owned(),
        other => other.to_string(),
    }
}

/// An id in a body, described as the text that it is written as.
#[derive(Debug, Deserialize)]
#[serde(transparent)]
pub(super) struct Id<T>(pub(super) T);

impl<T> PartialSchema for Id<T> {
    fn schema() -> RefOr<Schema> {
        let text = ObjectBuilder::new().schema_type(Type::String);
        text.pattern(Some("^[A-Za-z0-9._~@-]{1,64}$")).examples(["1"]).into()
    }
}

impl<T> ToSchema for Id<T> {}

/// One parameter of the query; `None` where it is absent.
pub(super) fn parameter<T: FromStr<Err: std::fmt::Display>>(
    query: Option<&str>,
    name: &str,
) -> Result<Option<T>, Failure> {
    let value = edge::query::value(query, name);
    let value = value.map_err(|error| Failure::field(format!("{name}: {error}")))?;
    let parsed = value.map(|value| value.parse()).transpose();
    parsed.map_err(|error| Failure::field(format!("{name}: {error}")))
}

/// Reads a body of at most `bytes_max` as a JSON object that nests at most `depth_max` deep.
pub(super) async fn object<T: DeserializeOwned>(
    request: Request<Body>,
    bytes_max: usize,
    depth_max: usize,
) -> Result<T, Failure> {
    if !is_json(request.headers()) {
        return Err(Failure::new(ErrorCode::UnsupportedMedia, "the Content-Type must be application/json"));
    }
    let body = collected(request.into_body(), bytes_max).await?;
    let text = std::str::from_utf8(&body);
    let text = text.map_err(|_| Failure::new(ErrorCode::BadFrame, "the body is not UTF-8"))?;
    if !is_shallow(text, depth_max) {
        return Err(Failure::new(ErrorCode::BadContent, format!("nested deeper than {depth_max}")));
    }
    if !text.trim_start().starts_with('{') {
        return Err(Failure::new(ErrorCode::BadFrame, "the body must be a JSON object"));
    }
    let object = serde_json::from_str(text);
    object.map_err(|error| {
        Failure::new(ErrorCode::BadFrame, format!("the body is not such an object: {error}"))
    })
}

/// A field that may be absent or null.
pub(super) fn optional<T: DeserializeOwned>(
    raw: Option<&RawValue>,
    name: &str,
) -> Result<Option<T>, Failure> {
    let Some(raw) = raw.filter(|raw| raw.get() != "null") else { return Ok(None) };
    serde_json::from_str(raw.get()).map(Some).map_err(|error| {
        // The position inside the field would mislead: what is said before it is the rule.
        let rule = error.to_string();
        Failure::field(format!("{name}: {}", rule.split(" at line ").next().unwrap_or_default()))
    })
}

/// A field that must be there.
pub(super) fn required<T: DeserializeOwned>(raw: Option<&RawValue>, name: &str) -> Result<T, Failure> {
    optional(raw, name)?.ok_or_else(|| Failure::field(format!("{name}: is missing")))
}

/// For a field whose value may be `null`: then it is there all the same.
pub(super) fn even_null<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Box<RawValue>>, D::Error> {
    Box::<RawValue>::deserialize(deserializer).map(Some)
}

fn is_json(headers: &http::HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    let essence = kind.and_then(|kind| kind.split(';').next()).unwrap_or_default();
    essence.trim().eq_ignore_ascii_case("application/json")
}

async fn collected(body: Body, bytes_max: usize) -> Result<Bytes, Failure> {
    let collecting = tokio::time::timeout(BODY_TIMEOUT, Limited::new(body, bytes_max).collect());
    match collecting.await {
        Ok(Ok(collected)) => Ok(collected.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => {
            Err(Failure::new(ErrorCode::TooLarge, format!("the body is longer than {bytes_max} bytes")))
        }
        Ok(Err(_)) => Err(Failure::new(ErrorCode::BadFrame, "the body ended before its end")),
        Err(_) => {
            Err(Failure::field("the body took too long to arrive").with_status(StatusCode::REQUEST_TIMEOUT))
        }
    }
}
