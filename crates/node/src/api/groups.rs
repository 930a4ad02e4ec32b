//! Groups and their members. A change is made in the store, taken in here, and told to the other nodes, also when the caller is gone by then.

use std::collections::BTreeSet;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use http::{Request, StatusCode};
use ports::Store;
use ports::store::{Roster, RosterChange, StoreError};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::ToSchema;
use wire::ErrorCode;
use wire::error_code::Refusal;
use wire::id::{GroupId, UserId};
use wire::limits::MEMBERS_PER_CALL_MAX;

use super::ApiState;
use super::failure::{ErrorBody, Failure};
use super::input::{self, InPath, optional, required};

/// Bytes of a body with members: 10,000 ids of 64 characters take 700,000.
const MEMBERS_BODY_BYTES_MAX: usize = 1024 * 1024;

/// A group as it is.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Group {
    /// Its id.
    #[schema(value_type = String, example = "g1")]
    group: GroupId,
    /// Who is in it, sorted by bytes.
    #[schema(value_type = Vec<String>)]
    members: Vec<UserId>,
    /// Grows with each change of the members.
    version: u64,
}

/// A group as it is to be; up to 10,000 members in one call.
#[derive(Deserialize, ToSchema)]
pub(super) struct NewGroup {
    /// Exactly these; absent to leave the members as they are.
    #[schema(value_type = Option<Vec<String>>, example = json!(["1", "2"]))]
    members: Option<Box<RawValue>>,
}

/// Some members; up to 10,000 in one call.
#[derive(Deserialize, ToSchema)]
pub(super) struct Members {
    /// Their ids.
    #[schema(value_type = Vec<String>, example = json!(["1", "2"]))]
    members: Option<Box<RawValue>>,
}

/// What is done to a group.
enum Change {
    Set(Option<Vec<UserId>>),
    Add(Vec<UserId>),
    Remove(Vec<UserId>),
    Delete,
}

/// Shows a group.
#[utoipa::path(
    get,
    path = "/api/v1/groups/{group}",
    tag = "groups",
    params(("group" = String, Path, description = "the group's id")),
    responses(
        (status = 200, description = "the group", body = Group),
        (status = 400, description = "`bad_field`", body = ErrorBody),
        (status = 401, description = "`unauthorized`", body = ErrorBody),
        (status = 403, description = "`forbidden`: everyone has no list of members", body = ErrorBody),
        (status = 404, description = "`not_found`", body = ErrorBody),
        (status = 501, description = "`no_store`", body = ErrorBody),
        (status = 503, description = "`unavailable`", body = ErrorBody),
    )
)]
pub(super) async fn show(
    State(api): State<ApiState>,
    InPath(group): InPath<GroupId>,
) -> Result<Json<Group>, Failure> {
    has_members(&group)?;
    let rosters = api.desk.store()?.rosters(std::slice::from_ref(&group)).await;
    let roster = rosters.map_err(|error| api.desk.port(error))?.pop().flatten();
    let roster = roster.ok_or_else(|| Failure::new(ErrorCode::NotFound, "there is no such group"))?;
    Ok(Json(Group::from(&*roster)))
}

/// Makes a group if it is not there, and its members exactly these. Without `members` an existing group's stay as they are.
#[utoipa::path(
    put,
    path = "/api/v1/groups/{group}",
    tag = "groups",
    params(("group" = String, Path, description = "the group's id")),
    request_body = NewGroup,
    responses(
        (status = 200, description = "the group as it is now", body = Group),
        (status = 400, description = "`bad_frame`, `bad_field`", body = ErrorBody),
        (status = 401, description = "`unauthorized`", body = ErrorBody),
        (status = 403, description = "`forbidden`: everyone has no list of members", body = ErrorBody),
        (status = 413, description = "`too_large`", body = ErrorBody),
        (status = 415, description = "`unsupported_media`", body = ErrorBody),
        (status = 501, description = "`no_store`", body = ErrorBody),
        (status = 503, description = "`unavailable`", body = ErrorBody),
    )
)]
pub(super) async fn put(
    State(api): State<ApiState>,
    InPath(group): InPath<GroupId>,
    request: Request<Body>,
) -> Result<Json<Group>, Failure> {
    let body: NewGroup = body(&api, &group, request).await?;
    let members = optional(body.members.as_deref(), "members")?.map(distinct).transpose()?;
    let change = settle(&api, group, Change::Set(members)).await?;
    Ok(Json(Group::from(&*change.roster)))
}

