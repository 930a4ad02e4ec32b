//! Sending over HTTP: to a user, to a group, to everyone, or the same to a list of users. The API key speaks for the service, so `from` may be anybody.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use futures_util::{StreamExt, stream};
use http::{Request, StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::ToSchema;
use wire::error_code::Refusal;
use wire::frame::Reach;
use wire::id::{ClientId, ConversationId, GroupId, MessageId, Seq, UserId};
use wire::json::check_carried;
use wire::limits::USERS_PER_SEND_MAX;
use wire::{ErrorCode, Target};

use super::ApiState;
use super::failure::{ErrorBody, ErrorDetail, Failure};
use super::input::{self, Id, even_null, optional, required};
use crate::dispatch::{Accepted, Send};

/// Bytes of a body beside its `content`: a list of 1,000 ids of 64 characters takes 70,000.
const BESIDE_CONTENT_BYTES_MAX: usize = 128 * 1024;
/// Messages of one list under way at once: enough to fill a commit and a batch of the bus, few enough to leave room for others.
const LIST_IN_FLIGHT_MAX: usize = 256;

/// A message that is to be sent.
#[derive(Deserialize, ToSchema)]
pub(super) struct NewMessage {
    /// Who says it. Need not be a member of the group.
    #[schema(value_type = String, example = "1")]
    from: Option<Box<RawValue>>,
    /// To whom.
    #[schema(value_type = Recipients)]
    to: Option<Box<RawValue>>,
    /// What: any JSON value, carried and kept byte for byte as it is written here.
    #[serde(default, deserialize_with = "even_null")]
    #[schema(value_type = Value, required = true)]
    content: Option<Box<RawValue>>,
    /// The idempotency key, 1 to 64 characters, unique per sender: the same again gives the first answer and sends nothing twice. Minted when absent.
    #[schema(value_type = Option<String>, example = "01JD0000000000000000000000")]
    id: Option<Box<RawValue>>,
    /// True for what is not kept: it is pushed to whoever is connected, and the answer is 202.
    #[schema(value_type = Option<bool>)]
    signal: Option<Box<RawValue>>,
}

// The description is made from the names of types, and wants them without parameters.
type AsUser = Id<UserId>;
type AsGroup = Id<GroupId>;

/// To whom: exactly one of these.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Recipients {
    /// One user.
    User(AsUser),
    /// The members of a group, or `everyone`.
    Group(AsGroup),
    /// A direct message to each of up to 1,000 users.
    Users(Vec<AsUser>),
}

/// A message was accepted.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
pub(super) enum Taken {
    /// It is kept.
    Receipt(Receipt),
    /// Nothing is kept here.
    Sent(Sent),
}

/// The message is kept.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Receipt {
    /// The idempotency key.
    #[schema(value_type = String)]
    id: ClientId,
    /// Where it was said.
    #[schema(value_type = String, example = "d:1:2")]
    conversation: ConversationId,
    /// Its place there.
    #[schema(value_type = u64)]
    seq: Seq,
    /// Its name.
    #[schema(value_type = String)]
    message_id: MessageId,
    /// When, in milliseconds since 1970.
    time: u64,
}

/// How far the message came where nothing is kept.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Sent {
    /// The idempotency key.
    #[schema(value_type = String)]
    id: ClientId,
    /// Its name.
    #[schema(value_type = String)]
    message_id: MessageId,
    /// When, in milliseconds since 1970.
    time: u64,
    /// `delivered`: put on the send queues of sessions of this node; `posted`: the bus has taken it for another node; `nobody`: nobody is there.
    #[schema(value_type = String, example = "posted")]
    reach: Reach,
}

/// What became of a message to a list of users.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Results {
    /// One for each user, in the order of the list; a user that is listed twice gets one message.
    results: Vec<UserResult>,
}

/// What became of the message to one user of a list.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct UserResult {
    /// Who.
    #[schema(value_type = String)]
    user: UserId,
    #[serde(flatten)]
    outcome: Outcome,
}

/// A receipt, how far it came, or why not.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
pub(super) enum Outcome {
    /// It was accepted.
    Taken(Taken),
    /// It was not.
    Refused(ErrorBody),
}

/// Nothing more is known of a signal.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Nothing {}

/// A message that was read and checked.
struct Checked {
    from: UserId,
    id: ClientId,
    content: Arc<RawValue>,
}

