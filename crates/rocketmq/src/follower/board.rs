//! Where the pollers of a follower write whether they hear, and its supervisor reads it.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{sync::Notify, time::Instant};

use crate::{
    Error, Queue,
    outage::{Next, Outage},
};

#[derive(Debug)]
pub(super) struct Board {
    outage: Mutex<Outage>,
    changed: Notify,
}

impl Board {
    pub(super) fn new(deaf_after: Duration) -> Self {
        Self { outage: Mutex::new(Outage::new(deaf_after)), changed: Notify::new() }
    }

    pub(super) fn deaf(&self, queue: &Queue, since: Instant, cause: &Error) {
        self.outage().deaf(queue, since, cause);
        self.changed.notify_one();
    }

    pub(super) fn hears(&self, queue: &Queue) {
        if self.outage().hears(queue, Instant::now()) {
            self.changed.notify_one();
        }
    }

    pub(super) fn next(&self) -> Next {
        self.outage().next(Instant::now())
    }

    pub(super) async fn changed(&self) {
        self.changed.notified().await;
    }

    fn outage(&self) -> MutexGuard<'_, Outage> {
        self.outage.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