/// Removes a group and all its members. Its log is no longer shown.
#[utoipa::path(
    delete,
    path = "/api/v1/groups/{group}",
    tag = "groups",
    params(("group" = String, Path, description = "the group's id")),
    responses(
        (status = 204, description = "it is gone"),
        (status = 400, description = "`bad_field`", body = ErrorBody),
        (status = 401, description = "`unauthorized`", body = ErrorBody),
        (status = 403, description = "`forbidden`: everyone stays", body = ErrorBody),
        (status = 404, description = "`not_found`", body = ErrorBody),
        (status = 501, description = "`no_store`", body = ErrorBody),
        (status = 503, description = "`unavailable`", body = ErrorBody),
    )
)]
pub(super) async fn delete(
    State(api): State<ApiState>,
    InPath(group): InPath<GroupId>,
) -> Result<StatusCode, Failure> {
    has_members(&group)?;
    settle(&api, group, Change::Delete).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Lists the members of a group.
#[utoipa::path(
    get,
    path = "/api/v1/groups/{group}/members",
    tag = "groups",
    params(("group" = String, Path, description = "the group's id")),
    responses(
        (status = 200, description = "the group", body = Group),
        (status = 400, description = "`bad_field`", body = ErrorBody),
        (status = 401, description = "`unauthorized`", body = ErrorBody),
        (status = 403, description = "`forbidden`: everyone has no list of members", body = ErrorBody),
        (status = 404, description = "`not_found`", body = ErrorBody),
        (status = 501, description = "`no_store`", body = ErrorBody),
        (status = 503, description = "`unavailable`", body = ErrorBody),
    )
)]
pub(super) async fn members(state: State<ApiState>, group: InPath<GroupId>) -> Result<Json<Group>, Failure> {
    show(state, group).await
}

/// Adds members to a group.
#[utoipa::path(
    post,
    path = "/api/v1/groups/{group}/members",
    tag = "groups",
    params(("group" = String, Path, description = "the group's id")),
    request_body = Members,
    responses(
        (status = 200, description = "the group as it is now", body = Group),
        (status = 400, description = "`bad_frame`, `bad_field`", body = ErrorBody),
        (status = 401, description = "`unauthorized`", body = ErrorBody),
        (status = 403, description = "`forbidden`: everyone has no list of members", body = ErrorBody),
        (status = 404, description = "`not_found`", body = ErrorBody),
        (status = 413, description = "`too_large`", body = ErrorBody),
        (status = 415, description = "`unsupported_media`", body = ErrorBody),
        (status = 501, description = "`no_store`", body = ErrorBody),
        (status = 503, description = "`unavailable`", body = ErrorBody),
    )
)]
pub(super) async fn add_members(
    State(api): State<ApiState>,
    InPath(group): InPath<GroupId>,
    request: Request<Body>,
) -> Result<Json<Group>, Failure> {
    let body: Members = body(&api, &group, request).await?;
    let users = distinct(required(body.members.as_deref(), "members")?)?;
    let change = settle(&api, group, Change::Add(users)).await?;
    Ok(Json(Group::from(&*change.roster)))
}