/// Sends a message.
#[utoipa::path(
    post,
    path = "/api/v1/messages",
    tag = "messages",
    request_body = NewMessage,
    responses(
        (status = 201, description = "accepted", body = Taken),
        (status = 200, description = "accepted before under this id; or the results of a list of users", body = inline(SentBefore)),
        (status = 202, description = "a signal, pushed to whoever is connected", body = Nothing),
        (status = 400, description = "`bad_frame`, `bad_field`, `bad_content`", body = ErrorBody),
        (status = 401, description = "`unauthorized`", body = ErrorBody),
        (status = 404, description = "`not_found`: no such group; `offline`: nobody is there, and nothing is kept", body = ErrorBody),
        (status = 409, description = "`conflict`: the id was used for another message", body = ErrorBody),
        (status = 413, description = "`too_large`", body = ErrorBody),
        (status = 415, description = "`unsupported_media`", body = ErrorBody),
        (status = 503, description = "`unavailable`, `draining`", body = ErrorBody),
    )
)]
pub(super) async fn send(State(api): State<ApiState>, request: Request<Body>) -> Result<Response, Failure> {
    let limits = &api.config.limits;
    let bytes_max = limits.content_bytes_max.saturating_add(BESIDE_CONTENT_BYTES_MAX);
    let new: NewMessage = input::object(request, bytes_max, limits.json_depth_max).await?;
    let signal = optional(new.signal.as_deref(), "signal")?.unwrap_or(false);
    let to: Recipients = required(new.to.as_deref(), "to")?;
    let checked = Checked {
        from: required(new.from.as_deref(), "from")?,
        id: optional(new.id.as_deref(), "id")?.unwrap_or_else(|| api.desk.arriving.client_id()),
        content: content(&api, new.content)?,
    };
    let to = match to {
        Recipients::User(Id(user)) => Target::User(user),
        Recipients::Group(Id(group)) => Target::Group(group),
        Recipients::Users(users) => return to_list(&api, checked, listed(users)?, signal).await,
    };
    if signal {
        return signal_to(&api, checked, to).await;
    }
    let (status, taken) = send_one(&api, checked, to, false).await?;
    Ok((status, Json(taken)).into_response())
}

fn content(api: &ApiState, raw: Option<Box<RawValue>>) -> Result<Arc<RawValue>, Failure> {
    let limits = &api.config.limits;
    let raw = raw.ok_or_else(|| Failure::field("content: is missing"))?;
    if raw.get().len() > limits.content_bytes_max {
        let reason = format!("content: more than {} bytes", limits.content_bytes_max);
        return Err(Failure::new(ErrorCode::TooLarge, reason));
    }
    check_carried(&raw, limits.json_depth_max)
        .map_err(|error| Failure::new(ErrorCode::BadContent, format!("content: {error}")))?;
    Ok(raw.into())
}

/// The users of a list, each once, in the order in which they are first named.
fn listed(users: Vec<AsUser>) -> Result<Vec<UserId>, Failure> {
    if users.is_empty() || users.len() > USERS_PER_SEND_MAX {
        return Err(Failure::field(format!("to: users must be 1 to {USERS_PER_SEND_MAX} ids")));
    }
    let mut seen = BTreeSet::new();
    Ok(users.into_iter().map(|Id(user)| user).filter(|user| seen.insert(user.clone())).collect())
}

async fn to_list(
    api: &ApiState,
    checked: Checked,
    users: Vec<UserId>,
    signal: bool,
) -> Result<Response, Failure> {
    if signal {
        for user in users {
            push_signal(api, &checked, Target::User(user), None).await;
        }
        return Ok((StatusCode::ACCEPTED, Json(Nothing {})).into_response());
    }
    let results = stream::iter(users).map(|user| {
        let Checked { from, id, content } = &checked;
        let checked = Checked { from: from.clone(), id: id.clone(), content: content.clone() };
        async move {
            let outcome = match send_one(api, checked, Target::User(user.clone()), true).await {
                Ok((_, taken)) => Outcome::Taken(taken),
                Err(refusal) => Outcome::Refused(ErrorBody { error: ErrorDetail::from(refusal) }),
            };
            UserResult { user, outcome }
        }
    });
    let results = results.buffered(LIST_IN_FLIGHT_MAX).collect().await;
    Ok(Json(Results { results }).into_response())
}

async fn send_one(
    api: &ApiState,
    checked: Checked,
    to: Target,
    listed: bool,
) -> Result<(StatusCode, Taken), Refusal> {
    let Checked { from, id, content } = checked;
    let send = Send { from, id: id.clone(), to, content, listed, members_only: false };
    let (taken, fresh) = match api.dispatch.send(send, None).await? {
        Accepted::Kept { message, fresh } => {
            let placed = message.conversation.zip(message.seq);
            let (conversation, seq) = placed
                .ok_or_else(|| Refusal::new(ErrorCode::Internal, "a kept message without its place"))?;
            let (message_id, time) = (message.message_id, message.time_ms);
            (Taken::Receipt(Receipt { id, conversation, seq, message_id, time }), fresh)
        }
        Accepted::Unkept { message_id, time_ms, reach, fresh } => {
            (Taken::Sent(Sent { id, message_id, time: time_ms, reach }), fresh)
        }
    };
    Ok((if fresh { StatusCode::CREATED } else { StatusCode::OK }, taken))
}

async fn signal_to(api: &ApiState, checked: Checked, to: Target) -> Result<Response, Failure> {
    let version = match (&to, &api.seams.store) {
        (Target::Group(group), Some(store)) if !group.is_everyone() => {
            let rosters = store.rosters(std::slice::from_ref(group)).await;
            let roster = rosters.map_err(|error| api.desk.port(error))?.pop().flatten();
            let roster = roster.ok_or_else(|| Failure::new(ErrorCode::NotFound, "there is no such group"))?;
            Some(roster.version)
        }
        _ => None,
    };
    push_signal(api, &checked, to, version).await;
    Ok((StatusCode::ACCEPTED, Json(Nothing {})).into_response())
}

async fn push_signal(api: &ApiState, checked: &Checked, to: Target, version: Option<u64>) {
    api.dispatch.signal(&checked.from, to, checked.content.clone(), None, version).await;
}

/// What a 200 says.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "a handler answers with one or the other; this says so in the description")]
enum SentBefore {
    /// The first answer again.
    Taken(Taken),
    /// A list of users.
    Results(Results),
}
