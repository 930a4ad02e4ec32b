//! Tasks that somebody owns: who spawns here can wait for all of them, and a simulation can end all of them at once, or hold them up.

use std::future::Future;

use tokio::task::JoinHandle;
use tokio_util::task::TaskTracker;
use tokio_util::task::task_tracker::TaskTrackerWaitFuture;

use crate::Life;

/// Owns tasks. Clones own the same ones.
#[derive(Debug, Clone, Default)]
pub struct Tasks {
    tracker: TaskTracker,
    life: Option<Life>,
}

impl Tasks {
    /// Owns none yet.
    pub fn new() -> Tasks {
        Tasks::default()
    }

    /// The same, of a program that ends with `life`.
    pub fn of(life: Option<Life>) -> Tasks {
        Tasks { tracker: TaskTracker::new(), life }
    }

    /// Runs something. Once the life is over, it is dropped before it has begun.
    pub fn spawn<F>(&self, work: F) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        let Some(life) = &self.life else { return self.tracker.spawn(work) };
        let lived = life.clone();
        let handle = self.tracker.spawn(async move { lived.live(work).await });
        life.take(handle.abort_handle());
        handle
    }

    /// No more come: [`Tasks::wait`] may return.
    pub fn close(&self) {
        self.tracker.close();
    }

    /// Waits until it is closed and every task has ended.
    pub fn wait(&self) -> TaskTrackerWaitFuture<'_> {
        self.tracker.wait()
    }
}

impl From<TaskTracker> for Tasks {
    fn from(tracker: TaskTracker) -> Self {
        Tasks { tracker, life: None }
    }
}