/// Makes a user a member; one that is already stays so.
#[utoipa::path(
    put,
    path = "/api/v1/groups/{group}/members/{user}",
    tag = "groups",
    params(
        ("group" = String, Path, description = "the group's id"),
        ("user" = String, Path, description = "the user's id"),
    ),
    responses(
        (status = 204, description = "the user is a member"),
        (status = 400, description = "`bad_field`", body = ErrorBody),
        (status = 401, description = "`unauthorized`", body = ErrorBody),
        (status = 403, description = "`forbidden`: everyone is in everyone", body = ErrorBody),
        (status = 404, description = "`not_found`: no such group", body = ErrorBody),
        (status = 501, description = "`no_store`", body = ErrorBody),
        (status = 503, description = "`unavailable`", body = ErrorBody),
    )
)]
pub(super) async fn put_member(
    State(api): State<ApiState>,
    InPath((group, user)): InPath<(GroupId, UserId)>,
) -> Result<StatusCode, Failure> {
    has_members(&group)?;
    settle(&api, group, Change::Add(vec![user])).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Makes a user a member no longer; delivery stops within a second on every node.
#[utoipa::path(
    delete,
    path = "/api/v1/groups/{group}/members/{user}",
    tag = "groups",
    params(
        ("group" = String, Path, description = "the group's id"),
        ("user" = String, Path, description = "the user's id"),
    ),
    responses(
        (status = 204, description = "the user is no member"),
        (status = 400, description = "`bad_field`", body = ErrorBody),
        (status = 401, description = "`unauthorized`", body = ErrorBody),
        (status = 403, description = "`forbidden`: everyone is in everyone", body = ErrorBody),
        (status = 404, description = "`not_found`: no such group", body = ErrorBody),
        (status = 501, description = "`no_store`", body = ErrorBody),
        (status = 503, description = "`unavailable`", body = ErrorBody),
    )
)]
pub(super) async fn delete_member(
    State(api): State<ApiState>,
    InPath((group, user)): InPath<(GroupId, UserId)>,
) -> Result<StatusCode, Failure> {
    has_members(&group)?;
    settle(&api, group, Change::Remove(vec![user])).await?;
    Ok(StatusCode::NO_CONTENT)
}

impl From<&Roster> for Group {
    fn from(roster: &Roster) -> Self {
        let members = roster.members.keys().cloned().collect();
        Group { group: roster.group.clone(), members, version: roster.version }
    }
}

impl Change {
    async fn make(self, store: &dyn Store, group: &GroupId) -> Result<RosterChange, StoreError> {
        match self {
            Change::Set(members) => Ok(store.put_group(group, members.as_deref()).await?),
            Change::Add(users) => store.add_members(group, &users, false).await,
            Change::Remove(users) => store.remove_members(group, &users).await,
            Change::Delete => store.delete_group(group).await,
        }
    }
}

/// Makes a change and tells everybody. It goes on by itself when the caller goes away: what is changed is told.
async fn settle(api: &ApiState, group: GroupId, change: Change) -> Result<RosterChange, Failure> {
    api.desk.store()?;
    let desk = api.desk.clone();
    let settling = api.tasks.spawn(async move {
        let change = change.make(desk.store()?, &group).await;
        let change = change.map_err(|error| desk.dispatch.refusal(error))?;
        desk.members_changed(&group, &change, None).await?;
        Ok::<_, Refusal>(change)
    });
    let settled = settling.await;
    settled
        .map_err(|_panicked| Failure::new(ErrorCode::Internal, "the change did not come to its end"))?
        .map_err(Failure::from)
}

fn has_members(group: &GroupId) -> Result<(), Failure> {
    if group.is_everyone() {
        let reason =
            "everyone is in everyone: this group has no list of members, and nobody can join or leave it";
        return Err(Failure::new(ErrorCode::Forbidden, reason));
    }
    Ok(())
}

async fn body<T: DeserializeOwned>(
    api: &ApiState,
    group: &GroupId,
    request: Request<Body>,
) -> Result<T, Failure> {
    has_members(group)?;
    api.desk.store()?;
    input::object(request, MEMBERS_BODY_BYTES_MAX, api.config.limits.json_depth_max).await
}

/// Each user once.
fn distinct(users: Vec<UserId>) -> Result<Vec<UserId>, Failure> {
    if users.len() > MEMBERS_PER_CALL_MAX {
        return Err(Failure::field(format!("members: more than {MEMBERS_PER_CALL_MAX} ids")));
    }
    let users: BTreeSet<UserId> = users.into_iter().collect();
    Ok(users.into_iter().collect())
}
