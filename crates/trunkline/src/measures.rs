//! `/metrics`: every event is a counter, and what is looked at when somebody asks is a gauge.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use metrics_exporter_prometheus::{BuildError, PrometheusBuilder, PrometheusHandle};
use node::Watch;
use node::api::MetricsText;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// How often histograms are drained; without it they grow for ever.
const UPKEEP_EVERY: Duration = Duration::from_secs(5);

/// The measures of this process.
#[derive(Clone)]
pub struct Measures {
    handle: PrometheusHandle,
    watched: Arc<Mutex<Vec<Watch>>>,
}

impl Measures {
    /// Begins to count, once in a process.
    ///
    /// # Errors
    /// Somebody else counts already.
    pub fn start(tasks: &TaskTracker, stop: &CancellationToken) -> Result<Measures, BuildError> {
        let recorder = PrometheusBuilder::new().build_recorder();
        let handle = recorder.handle();
        metrics::set_global_recorder(recorder)?;
        let (upkeep, stop) = (handle.clone(), stop.clone());
        tasks.spawn(async move {
            let mut ticks = tokio::time::interval(UPKEEP_EVERY);
            while stop.run_until_cancelled(ticks.tick()).await.is_some() {
                upkeep.run_upkeep();
            }
        });
        Ok(Measures { handle, watched: Arc::default() })
    }

    /// Looks at these nodes too, each time somebody asks.
    pub fn look_at(&self, nodes: impl IntoIterator<Item = Watch>) {
        self.watched.lock().unwrap_or_else(PoisonError::into_inner).extend(nodes);
    }

    /// The text as of now.
    pub fn render(&self) -> String {
        self.watched.lock().unwrap_or_else(PoisonError::into_inner).iter().for_each(Watch::look);
        self.handle.render()
    }

    /// The text, for a node's HTTP interface.
    pub fn text(&self) -> MetricsText {
        let measures = self.clone();
        MetricsText::new(move || measures.render())
    }
}

impl std::fmt::Debug for Measures {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Measures")
    }
}
