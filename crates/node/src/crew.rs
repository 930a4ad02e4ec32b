//! Tasks that belong together and end together.

use std::future::Future;

use edge::{Life, Tasks};
use tokio_util::sync::CancellationToken;

/// Some tasks, and the word that ends them.
#[derive(Debug, Clone)]
pub(crate) struct Crew {
    /// The tasks.
    pub(crate) tasks: Tasks,
    /// Cancelled when they are to end.
    pub(crate) stop: CancellationToken,
}

impl Crew {
    /// No tasks yet, of a node that may have a life that can be ended.
    pub(crate) fn of(life: Option<Life>) -> Crew {
        Crew { tasks: Tasks::of(life), stop: CancellationToken::new() }
    }

    /// Runs something until the crew stops.
    pub(crate) fn run(&self, work: impl Future<Output = ()> + Send + 'static) {
        let stop = self.stop.clone();
        self.tasks.spawn(async move { stop.run_until_cancelled(work).await });
    }
}
