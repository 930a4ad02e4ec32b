//! Tasks that belong together and end together.

use std::future::Future;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Some tasks, and the word that ends them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Crew {
    /// The tasks.
    pub(crate) tasks: TaskTracker,
    /// Cancelled when they are to end.
    pub(crate) stop: CancellationToken,
}

impl Crew {
    /// Runs something until the crew stops.
    pub(crate) fn run(&self, work: impl Future<Output = ()> + Send + 'static) {
        let stop = self.stop.clone();
        self.tasks.spawn(async move { stop.run_until_cancelled(work).await });
    }
}
