//! What probes, balancers and scrapers ask: health, readiness, metrics. They bring no key.

use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, header};
use serde::Serialize;
use utoipa::ToSchema;
use wire::ErrorCode;

use super::ApiState;
use super::failure::Failure;
use crate::health::Readiness;

/// The body of `/healthz`.
#[derive(Serialize, ToSchema)]
pub(super) struct Alive {
    /// True; a process that is not alive does not answer.
    alive: bool,
}

/// Says that the process is alive.
#[utoipa::path(
    get,
    path = "/healthz",
    tag = "probes",
    security(()),
    responses((status = 200, description = "alive", body = Alive))
)]
pub(super) async fn healthz(State(api): State<ApiState>) -> Response {
    health(&api, "/healthz")
}

/// Says whether the node may take connections, and how each seam is.
#[utoipa::path(
    get,
    path = "/readyz",
    tag = "probes",
    security(()),
    responses(
        (status = 200, description = "it may", body = Readiness),
        (status = 503, description = "it starts, drains, or its directory does not answer", body = Readiness),
    )
)]
pub(super) async fn readyz(State(api): State<ApiState>) -> Response {
    health(&api, "/readyz")
}

/// All metrics in Prometheus' text format.
#[utoipa::path(
    get,
    path = "/metrics",
    tag = "probes",
    security(()),
    responses((status = 200, description = "the metrics", body = String, content_type = "text/plain"))
)]
pub(super) async fn metrics(State(api): State<ApiState>) -> Response {
    let kind = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
    ([(header::CONTENT_TYPE, kind)], api.config.api.metrics.render()).into_response()
}

fn health(api: &ApiState, path: &str) -> Response {
    match api.health.answer(path) {
        Some(answer) => answer.map(Body::new),
        None => Failure::new(ErrorCode::NotFound, "there is no such probe").into_response(),
    }
}
