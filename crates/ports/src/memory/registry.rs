//! The registry of one process: its nodes and its gateway share one, and what one announces the others see at once.
//!
//! It can be cut off and mended, so that tests and simulations see what an outage of a real one does.
//! Watchers then hold what they heard last, and what was announced meanwhile appears at the end of the outage.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use tokio::sync::watch;

use crate::registry::{Announcement, Instance, Instances, Registry, newest_of_each_address};
use crate::{PortError, Seam, SeamState};

/// A registry in memory. Clones are the same registry.
#[derive(Debug, Clone, Default)]
pub struct MemoryRegistry {
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    is_cut: bool,
    announcements_made: u64,
    wanted: BTreeMap<u64, Wanted>,
    watched: BTreeMap<String, watch::Sender<Instances>>,
}

/// An instance that is kept announced.
#[derive(Debug)]
struct Wanted {
    instance: Instance,
    is_announced: bool,
}

#[derive(Debug)]
struct MemoryAnnouncement {
    id: u64,
    state: Arc<Mutex<State>>,
}

impl MemoryRegistry {
    /// An empty one.
    pub fn new() -> MemoryRegistry {
        MemoryRegistry::default()
    }

    /// Begins an outage: nothing is written, and watchers hear nothing new.
    pub fn cut(&self) {
        lock(&self.state).is_cut = true;
    }

    /// Ends an outage.
    pub fn mend(&self) {
        let mut state = lock(&self.state);
        state.is_cut = false;
        state.publish();
    }

    /// What an operator does by hand: gives every entry of an address another weight.
    pub fn set_weight(&self, service: &str, host: &str, port: u16, weight: f64) {
        let mut state = lock(&self.state);
        for wanted in state.wanted.values_mut() {
            let instance = &mut wanted.instance;
            if instance.service == service && instance.host == host && instance.port == port {
                instance.weight = weight;
            }
        }
        state.publish();
    }
}

#[async_trait]
impl Registry for MemoryRegistry {
    fn announce(&self, instance: Instance) -> Arc<dyn Announcement> {
        let mut state = lock(&self.state);
        state.announcements_made += 1;
        let id = state.announcements_made;
        state.wanted.insert(id, Wanted { instance, is_announced: false });
        state.publish();
        Arc::new(MemoryAnnouncement { id, state: self.state.clone() })
    }

    fn watch(&self, service: &str) -> watch::Receiver<Instances> {
        let mut state = lock(&self.state);
        let heard = (!state.is_cut).then(|| state.list(service));
        state.watched.entry(service.to_owned()).or_insert_with(|| watch::Sender::new(heard)).subscribe()
    }

    fn state(&self) -> SeamState {
        if lock(&self.state).is_cut {
            SeamState::down("the registry in memory is cut off")
        } else {
            SeamState::up()
        }
    }
}

#[async_trait]
impl Announcement for MemoryAnnouncement {
    fn is_announced(&self) -> bool {
        lock(&self.state).wanted.get(&self.id).is_some_and(|wanted| wanted.is_announced)
    }

    async fn drain(&self) -> Result<(), PortError> {
        let mut state = lock(&self.state);
        if let Some(wanted) = state.wanted.get_mut(&self.id) {
            wanted.instance.weight = 0.0;
        }
        state.written("drain an instance")
    }

    async fn withdraw(&self) -> Result<(), PortError> {
        let mut state = lock(&self.state);
        state.wanted.remove(&self.id);
        state.written("withdraw an instance")
    }
}

impl State {
    /// Shows what is wanted to those who watch; while cut off it only says so.
    fn written(&mut self, during: &'static str) -> Result<(), PortError> {
        self.publish();
        if self.is_cut { Err(PortError::outage(Seam::Registry, during, "it is cut off")) } else { Ok(()) }
    }

    fn publish(&mut self) {
        if self.is_cut {
            return;
        }
        for wanted in self.wanted.values_mut() {
            wanted.is_announced = true;
        }
        for (service, sender) in &self.watched {
            let list = self.list(service);
            sender.send_if_modified(|told| {
                let is_news = told.as_ref() != Some(&list);
                *told = Some(list);
                is_news
            });
        }
    }

    fn list(&self, service: &str) -> Arc<[Instance]> {
        let of_service = self.wanted.values().filter(|wanted| wanted.instance.service == service);
        newest_of_each_address(of_service.map(|wanted| wanted.instance.clone()))
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}
