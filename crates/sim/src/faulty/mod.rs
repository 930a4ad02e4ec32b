//! The four seams as one node sees them: whatever is behind them, under the weather.

mod bus;
mod directory;
mod registry;
mod store;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use wire::id::Nonce;

use crate::weather::Weather;

/// A seam as one node sees it.
#[derive(Debug)]
pub struct Faulty<T> {
    inner: Arc<T>,
    node: usize,
    weather: Weather,
    failovers: Failovers,
}

/// How often the directory has failed over, and which life of a boot's connection knows of how many.
///
/// A node's connection to a directory that has failed over is a new one, and the adapter says so at the next renewal.
#[derive(Debug, Clone, Default)]
pub struct Failovers(Arc<Mutex<Known>>);

#[derive(Debug, Default)]
struct Known {
    count: u64,
    by_boot: BTreeMap<Nonce, u64>,
}

impl<T> Faulty<T> {
    /// `inner` as the node at this place sees it.
    pub fn over(inner: &Arc<T>, node: usize, weather: &Weather, failovers: &Failovers) -> Arc<Faulty<T>> {
        let (inner, weather, failovers) = (inner.clone(), weather.clone(), failovers.clone());
        Arc::new(Faulty { inner, node, weather, failovers })
    }
}

impl Failovers {
    /// Another server answers from now on.
    pub fn happen(&self) {
        self.known(|known| known.count += 1);
    }

    fn connected(&self, boot: Nonce) {
        self.known(|known| {
            known.by_boot.insert(boot, known.count);
        });
    }

    fn is_news_to(&self, boot: Nonce) -> bool {
        self.known(|known| known.by_boot.get(&boot).is_some_and(|knows| *knows < known.count))
    }

    fn known<T>(&self, look: impl FnOnce(&mut Known) -> T) -> T {
        look(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
