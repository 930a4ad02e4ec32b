//! The registry that is a Nacos server, of Java or rnacos, through `nacos-sdk` under a supervisor.
//!
//! Promises what [`Registry`] promises although the SDK does not: its calls may wait for ever, it may lose a node for ever, and it tells no
//! state. One client writes each announced instance, because a client holds one instance a service; one client reads all services.
//! Metadata is plain strings, and group, cluster and namespace are Spring's, so Java clients see our instances and we see theirs.
//!
//! The SDK writes a flood of errors while a server is away: log targets that begin with [`SDK_LOG_TARGET`] are to be switched off.
//! It also reads `.env` files of the working folder and its parents into the environment; none of that reaches our settings.

mod announcer;
mod client;
mod health;
mod http;
mod listing;
mod login;
mod options;
mod relay;
mod watcher;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use hyper::StatusCode;
use ports::registry::{Announcement, Instance, Instances, Registry};
use ports::{PortError, Seam, SeamState};
use tokio::sync::{OnceCell, watch};
use tokio::time::timeout;
use tokio_util::sync::{CancellationToken, DropGuard};

use client::{Client, Shared};
use login::Outcome;
pub use options::NacosOptions;
use watcher::Watcher;

/// Where the SDK's log lines come from: they repeat what [`Registry::state`] says in one.
pub const SDK_LOG_TARGET: &str = "nacos_sdk";

const SEAM: Seam = Seam::Registry;
/// A question over HTTP to one server.
const HTTP_LIMIT: Duration = Duration::from_secs(3);

/// A Nacos.
pub struct NacosRegistry {
    shared: Arc<Shared>,
    reader: Arc<OnceCell<Client>>,
    watched: Mutex<BTreeMap<String, watch::Sender<Instances>>>,
    _stop_on_drop: DropGuard,
}

impl NacosRegistry {
    /// Waits for nothing and connects to nothing yet. Belongs to the runtime that it is used in.
    /// Dropping it cuts its connections: Nacos then drops what was announced over them.
    pub fn new(options: NacosOptions) -> NacosRegistry {
        let stop = CancellationToken::new();
        NacosRegistry {
            shared: Arc::new(Shared::new(options, stop.clone())),
            reader: Arc::default(),
            watched: Mutex::default(),
            _stop_on_drop: stop.drop_guard(),
        }
    }

    async fn check_without_user(&self, during: &'static str) -> Result<(), PortError> {
        let mut last = PortError::outage(SEAM, during, "no server is configured");
        for server in &self.shared.options.servers {
            let question = http::get(server, "/nacos/v1/ns/instance/list?serviceName=trunkline");
            last = match timeout(HTTP_LIMIT, question).await {
                Ok(Ok(answer))
                    if matches!(answer.status, StatusCode::FORBIDDEN | StatusCode::UNAUTHORIZED) =>
                {
                    let what =
                        format!("Nacos at {server} asks for a user: write nacos://USER:PASSWORD@{server}");
                    return Err(PortError::refused(SEAM, during, what));
                }
                Ok(Ok(answer)) if answer.status.is_success() => return Ok(()),
                Ok(Ok(answer)) => {
                    PortError::outage(SEAM, during, format!("{server} answers {}", answer.status))
                }
                Ok(Err(error)) => PortError::outage(SEAM, during, format!("{server}: {error}")),
                Err(_) => PortError::timed_out(SEAM, during, HTTP_LIMIT),
            };
        }
        Err(last)
    }
}

#[async_trait]
impl Registry for NacosRegistry {
    fn announce(&self, instance: Instance) -> Arc<dyn Announcement> {
        let (announcement, announcer) = announcer::announcement(instance, self.shared.clone());
        self.shared.spawn(announcer.run());
        Arc::new(announcement)
    }

    fn watch(&self, service: &str) -> watch::Receiver<Instances> {
        let mut watched = self.watched.lock().unwrap_or_else(PoisonError::into_inner);
        let shown = watched.entry(service.to_owned()).or_insert_with(|| {
            let shown = watch::Sender::new(None);
            let watcher = Watcher {
                service: service.to_owned(),
                shared: self.shared.clone(),
                reader: self.reader.clone(),
                shown: shown.clone(),
            };
            self.shared.spawn(watcher.run());
            shown
        });
        shown.subscribe()
    }

    async fn check(&self) -> Result<(), PortError> {
        const DURING: &str = "log in at Nacos";
        let Some(login) = &self.shared.login else { return self.check_without_user(DURING).await };
        login.log_in_if_due().await;
        match login.outcome() {
            Outcome::Accepted => Ok(()),
            Outcome::Away(what) => Err(PortError::outage(SEAM, DURING, what)),
            Outcome::NotYet => Err(PortError::outage(SEAM, DURING, "the login is still under way")),
            Outcome::Refused => Err(self.shared.error(DURING, "refused")),
        }
    }

    fn state(&self) -> SeamState {
        self.shared.state()
    }
}
