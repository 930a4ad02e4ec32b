//! One instance, as far as choosing is concerned.

use ports::registry::Instance;
use tokio::time::Instant;

use super::Address;

/// What is known of it.
#[derive(Debug)]
pub(super) struct Seat {
    pub(super) address: Address,
    /// Another nonce is another life: what the last one did wrong is forgotten.
    pub(super) nonce: Option<String>,
    pub(super) weight: f64,
    pub(super) presence: Presence,
    pub(super) connections: usize,
    /// Those of the connections whose handshake is under way.
    pub(super) asked: usize,
    pub(super) failures: u32,
    pub(super) left_out_until: Option<Instant>,
}

/// Whether it is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Presence {
    Listed,
    Vanished {
        since: Instant,
    },
    /// Gets nobody new; stays until its last connection has ended.
    Gone,
}

impl Seat {
    pub(super) fn of(instance: &Instance, nonce: Option<String>) -> Seat {
        Seat {
            address: Address { host: instance.host.clone(), port: instance.port },
            nonce,
            weight: instance.weight,
            presence: Presence::Listed,
            connections: 0,
            asked: 0,
            failures: 0,
            left_out_until: None,
        }
    }

    pub(super) fn is_at(&self, instance: &Instance) -> bool {
        self.address.host == instance.host && self.address.port == instance.port
    }

    pub(super) fn takes_weight(&self) -> bool {
        self.weight > 0.0
    }

    pub(super) fn takes_new(&self) -> bool {
        self.takes_weight() && self.presence != Presence::Gone
    }

    pub(super) fn is_left_out(&self, now: Instant) -> bool {
        self.left_out_until.is_some_and(|until| now < until)
    }

    /// What the next connection would make of it.
    pub(super) fn load(&self) -> f64 {
        (self.connections + 1) as f64 / self.weight
    }
}
