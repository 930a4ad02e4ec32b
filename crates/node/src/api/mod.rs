//! The HTTP interface of a node: for services, operators and probes.
//!
//! Every answer is JSON but for `/metrics`, every refusal has the same form, and what is described at `/openapi.json` is what is served:
//! both are made from the same table of routes. It opens no WebSocket and shows no page.

mod conversations;
mod failure;
mod gate;
mod groups;
mod input;
mod messages;
mod metrics_text;
mod nodes;
mod probes;
mod users;

use std::sync::Arc;

use axum::response::IntoResponse;
use axum::routing::{any, get};
use axum::{Router, middleware};
use bytes::Bytes;
use edge::{HandshakeLimits, Listener, Policy, Tasks};
use http::{HeaderValue, Method, StatusCode, Uri, header};
use hyper_util::service::TowerToHyperService;
use ports::Ambient;
use tokio_util::sync::CancellationToken;
use utoipa::OpenApi as _;
use utoipa::openapi::OpenApi;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityRequirement, SecurityScheme};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use wire::ErrorCode;

use self::failure::Failure;
use self::gate::Gate;
pub use self::metrics_text::MetricsText;
use crate::bindings::Bindings;
use crate::config::Config;
use crate::dispatch::Dispatch;
use crate::groups::Groups;
use crate::health::Health;
use crate::hub::Hub;
use crate::lease::View;
use crate::requests::Desk;
use crate::seams::Seams;

/// What the HTTP interface stands on.
#[derive(Clone)]
pub struct ApiState {
    /// What the node is told.
    pub config: Arc<Config>,
    /// Time and chance.
    pub ambient: Ambient,
    /// What clients may ask for too.
    pub desk: Arc<Desk>,
    /// Sending.
    pub dispatch: Arc<Dispatch>,
    /// The servers.
    pub seams: Seams,
    /// The view of the cluster.
    pub view: Arc<View>,
    /// Who is here.
    pub hub: Arc<Hub>,
    /// The groups here.
    pub groups: Arc<Groups>,
    /// The directory's upkeep.
    pub bindings: Arc<Bindings>,
    /// How the node is.
    pub health: Arc<Health>,
    /// Rules about `Host`.
    pub policy: Policy,
    /// Who owns what goes on when a caller is gone.
    pub tasks: Tasks,
}

/// Serves the HTTP interface until `stop`.
pub fn serve(
    listener: Listener,
    limits: HandshakeLimits,
    state: ApiState,
    tasks: &Tasks,
    stop: &CancellationToken,
) {
    listener.serve(limits, TowerToHyperService::new(router(state)), tasks, stop.clone());
}

/// The HTTP interface, for a listener of [`edge`]: it needs the `Peer` that this puts into each request.
pub fn router(state: ApiState) -> Router {
    let (routes, description) = described().split_for_parts();
    let description = Bytes::from(serde_json::to_vec(&description).unwrap_or_default());
    let json = [(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))];
    routes
        .route("/openapi.json", get(async move || (json, description)))
        .route("/api/v1/presence", any(not_supported))
        .route("/api/v1/nodes/{node}/drain", any(not_supported))
        .route("/admin", any(not_supported))
        .route("/admin/{*below}", any(not_supported))
        .method_not_allowed_fallback(wrong_method)
        .fallback(not_found)
        .layer(middleware::from_fn_with_state(Gate::new(&state), Gate::pass))
        .with_state(state)
}

/// What `/openapi.json` says.
pub fn description() -> OpenApi {
    described().into_openapi()
}

#[derive(utoipa::OpenApi)]
#[openapi(
    info(
        title = "Trunkline",
        description = "The HTTP interface of a node. Every refusal is `{\"error\":{\"code\",\"reason\",\"retry_ms\"}}`.",
    ),
    tags(
        (name = "messages", description = "Sending, and reading what was said"),
        (name = "users", description = "Users and their sessions"),
        (name = "groups", description = "Groups and their members"),
        (name = "nodes", description = "The cluster"),
        (name = "probes", description = "Health, readiness, metrics"),
    )
)]
struct Described;

/// The name of the security scheme in the description.
const API_KEY: &str = "api_key";

fn described() -> OpenApiRouter<ApiState> {
    let mut description = Described::openapi();
    let key = SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer));
    description.components.get_or_insert_default().add_security_scheme(API_KEY, key);
    description.security = Some(vec![SecurityRequirement::new(API_KEY, Vec::<String>::new())]);
    OpenApiRouter::with_openapi(description)
        .routes(routes!(messages::send))
        .routes(routes!(conversations::messages))
        .routes(routes!(conversations::of_user))
        .routes(routes!(groups::show, groups::put, groups::delete))
        .routes(routes!(groups::members, groups::add_members))
        .routes(routes!(groups::put_member, groups::delete_member))
        .routes(routes!(users::show))
        .routes(routes!(users::remove_sessions))
        .routes(routes!(users::remove_session))
        .routes(routes!(nodes::list))
        .routes(routes!(probes::healthz))
        .routes(routes!(probes::readyz))
        .routes(routes!(probes::metrics))
}

async fn not_found() -> Failure {
    Failure::new(ErrorCode::NotFound, "there is no such path; see /openapi.json")
}

async fn wrong_method(method: Method) -> impl IntoResponse {
    let failure = Failure::field(format!("{method} is not known here; see Allow"));
    failure.with_status(StatusCode::METHOD_NOT_ALLOWED)
}

async fn not_supported(uri: Uri) -> Failure {
    Failure::new(ErrorCode::NotFound, format!("{} is not supported yet", uri.path()))
}

impl std::fmt::Debug for ApiState {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ApiState").field("node", self.view.node()).finish_non_exhaustive()
    }
}
