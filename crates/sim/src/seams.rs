//! What the nodes of a run stand on: four servers in memory, and the weather over them.

use std::sync::Arc;

use node::Seams;
use ports::memory::bus::MemoryBus;
use ports::memory::directory::MemoryDirectory;
use ports::memory::registry::MemoryRegistry;
use ports::memory::store::MemoryStore;
use ports::{Ambient, Clock};

use crate::dice::Dice;
use crate::faulty::{Failovers, Faulty};
use crate::weather::Weather;

/// In November 2026.
const START_MS: u64 = 1_795_000_000_000;

/// The servers of a run.
#[derive(Debug)]
pub struct SimSeams {
    /// Time as the servers have it, and their chance.
    pub ambient: Ambient,
    /// The directory, to be wiped and to fall back.
    pub directory: Arc<MemoryDirectory>,
    /// The store, to be read at the end.
    pub store: Arc<MemoryStore>,
    /// How all of them are.
    pub weather: Weather,
    /// How often another directory has answered.
    pub failovers: Failovers,
    bus: Arc<MemoryBus>,
    registry: Arc<MemoryRegistry>,
}

impl SimSeams {
    /// Empty ones, on a clock that begins now.
    pub fn new(seed: u64) -> SimSeams {
        let ambient = Ambient { clock: Clock::simulated(START_MS), chance: Dice::chance(seed, "servers") };
        SimSeams {
            directory: Arc::new(MemoryDirectory::new(ambient.clone())),
            store: Arc::new(MemoryStore::new(&ambient)),
            weather: Weather::of(seed),
            failovers: Failovers::default(),
            bus: Arc::new(MemoryBus::new()),
            registry: Arc::new(MemoryRegistry::new()),
            ambient,
        }
    }

    /// As the node at this place sees them.
    pub fn of_node(&self, node: usize) -> Seams {
        let (weather, failovers) = (&self.weather, &self.failovers);
        Seams {
            registry: Faulty::over(&self.registry, node, weather, failovers),
            directory: Faulty::over(&self.directory, node, weather, failovers),
            bus: Faulty::over(&self.bus, node, weather, failovers),
            store: Some(Faulty::over(&self.store, node, weather, failovers)),
        }
    }
}
