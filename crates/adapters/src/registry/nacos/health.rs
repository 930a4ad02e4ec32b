//! How Nacos is, from what the calls to it said last.

use std::sync::{Mutex, MutexGuard, PoisonError};

use ports::SeamState;

/// Two views, because a Nacos may let a client read that it does not let write.
#[derive(Debug, Clone, Copy)]
pub(super) enum View {
    Reading,
    Writing,
}

/// The last word on each view.
#[derive(Debug)]
pub(super) struct Health {
    /// The servers, for people.
    addresses: String,
    views: Mutex<Views>,
}

#[derive(Debug, Default)]
struct Views {
    reading: Last,
    writing: Last,
}

#[derive(Debug, Default, PartialEq)]
enum Last {
    #[default]
    Untried,
    Fine,
    Failed(String),
}

impl Health {
    pub(super) fn new(addresses: String) -> Health {
        Health { addresses, views: Mutex::default() }
    }

    /// Notes how a call ended; only changes are logged.
    pub(super) fn note(&self, view: View, outcome: Result<(), String>) {
        let mut views = self.views();
        let last = match view {
            View::Reading => &mut views.reading,
            View::Writing => &mut views.writing,
        };
        let now = outcome.map_or_else(Last::Failed, |()| Last::Fine);
        match (&*last, &now) {
            (Last::Failed(_), Last::Fine) => {
                tracing::info!(?view, "Nacos at {} answers again", self.addresses)
            }
            (Last::Untried | Last::Fine, Last::Failed(why)) => {
                tracing::warn!(?view, "Nacos at {} fails: {why}", self.addresses);
            }
            _ => {}
        }
        *last = now;
    }

    pub(super) fn state(&self) -> SeamState {
        let views = self.views();
        match (&views.reading, &views.writing) {
            (Last::Failed(why), _) | (_, Last::Failed(why)) => {
                SeamState::down(format!("Nacos at {}: {why}", self.addresses))
            }
            (Last::Untried, Last::Untried) => {
                SeamState::down(format!("Nacos at {} has not answered yet", self.addresses))
            }
            _ => SeamState::up(),
        }
    }

    fn views(&self) -> MutexGuard<'_, Views> {
        self.views.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
