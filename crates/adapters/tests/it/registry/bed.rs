//! A Nacos of its own for a test, and clients of it that look at it more often than usual.

use std::sync::Arc;
use std::time::Duration;

use adapters::registry::{NacosOptions, NacosRegistry};
use async_trait::async_trait;
use ports::contract::registry::RegistryBed;
use ports::registry::{Instance, Instances, METADATA_NONCE, Registry};
use testkit::http::Http;
use testkit::poll;
use testkit::servers::Nacos;
use tokio::sync::watch;

/// From an act to its sight, also after a short outage, on a busy machine: rnacos needs 1 s, the SDK pauses for 2, 4, 8 s before it connects again.
pub(crate) const PATIENCE: Duration = Duration::from_secs(40);

/// A Nacos without login.
pub(crate) struct NacosBed {
    pub(crate) nacos: Nacos,
}

impl NacosBed {
    pub(crate) async fn start() -> NacosBed {
        NacosBed { nacos: Nacos::start().await }
    }

    pub(crate) fn http(&self) -> Http {
        Http::at(&format!("http://{}", self.nacos.address()))
    }

    /// What an operator, or a Java service, does over HTTP with an instance.
    pub(crate) async fn ask(&self, method: &str, instance: &Instance, more: &str) {
        let Instance { service, host, port, .. } = instance;
        let path =
            format!("/nacos/v1/ns/instance?serviceName={service}&ip={host}&port={port}&ephemeral=true{more}");
        let answer = self.http().request(method, &path, None).await;
        assert_eq!(answer.status, 200, "{answer:?}");
    }
}

#[async_trait]
impl RegistryBed for NacosBed {
    fn registry(&self) -> Arc<dyn Registry> {
        Arc::new(NacosRegistry::new(options(&self.nacos)))
    }

    async fn take_away(&self) {
        self.nacos.stop().await;
    }

    async fn bring_back(&self) {
        self.nacos.restart().await;
    }

    async fn set_weight(&self, instance: &Instance, weight: f64) {
        self.ask("PUT", instance, &format!("&weight={weight}")).await;
    }

    fn patience(&self) -> Duration {
        PATIENCE
    }

    fn settling_time(&self) -> Duration {
        Duration::from_millis(2_500)
    }
}

/// As usual, but impatient.
pub(crate) fn options(nacos: &Nacos) -> NacosOptions {
    let mut options = NacosOptions::new([nacos.address().to_string()]);
    options.self_check_every = Duration::from_millis(500);
    options.poll_every = Duration::from_secs(2);
    options
}

pub(crate) fn instance(service: &str, port: u16) -> Instance {
    let metadata = [(METADATA_NONCE.to_owned(), ports::Ambient::system().nonce().to_string())].into();
    Instance { service: service.to_owned(), host: "127.0.0.1".to_owned(), port, weight: 1.0, metadata }
}

/// Waits until the list of a watcher is this one.
pub(crate) async fn seen(watched: &watch::Receiver<Instances>, what: &str, list: &[Instance]) {
    poll::until(what, PATIENCE, async || {
        let seen = watched.borrow().clone();
        if seen.as_deref() == Some(list) { Ok(()) } else { Err(format!("{seen:?}")) }
    })
    .await;
}
