//! Watches one service: what is pushed is heard at once, and the server is asked again and again, because pushes get lost.
//!
//! It shows what Nacos says, without grace: who routes by it decides how long a vanished instance is still believed in.

use std::sync::Arc;
use std::time::Duration;

use nacos_sdk::api::naming::{NamingChangeEvent, NamingEventListener, ServiceInstance};
use ports::registry::Instances;
use tokio::sync::{OnceCell, watch};
use tokio::time::timeout;

use super::client::{Client, Shared};
use super::listing;

/// Between two questions while the server does not answer, so that its return is soon noticed.
const FAILED_PAUSE: Duration = Duration::from_secs(1);

/// Watches one service for as long as it is polled.
pub(super) struct Watcher {
    pub(super) service: String,
    pub(super) shared: Arc<Shared>,
    /// The one client that all watchers read with.
    pub(super) reader: Arc<OnceCell<Client>>,
    pub(super) shown: watch::Sender<Instances>,
}

/// The last push; the SDK's only thread calls it, so it must not wait.
struct Listener {
    pushed: watch::Sender<Option<Arc<NamingChangeEvent>>>,
}

impl NamingEventListener for Listener {
    fn event(&self, event: Arc<NamingChangeEvent>) {
        self.pushed.send_replace(Some(event));
    }
}

impl Watcher {
    pub(super) async fn run(self) {
        let client = self.reader.get_or_init(|| Client::build(&self.shared)).await;
        let (sender, mut pushed) = watch::channel(None);
        let listener = Arc::new(Listener { pushed: sender });
        let mut is_subscribed = false;
        loop {
            let pause = match client.list(&self.service).await {
                Ok(told) => {
                    self.show(&told);
                    if !is_subscribed {
                        // Again after each outage: the SDK takes a refused subscription for a good one.
                        client.subscribe(&self.service, listener.clone()).await;
                        is_subscribed = true;
                    }
                    self.shared.options.poll_pause()
                }
                Err(failure) => {
                    tracing::debug!(service = self.service, "the list is not to be had: {failure}");
                    is_subscribed = false;
                    FAILED_PAUSE
                }
            };
            // The listener above holds the sender, so the channel does not close.
            let event = match timeout(pause, pushed.changed()).await {
                Ok(_changed) => pushed.borrow_and_update().clone(),
                Err(_) => None,
            };
            // A push is shown at once, and then held against what the server says.
            if let Some(told) = event.as_ref().and_then(|event| event.instances.as_deref()) {
                self.show(told);
            }
        }
    }

    fn show(&self, told: &[ServiceInstance]) {
        let list = listing::shown(&self.service, &self.shared.options.cluster, told);
        self.shown.send_if_modified(|shown| {
            let is_news = shown.as_ref() != Some(&list);
            if is_news {
                tracing::debug!(service = self.service, instances = list.len(), "another list");
                *shown = Some(list);
            }
            is_news
        });
    }
}
