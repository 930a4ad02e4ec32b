//! What this node is at the moment: its boot, the directory's clock, and the other boots that live.
//!
//! It is written by the heartbeat alone and read by everyone. A boot that is not in it is unknown, not dead.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ports::directory::{Directory, Lease, Leases, NodeState};
use ports::{Clock, PortError};
use wire::id::{Boot, NodeName};

/// The node's own view of the cluster.
#[derive(Debug)]
pub struct View {
    node: NodeName,
    clock: Clock,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    boot: Boot,
    /// What the directory's clock is ahead of ours, in microseconds.
    offset_us: i64,
    live: BTreeMap<Boot, Lease>,
    /// Boots that were found dead: a boot never comes back. The latest few.
    dead: BTreeSet<Boot>,
}

/// Dead boots to remember. Each may cost one read of its lease once it is forgotten.
const DEAD_MAX: usize = 1_024;

/// A boot that was here at the last look and is not any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Vanished {
    /// Which.
    pub boot: Boot,
    /// True when it was seen emptying itself before.
    pub drained: bool,
}

impl View {
    /// The view of a boot that has seen nobody yet.
    pub fn new(boot: Boot, clock: Clock) -> View {
        let node = boot.node.clone();
        let state = State { boot, offset_us: 0, live: BTreeMap::new(), dead: BTreeSet::new() };
        View { node, clock, state: Mutex::new(state) }
    }

    /// This node's name.
    pub fn node(&self) -> &NodeName {
        &self.node
    }

    /// This node's present boot.
    pub fn boot(&self) -> Boot {
        self.state().boot.clone()
    }

    /// The node begins another life: its lease was lost.
    pub fn reborn(&self, boot: Boot) {
        self.state().boot = boot;
    }

    /// The directory told its time.
    pub fn told_time(&self, now_us: u64) {
        let ours = i64::try_from(self.clock.unix_ms().saturating_mul(1_000)).unwrap_or(i64::MAX);
        let theirs = i64::try_from(now_us).unwrap_or(i64::MAX);
        self.state().offset_us = theirs.saturating_sub(ours);
    }

    /// The directory's clock, in microseconds since 1970.
    pub fn now_us(&self) -> u64 {
        let ours = i64::try_from(self.clock.unix_ms().saturating_mul(1_000)).unwrap_or(i64::MAX);
        u64::try_from(ours.saturating_add(self.state().offset_us)).unwrap_or(0)
    }

    /// The directory's clock, in milliseconds since 1970.
    pub fn now_ms(&self) -> u64 {
        self.now_us() / 1_000
    }

    /// Takes in a new look at all leases, and says who was here before and is not now.
    pub fn looked(&self, leases: &Leases) -> Vec<Vanished> {
        let mut state = self.state();
        let now: BTreeMap<Boot, Lease> =
            leases.live.iter().map(|lease| (lease.boot.clone(), lease.clone())).collect();
        let before = std::mem::replace(&mut state.live, now);
        before
            .into_values()
            .filter(|lease| !state.live.contains_key(&lease.boot) && lease.boot != state.boot)
            .map(|lease| {
                // Whoever drains to the end takes its boot off the list; one whose lease ran out meanwhile did not come so far.
                let drained = lease.state == NodeState::Draining && !leases.dead.contains(&lease.boot);
                Vanished { drained, boot: lease.boot }
            })
            .collect()
    }

    /// The leases of the last look.
    pub fn live(&self) -> Vec<Lease> {
        self.state().live.values().cloned().collect()
    }

    /// Whether a boot lives; one that the last look did not show is asked for.
    pub async fn is_alive(&self, boot: &Boot, directory: &dyn Directory) -> Result<bool, PortError> {
        {
            let state = self.state();
            if *boot == state.boot || state.live.contains_key(boot) {
                return Ok(true);
            }
            if state.dead.contains(boot) {
                return Ok(false);
            }
        }
        let lease = directory.lease(boot).await?;
        let mut state = self.state();
        match lease {
            Some(lease) => {
                state.live.insert(boot.clone(), lease);
                Ok(true)
            }
            None => {
                if state.dead.len() >= DEAD_MAX {
                    state.dead.pop_first();
                }
                state.dead.insert(boot.clone());
                Ok(false)
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A view that many share.
pub type SharedView = Arc<View>;

#[cfg(test)]
mod tests {
    use ports::Ambient;
    use ports::directory::Fingerprint;

    use super::*;

    fn lease(name: &str, state: NodeState) -> Lease {
        let boot = Boot { node: name.parse().unwrap(), nonce: Ambient::system().nonce() };
        let (devices, store) = (String::new(), String::new());
        let fingerprint = Fingerprint { wire_min: 1, wire_max: 1, devices, store };
        Lease { boot, address: String::new(), sessions: 0, state, fingerprint }
    }

    #[test]
    fn only_who_has_drained_to_the_end_has_drained() {
        let ambient = Ambient::system();
        let own = lease("own", NodeState::Serving);
        let view = View::new(own.boot.clone(), ambient.clock);
        let [served, drained, died] =
            [("a", NodeState::Serving), ("b", NodeState::Draining), ("c", NodeState::Draining)]
                .map(|(name, state)| lease(name, state));
        let all = vec![own.clone(), served.clone(), drained.clone(), died.clone()];
        assert_eq!(view.looked(&Leases { live: all, dead: Vec::new() }), []);
        let dead = vec![served.boot.clone(), died.boot.clone()];
        let vanished = view.looked(&Leases { live: vec![own], dead });
        let is_drained =
            |lease: &Lease| vanished.iter().find(|gone| gone.boot == lease.boot).unwrap().drained;
        assert_eq!([&served, &drained, &died].map(is_drained), [false, true, false]);
    }
}
