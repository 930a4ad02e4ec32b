//! How the broker is, from what posting and reading saw last.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ports::SeamState;

/// The last word on posting, and on each inbox.
#[derive(Debug)]
pub(super) struct Health {
    /// What people call the broker.
    name: &'static str,
    views: Mutex<Views>,
}

#[derive(Debug, Default)]
struct Views {
    has_answered: bool,
    post_failure: Option<String>,
    deaf_inboxes: usize,
    deaf_because: String,
}

/// An inbox that hears nothing, until this is dropped: it hears again, or is gone.
#[derive(Debug)]
pub(super) struct Deaf {
    health: Arc<Health>,
}

impl Health {
    pub(super) fn of(name: &'static str) -> Health {
        Health { name, views: Mutex::default() }
    }

    pub(super) fn answered(&self) {
        let mut views = self.views();
        views.has_answered = true;
        if views.post_failure.take().is_some() {
            tracing::info!("the broker takes messages again");
        }
    }

    pub(super) fn post_failed(&self, why: String) {
        let mut views = self.views();
        if views.post_failure.is_none() {
            tracing::warn!("the broker takes no messages: {why}");
        }
        views.post_failure = Some(why);
    }

    pub(super) fn deaf(self: &Arc<Health>, why: String) -> Deaf {
        let mut views = self.views();
        views.deaf_inboxes += 1;
        tracing::warn!("nothing is heard from the broker: {why}");
        views.deaf_because = why;
        Deaf { health: self.clone() }
    }

    pub(super) fn state(&self) -> SeamState {
        let views = self.views();
        if let Some(why) = &views.post_failure {
            return SeamState::down(why.clone());
        }
        if views.deaf_inboxes > 0 {
            return SeamState::down(views.deaf_because.clone());
        }
        if views.has_answered {
            SeamState::up()
        } else {
            SeamState::down(format!("{} has not answered yet", self.name))
        }
    }

    fn views(&self) -> MutexGuard<'_, Views> {
        self.views.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Deaf {
    fn drop(&mut self) {
        let mut views = self.health.views();
        views.deaf_inboxes = views.deaf_inboxes.saturating_sub(1);
        // Where nothing is posted, nothing else would end what a post said of the outage.
        if views.deaf_inboxes == 0 {
            views.post_failure = None;
        }
    }
}
