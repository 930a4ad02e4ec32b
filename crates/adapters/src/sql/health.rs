//! How a database was when its writers last used it.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use ports::SeamState;

/// What is wrong, as far as the writers know.
#[derive(Debug)]
pub(super) struct Health {
    known: Mutex<Known>,
}

#[derive(Debug)]
struct Known {
    /// What each writer that does not get on has been told last.
    troubles: BTreeMap<usize, String>,
    /// What a person should know, though everything works.
    note: Option<String>,
}

impl Health {
    pub(super) fn new(note: Option<String>) -> Health {
        let health = Health { known: Mutex::new(Known { troubles: BTreeMap::new(), note: None }) };
        health.note(note);
        health
    }

    /// A writer has done its work.
    pub(super) fn up(&self, writer: usize) {
        let mut known = self.known();
        if known.troubles.remove(&writer).is_some() && known.troubles.is_empty() {
            tracing::info!("the store works again");
        }
    }

    /// A writer could not do its work.
    pub(super) fn down(&self, writer: usize, error: &str) {
        let mut known = self.known();
        if known.troubles.is_empty() {
            tracing::error!(error, "the store does not work");
        }
        known.troubles.insert(writer, error.to_owned());
    }

    /// Whether a writer got on when it last tried.
    pub(super) fn is_up(&self, writer: usize) -> bool {
        !self.known().troubles.contains_key(&writer)
    }

    /// What a look at the database has found.
    pub(super) fn note(&self, note: Option<String>) {
        let mut known = self.known();
        if let Some(note) = note.as_ref().filter(|note| known.note.as_ref() != Some(*note)) {
            tracing::warn!("the store: {note}");
        }
        known.note = note;
    }

    pub(super) fn state(&self) -> SeamState {
        let known = self.known();
        match (known.troubles.values().next(), &known.note) {
            (Some(trouble), _) => SeamState::down(trouble),
            (None, Some(note)) => SeamState::warning(note),
            (None, None) => SeamState::up(),
        }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
