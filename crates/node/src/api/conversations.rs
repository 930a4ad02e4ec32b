//! Reading what was said: a piece of a log, and a user's conversations. The bodies are those of the frames `page` and `conversations`.

use axum::extract::{RawQuery, State};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::{HeaderValue, header};
use ports::store::{PageQuery, Reader};
use utoipa::ToSchema;
use wire::frame::Range;
use wire::id::{ConversationId, Seq, UserId};
use wire::limits::{CONVERSATIONS_ITEMS_MAX, HISTORY_ITEMS_MAX, PAGE_ITEMS_DEFAULT, SEQ_MAX};

use super::ApiState;
use super::failure::{ErrorBody, Failure};
use super::input::{InPath, parameter};

/// A piece of a log, ascending.
#[derive(ToSchema)]
#[expect(dead_code, reason = "the frame is written by the wire crate; this describes it")]
pub(super) struct Page {
    /// `page`.
    #[schema(example = "page")]
    r#type: String,
    /// Which log.
    #[schema(example = "d:1:2")]
    conversation: String,
    /// Where the log now begins.
    first: u64,
    /// The messages.
    messages: Vec<Message>,
    /// True when there are more in the direction that was asked for.
    more: bool,
}

/// A message that is kept.
#[derive(ToSchema)]
#[expect(dead_code, reason = "the frame is written by the wire crate; this describes it")]
pub(super) struct Message {
    /// `message`.
    #[schema(example = "message")]
    r#type: String,
    /// Where it was said.
    #[schema(example = "d:1:2")]
    conversation: String,
    /// Its place there.
    seq: u64,
    /// Its name.
    message_id: String,
    /// Who said it.
    #[schema(example = "1")]
    from: String,
    /// To whom.
    to: MessageTarget,
    /// What.
    content: serde_json::Value,
    /// When, in milliseconds since 1970.
    time: u64,
    /// The sender's own name of the send.
    #[schema(required = false, nullable = false)]
    id: Option<String>,
}

/// To whom a message was said.
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
#[expect(dead_code, reason = "the frame is written by the wire crate; this describes it")]
pub(super) enum MessageTarget {
    /// To one user.
    User(String),
    /// To a group.
    Group(String),
}

/// A user's conversations, the latest first.
#[derive(ToSchema)]
#[expect(dead_code, reason = "the frame is written by the wire crate; this describes it")]
pub(super) struct Conversations {
    /// `conversations`.
    #[schema(example = "conversations")]
    r#type: String,
    /// The conversations.
    conversations: Vec<Conversation>,
    /// What to ask for next; absent at the end.
    #[schema(required = false, nullable = false)]
    next: Option<String>,
}

/// One of a user's conversations.
#[derive(ToSchema)]
#[expect(dead_code, reason = "the frame is written by the wire crate; this describes it")]
pub(super) struct Conversation {
    /// Which.
    #[schema(example = "d:1:2")]
    conversation: String,
    /// The highest seq; 0 for a group in which nothing was said.
    head: u64,
    /// Others' messages above the user's read cursor.
    unread: u64,
    /// The user's read cursor.
    read: u64,
    /// The latest message.
    #[schema(required = false, nullable = false)]
    last: Option<Message>,
}

/// Reads a piece of a log: the latest when neither `before` nor `after` is given.
#[utoipa::path(
    get,
    path = "/api/v1/conversations/{conversation}/messages",
    tag = "messages",
    params(
        ("conversation" = String, Path, description = "`d:1:2`, the two ids sorted by bytes, or `g:ID`"),
        ("before" = Option<u64>, Query, description = "the messages just before this seq"),
        ("after" = Option<u64>, Query, description = "the messages just after this seq"),
        ("limit" = Option<usize>, Query, description = "messages at most, 1 to 200; 50 when absent", maximum = 200, minimum = 1),
    ),
    responses(
        (status = 200, description = "the piece of the log", body = Page),
        (status = 400, description = "`bad_field`", body = ErrorBody),
        (status = 401, description = "`unauthorized`", body = ErrorBody),
        (status = 404, description = "`not_found`: no such group", body = ErrorBody),
        (status = 501, description = "`no_store`", body = ErrorBody),
        (status = 503, description = "`unavailable`", body = ErrorBody),
    )
)]
pub(super) async fn messages(
    State(api): State<ApiState>,
    InPath(conversation): InPath<ConversationId>,
    RawQuery(query): RawQuery,
) -> Result<Response, Failure> {
    let query = query.as_deref();
    let range = match (seq(query, "before")?, seq(query, "after")?) {
        (None, None) => Range::Latest,
        (Some(before), None) => Range::Before(before),
        (None, Some(after)) => Range::After(after),
        (Some(_), Some(_)) => return Err(Failure::field("before and after exclude each other")),
    };
    let query = PageQuery {
        conversation,
        reader: Reader::All,
        range,
        items_max: limit(query, HISTORY_ITEMS_MAX)?,
        bytes_max: api.config.limits.page_bytes_max,
    };
    Ok(frame(api.desk.page(query, None).await?))
}

/// Lists a user's conversations, the latest first; groups without messages too.
#[utoipa::path(
    get,
    path = "/api/v1/users/{user}/conversations",
    tag = "users",
    params(
        ("user" = String, Path, description = "the user's id"),
        ("limit" = Option<usize>, Query, description = "conversations at most, 1 to 200; 50 when absent", maximum = 200, minimum = 1),
        ("next" = Option<String>, Query, description = "the `next` of the answer before"),
    ),
    responses(
        (status = 200, description = "the conversations", body = Conversations),
        (status = 400, description = "`bad_field`", body = ErrorBody),
        (status = 401, description = "`unauthorized`", body = ErrorBody),
        (status = 501, description = "`no_store`", body = ErrorBody),
        (status = 503, description = "`unavailable`", body = ErrorBody),
    )
)]
pub(super) async fn of_user(
    State(api): State<ApiState>,
    InPath(user): InPath<UserId>,
    RawQuery(query): RawQuery,
) -> Result<Response, Failure> {
    let query = query.as_deref();
    let items_max = limit(query, CONVERSATIONS_ITEMS_MAX)?;
    let next: Option<String> = parameter(query, "next")?;
    Ok(frame(api.desk.conversations(&user, None, items_max, next.as_deref()).await?))
}

fn seq(query: Option<&str>, name: &str) -> Result<Option<Seq>, Failure> {
    match parameter::<Seq>(query, name)? {
        Some(seq) if seq > SEQ_MAX => Err(Failure::field(format!("{name}: must be at most 2^53 - 1"))),
        seq => Ok(seq),
    }
}

fn limit(query: Option<&str>, max: usize) -> Result<usize, Failure> {
    let limit = parameter(query, "limit")?.unwrap_or(PAGE_ITEMS_DEFAULT);
    if (1..=max).contains(&limit) {
        return Ok(limit);
    }
    Err(Failure::field(format!("limit: must be 1 to {max}")))
}

fn frame(bytes: Bytes) -> Response {
    ([(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))], bytes).into_response()
}
