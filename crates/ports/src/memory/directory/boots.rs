//! The boots that a directory in memory knows: their leases, their names, what they left where, and whom they are to evict.

use std::collections::{BTreeMap, BTreeSet};

use tokio::time::Instant;
use wire::envelope::Eviction;
use wire::id::{Boot, GroupId, NodeName, SessionId, UserId};

use crate::directory::{EVICTIONS_MAX, Lease, Leases, RenewOutcome};

#[derive(Debug, Clone, Default)]
pub(super) struct Boots {
    leases: BTreeMap<Boot, HeldLease>,
    names: BTreeMap<NodeName, Boot>,
    traces: BTreeMap<Boot, Traces>,
    evictions: BTreeMap<Boot, BTreeMap<SessionId, Eviction>>,
}

#[derive(Debug, Clone)]
struct HeldLease {
    lease: Lease,
    until: Instant,
}

/// Where a boot may have left something; kept for the reaper alone.
#[derive(Debug, Clone, Default)]
struct Traces {
    users: BTreeSet<UserId>,
    groups: BTreeSet<GroupId>,
}

/// The name is under the live lease of another boot.
#[derive(Debug)]
pub(super) struct NameClash {
    pub(super) by: Boot,
    pub(super) address: String,
}

impl Boots {
    pub(super) fn take(&mut self, lease: &Lease, now: Instant, until: Instant) -> Result<(), NameClash> {
        if let Some(other) = self.other_holder(&lease.boot, now)
            && other.address != lease.address
        {
            return Err(NameClash { by: other.boot.clone(), address: other.address.clone() });
        }
        self.names.insert(lease.boot.node.clone(), lease.boot.clone());
        self.leases.insert(lease.boot.clone(), HeldLease { lease: lease.clone(), until });
        Ok(())
    }

    pub(super) fn renew(&mut self, lease: &Lease, now: Instant, until: Instant) -> RenewOutcome {
        if self.live(&lease.boot, now).is_none() {
            return RenewOutcome::Lost { why: "the lease ran out or was forgotten".to_owned() };
        }
        if let Some(other) = self.other_holder(&lease.boot, now) {
            return RenewOutcome::NameTaken { address: other.address.clone() };
        }
        self.names.insert(lease.boot.node.clone(), lease.boot.clone());
        self.leases.insert(lease.boot.clone(), HeldLease { lease: lease.clone(), until });
        RenewOutcome::Kept
    }

    /// Ends the lease and gives the name back; the boot counts as dead until [`Boots::remove`].
    pub(super) fn end_lease(&mut self, boot: &Boot) {
        self.leases.remove(boot);
        if self.names.get(&boot.node) == Some(boot) {
            self.names.remove(&boot.node);
        }
    }

    pub(super) fn remove(&mut self, boot: &Boot) {
        self.end_lease(boot);
        self.traces.remove(boot);
        self.evictions.remove(boot);
    }

    pub(super) fn live(&self, boot: &Boot, now: Instant) -> Option<&Lease> {
        self.leases.get(boot).filter(|held| now < held.until).map(|held| &held.lease)
    }

    pub(super) fn leases(&self, now: Instant) -> Leases {
        let (live, dead): (Vec<_>, Vec<_>) = self.leases.values().partition(|held| now < held.until);
        Leases {
            live: live.into_iter().map(|held| held.lease.clone()).collect(),
            dead: dead.into_iter().map(|held| held.lease.boot.clone()).collect(),
        }
    }

    pub(super) fn request_eviction(&mut self, boot: &Boot, eviction: &Eviction) {
        // Nobody empties the list of a boot that is not there.
        if !self.leases.contains_key(boot) {
            return;
        }
        let list = self.evictions.entry(boot.clone()).or_default();
        if list.len() < EVICTIONS_MAX {
            list.insert(eviction.session, eviction.clone());
        }
    }

    pub(super) fn take_evictions(&mut self, boot: &Boot) -> Vec<Eviction> {
        self.evictions.remove(boot).map(|list| list.into_values().collect()).unwrap_or_default()
    }

    pub(super) fn note_user(&mut self, boot: &Boot, user: &UserId) {
        self.traces.entry(boot.clone()).or_default().users.insert(user.clone());
    }

    pub(super) fn unnote_user(&mut self, boot: &Boot, user: &UserId) {
        if let Some(traces) = self.traces.get_mut(boot) {
            traces.users.remove(user);
        }
    }

    pub(super) fn note_group(&mut self, boot: &Boot, group: &GroupId) {
        self.traces.entry(boot.clone()).or_default().groups.insert(group.clone());
    }

    pub(super) fn unnote_group(&mut self, boot: &Boot, group: &GroupId) {
        if let Some(traces) = self.traces.get_mut(boot) {
            traces.groups.remove(group);
        }
    }

    /// Takes at most `count_max` of the places where a boot may have left something; none when there are none.
    pub(super) fn take_traces(&mut self, boot: &Boot, count_max: usize) -> (Vec<UserId>, Vec<GroupId>) {
        let Some(traces) = self.traces.get_mut(boot) else { return (Vec::new(), Vec::new()) };
        let users = pop(&mut traces.users, count_max);
        let groups = pop(&mut traces.groups, count_max - users.len());
        (users, groups)
    }

    /// The live lease of another boot that has this boot's name.
    fn other_holder(&self, boot: &Boot, now: Instant) -> Option<&Lease> {
        let holder = self.names.get(&boot.node).filter(|holder| *holder != boot)?;
        self.live(holder, now)
    }
}

fn pop<T: Ord>(set: &mut BTreeSet<T>, count_max: usize) -> Vec<T> {
    std::iter::from_fn(|| set.pop_first()).take(count_max).collect()
}
