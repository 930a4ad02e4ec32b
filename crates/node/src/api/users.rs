//! Users and their sessions, on whatever nodes they are.

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use ports::directory::Binding;
use serde::Serialize;
use tokio::time::Instant;
use utoipa::ToSchema;
use wire::envelope::Eviction;
use wire::id::{DeviceId, NodeName, SessionId, UserId};
use wire::{CloseCode, ErrorCode};

use super::ApiState;
use super::failure::{ErrorBody, Failure};
use super::input::InPath;
use crate::session::event::Event;

/// A user, as far as the cluster knows.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct User {
    /// The id.
    #[schema(value_type = String, example = "1")]
    user: UserId,
    /// True while there is at least one live session.
    online: bool,
    /// The live sessions, the oldest first.
    sessions: Vec<LiveSession>,
}

/// A live session.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct LiveSession {
    /// Its id.
    #[schema(value_type = String)]
    session: SessionId,
    /// Which kind of client.
    #[schema(value_type = String, example = "web")]
    device: DeviceId,
    /// The node that holds it.
    #[schema(value_type = String, example = "node-1")]
    node: NodeName,
    /// Since when, in milliseconds since 1970.
    since: u64,
}

/// Shows a user; one who never came is offline.
#[utoipa::path(
    get,
    path = "/api/v1/users/{user}",
    tag = "users",
    params(("user" = String, Path, description = "the user's id")),
    responses(
        (status = 200, description = "the user", body = User),
        (status = 400, description = "`bad_field`", body = ErrorBody),
        (status = 401, description = "`unauthorized`", body = ErrorBody),
        (status = 503, description = "`unavailable`", body = ErrorBody),
    )
)]
pub(super) async fn show(
    State(api): State<ApiState>,
    InPath(user): InPath<UserId>,
) -> Result<Json<User>, Failure> {
    let mut bindings = bindings(&api, &user).await?;
    // The generation says which login came first, also of two in one millisecond.
    bindings.sort_by_key(|binding| binding.generation);
    let sessions: Vec<LiveSession> = bindings.into_iter().map(LiveSession::from).collect();
    Ok(Json(User { user, online: !sessions.is_empty(), sessions }))
}

/// Ends all sessions of a user with 4503, on whatever nodes they are.
#[utoipa::path(
    delete,
    path = "/api/v1/users/{user}/sessions",
    tag = "users",
    params(("user" = String, Path, description = "the user's id")),
    responses(
        (status = 204, description = "they end"),
        (status = 400, description = "`bad_field`", body = ErrorBody),
        (status = 401, description = "`unauthorized`", body = ErrorBody),
        (status = 503, description = "`unavailable`", body = ErrorBody),
    )
)]
pub(super) async fn remove_sessions(
    State(api): State<ApiState>,
    InPath(user): InPath<UserId>,
) -> Result<StatusCode, Failure> {
    let bindings = bindings(&api, &user).await?;
    for session in api.hub.of_user(&user) {
        session.apply(Event::Evict(CloseCode::Removed), Instant::now());
    }
    for binding in bindings {
        end(&api, &binding);
    }
    Ok(StatusCode::NO_CONTENT)
}

/// Ends one session of a user with 4503, on whatever node it is.
#[utoipa::path(
    delete,
    path = "/api/v1/users/{user}/sessions/{session}",
    tag = "users",
    params(
        ("user" = String, Path, description = "the user's id"),
        ("session" = String, Path, description = "the session's id"),
    ),
    responses(
        (status = 204, description = "it ends"),
        (status = 400, description = "`bad_field`", body = ErrorBody),
        (status = 401, description = "`unauthorized`", body = ErrorBody),
        (status = 404, description = "`not_found`: the user has no such session", body = ErrorBody),
        (status = 503, description = "`unavailable`", body = ErrorBody),
    )
)]
pub(super) async fn remove_session(
    State(api): State<ApiState>,
    InPath((user, session)): InPath<(UserId, SessionId)>,
) -> Result<StatusCode, Failure> {
    if let Some(session) = api.hub.find(&user, session) {
        session.apply(Event::Evict(CloseCode::Removed), Instant::now());
        return Ok(StatusCode::NO_CONTENT);
    }
    let binding = bindings(&api, &user).await?.into_iter().find(|binding| binding.session == session);
    let binding = binding.ok_or_else(|| Failure::new(ErrorCode::NotFound, "the user has no such session"))?;
    end(&api, &binding);
    Ok(StatusCode::NO_CONTENT)
}

impl From<Binding> for LiveSession {
    fn from(binding: Binding) -> Self {
        LiveSession {
            session: binding.session,
            device: binding.device,
            node: binding.boot.node,
            since: binding.since_ms,
        }
    }
}

/// The bindings of a user whose boots live. What a dead boot has left is removed by whoever meets it.
async fn bindings(api: &ApiState, user: &UserId) -> Result<Vec<Binding>, Failure> {
    let directory = &*api.seams.directory;
    let located = directory.locate(std::slice::from_ref(user)).await;
    let mut live = Vec::new();
    for binding in located.map_err(|error| api.desk.port(error))?.into_iter().flatten() {
        if api.view.is_alive(&binding.boot, directory).await.map_err(|error| api.desk.port(error))? {
            live.push(binding);
        } else {
            api.bindings.forget(&binding);
        }
    }
    Ok(live)
}

fn end(api: &ApiState, binding: &Binding) {
    let eviction =
        Eviction { user: binding.user.clone(), session: binding.session, code: CloseCode::Removed.number() };
    if binding.boot.node == *api.view.node() {
        api.bindings.evict_here(&eviction, &binding.boot);
    } else {
        api.bindings.evict_there(binding.boot.clone(), eviction);
    }
}
