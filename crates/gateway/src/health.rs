//! `/healthz`, `/readyz` and `/metrics`: is it alive, may clients be sent here, and what are the numbers.
//!
//! A gateway is ready once it has a list for each service of its routes, from the registry or saved; and no longer once it drains.
//! Whether nodes answer is not asked here: a probe that fails because of them would take away the one who can wait for them.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderValue, Method, Response, StatusCode, header};
use http_body_util::Full;
use ports::Registry;
use serde::Serialize;

use crate::balance::{Pools, Source};
use crate::config::Metrics;
use crate::drain::Tasks;

/// Answers probes.
pub(crate) struct Health {
    pub(crate) registry: Arc<dyn Registry>,
    pub(crate) pools: Arc<Pools>,
    pub(crate) tasks: Arc<Tasks>,
    pub(crate) metrics: Option<Metrics>,
}

#[derive(Serialize)]
struct Ready<'a> {
    ready: bool,
    draining: bool,
    registry: RegistryJson,
    services: BTreeMap<&'a str, ServiceJson>,
}

#[derive(Serialize)]
struct RegistryJson {
    up: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<String>,
}

#[derive(Serialize)]
struct ServiceJson {
    list: &'static str,
    instances: usize,
    left_out: usize,
}

impl Health {
    /// `/healthz` and `/readyz`.
    pub(crate) fn answer(&self, method: &Method, path: &str) -> Option<Response<Full<Bytes>>> {
        let is_asked = method == Method::GET || method == Method::HEAD;
        match path {
            "/healthz" if is_asked => Some(text(StatusCode::OK, "text/plain", "ok\n")),
            "/readyz" if is_asked => Some(self.ready()),
            _ => None,
        }
    }

    /// The same and `/metrics`, for the listener that is not for clients.
    pub(crate) fn answer_inside(&self, method: &Method, path: &str) -> Option<Response<Full<Bytes>>> {
        match (path, &self.metrics) {
            ("/metrics", Some(metrics)) if method == Method::GET => {
                Some(text(StatusCode::OK, "text/plain; version=0.0.4", metrics()))
            }
            _ => self.answer(method, path),
        }
    }

    fn ready(&self) -> Response<Full<Bytes>> {
        let services: BTreeMap<&str, ServiceJson> = self
            .pools
            .services()
            .map(|(name, pool)| {
                let (instances, left_out) = pool.counts();
                let list = match pool.source() {
                    Source::Nowhere => "none",
                    Source::Saved => "saved",
                    Source::Heard => "heard",
                };
                (name, ServiceJson { list, instances, left_out })
            })
            .collect();
        let draining = self.tasks.is_draining();
        let ready = !draining && self.pools.services().all(|(_, pool)| pool.source() != Source::Nowhere);
        let state = self.registry.state();
        let registry = RegistryJson { up: state.up, note: state.note };
        let body = serde_json::to_string(&Ready { ready, draining, registry, services }).unwrap_or_default();
        let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
        text(status, "application/json", body)
    }
}

fn text(status: StatusCode, content_type: &'static str, body: impl Into<Bytes>) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body.into()));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}
