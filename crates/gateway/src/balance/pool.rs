//! The instances behind one target, shared by all connections to it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ports::Chance;
use ports::registry::Instance;
use tokio::time::Instant;

use super::seats::{Change, Seats};
use super::{Address, BalanceLimits};

/// Where the list in force comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Source {
    /// There is none yet.
    Nowhere,
    /// From an earlier run.
    Saved,
    /// From the registry, or from the route itself.
    Heard,
}

/// The instances of one service, or the one address of a route.
#[derive(Debug)]
pub(crate) struct Pool {
    state: Mutex<State>,
    chance: Chance,
}

#[derive(Debug)]
struct State {
    seats: Seats,
    source: Source,
    /// The last list that was not empty, to be saved.
    last_good: Arc<[Instance]>,
}

impl Pool {
    pub(crate) fn new(limits: BalanceLimits, chance: Chance) -> Pool {
        let state = State { seats: Seats::new(limits), source: Source::Nowhere, last_good: Arc::new([]) };
        Pool { state: Mutex::new(state), chance }
    }

    /// Takes over a list.
    pub(crate) fn list(&self, instances: &Arc<[Instance]>, source: Source) -> Change {
        let mut state = self.lock();
        state.source = source;
        if !instances.is_empty() {
            state.last_good = Arc::clone(instances);
        }
        state.seats.list(instances, Instant::now())
    }

    /// Chooses an instance and counts a connection to it.
    pub(crate) fn choose(self: &Arc<Self>, tried: &[Address]) -> Option<Choice> {
        let roll = |among: usize| usize::try_from(self.chance.below(among as u64)).unwrap_or_default();
        let address = self.lock().seats.choose(Instant::now(), tried, roll)?;
        Some(Choice { address, pool: Arc::clone(self), is_asked: true })
    }

    pub(crate) fn source(&self) -> Source {
        self.lock().source
    }

    /// Instances that get new connections, and those of them that are left out for now.
    pub(crate) fn counts(&self) -> (usize, usize) {
        self.lock().seats.counts(Instant::now())
    }

    pub(crate) fn last_good(&self) -> Arc<[Instance]> {
        Arc::clone(&self.lock().last_good)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An instance that was chosen; it counts as a connection until this is dropped.
#[derive(Debug)]
pub(crate) struct Choice {
    address: Address,
    pool: Arc<Pool>,
    is_asked: bool,
}

impl Choice {
    pub(crate) fn address(&self) -> &Address {
        &self.address
    }

    /// The instance answered as it should.
    pub(crate) fn succeeded(&mut self) {
        self.answered();
        self.pool.lock().seats.succeeded(&self.address);
    }

    /// It did not; says for how long it is left out, if it is.
    pub(crate) fn failed(&mut self) -> Option<Duration> {
        self.answered();
        self.pool.lock().seats.failed(&self.address, Instant::now())
    }

    fn answered(&mut self) {
        if std::mem::take(&mut self.is_asked) {
            self.pool.lock().seats.answered(&self.address);
        }
    }
}

impl Drop for Choice {
    fn drop(&mut self) {
        self.answered();
        self.pool.lock().seats.release(&self.address);
    }
}
