//! A bounded number of places that are taken and given back: sockets, handshakes under way, sessions.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

/// A counter with a limit. Clones count together.
#[derive(Debug, Clone)]
pub struct Places {
    max: usize,
    taken: Arc<AtomicUsize>,
}

impl Places {
    /// `max` places; 0 is no limit.
    pub fn new(max: usize) -> Places {
        Places { max, taken: Arc::default() }
    }

    /// A place, given back when it is dropped; `None` when all are taken.
    pub fn take(&self) -> Option<Place> {
        let within = |taken: usize| (self.max == 0 || taken < self.max).then_some(taken + 1);
        self.taken.fetch_update(Ordering::Relaxed, Ordering::Relaxed, within).ok()?;
        Some(Place { taken: Arc::clone(&self.taken) })
    }

    /// How many are taken.
    pub fn taken(&self) -> usize {
        self.taken.load(Ordering::Relaxed)
    }
}

/// One place that is taken.
#[derive(Debug)]
pub struct Place {
    taken: Arc<AtomicUsize>,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.taken.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_free_again_when_its_guard_is_gone() {
        let places = Places::new(2);
        let first = places.take();
        let second = places.take();
        assert!(first.is_some() && second.is_some() && places.take().is_none());
        drop(first);
        assert_eq!(places.taken(), 1);
        assert!(places.take().is_some());
    }

    #[test]
    fn zero_is_no_limit() {
        let places = Places::new(0);
        let held: Vec<_> = (0..100).filter_map(|_| places.take()).collect();
        assert_eq!((held.len(), places.taken()), (100, 100));
    }
}
