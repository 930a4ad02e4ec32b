//! Whether the node is alive, and whether it may take connections: what probes and balancers ask.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use http_body_util::Full;
use ports::{Bus, Directory, Registry, SeamState, Store};
use serde::Serialize;

/// How a node is.
pub struct Health {
    directory: Arc<dyn Directory>,
    bus: Arc<dyn Bus>,
    registry: Arc<dyn Registry>,
    store: Option<Arc<dyn Store>>,
    stage: AtomicU8,
    draining: Arc<AtomicBool>,
}

const STARTING: u8 = 0;
const SERVING: u8 = 1;

/// The body of `/readyz`.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct Readiness {
    /// May it take connections?
    pub ready: bool,
    /// `starting`, `serving` or `draining`.
    pub state: &'static str,
    /// How each seam is.
    pub seams: Seams,
}

/// How each seam is.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct Seams {
    /// Where nodes say that they are here.
    pub registry: SeamReport,
    /// Which session holds which user.
    pub directory: SeamReport,
    /// What nodes say to each other.
    pub bus: SeamReport,
    /// What was said; absent where nothing is kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub store: Option<SeamReport>,
}

/// How one seam is.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct SeamReport {
    /// False while its calls fail.
    pub up: bool,
    /// What is wrong, or what to know.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

impl Health {
    /// The health of a node that starts.
    pub fn new(
        directory: Arc<dyn Directory>,
        bus: Arc<dyn Bus>,
        registry: Arc<dyn Registry>,
        store: Option<Arc<dyn Store>>,
        draining: Arc<AtomicBool>,
    ) -> Arc<Health> {
        Arc::new(Health { directory, bus, registry, store, stage: AtomicU8::new(STARTING), draining })
    }

    /// It listens, and its inbox is open.
    pub fn serve(&self) {
        self.stage.store(SERVING, Ordering::Relaxed);
    }

    /// What `/readyz` says.
    pub fn readiness(&self) -> Readiness {
        let directory = self.directory.state();
        let draining = self.draining.load(Ordering::Relaxed);
        let serving = self.stage.load(Ordering::Relaxed) == SERVING;
        let state = match (draining, serving) {
            (true, _) => "draining",
            (false, true) => "serving",
            (false, false) => "starting",
        };
        Readiness {
            // Bus, store and registry may be away: those who are here are better off here.
            ready: serving && !draining && directory.up,
            state,
            seams: Seams {
                registry: report(self.registry.state()),
                directory: report(directory),
                bus: report(self.bus.state()),
                store: self.store.as_ref().map(|store| report(store.state())),
            },
        }
    }

    /// Answers `/healthz` and `/readyz`, and nothing else.
    pub fn answer(&self, path: &str) -> Option<Response<Full<Bytes>>> {
        match path {
            "/healthz" => Some(json(StatusCode::OK, br#"{"alive":true}"#.to_vec())),
            "/readyz" => {
                let readiness = self.readiness();
                let status = if readiness.ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
                Some(json(status, serde_json::to_vec(&readiness).unwrap_or_default()))
            }
            _ => None,
        }
    }
}

impl std::fmt::Debug for Health {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.readiness().fmt(f)
    }
}

fn report(state: SeamState) -> SeamReport {
    SeamReport { up: state.up, note: state.note }
}

fn json(status: StatusCode, body: Vec<u8>) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}
