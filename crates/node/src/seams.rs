//! The four servers that a node stands on, whatever they are.

use std::sync::Arc;

use ports::{Bus, Directory, Registry, Store};

/// The servers that a node stands on.
#[derive(Clone)]
pub struct Seams {
    /// Where nodes say that they are here.
    pub registry: Arc<dyn Registry>,
    /// Which session holds which user.
    pub directory: Arc<dyn Directory>,
    /// What nodes say to each other.
    pub bus: Arc<dyn Bus>,
    /// What was said; `None` where nothing is kept.
    pub store: Option<Arc<dyn Store>>,
}

impl std::fmt::Debug for Seams {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Seams").field("keeps", &self.store.is_some()).finish_non_exhaustive()
    }
}
