//! What this process has written into its own leases, and to which server: what a renewal is compared with.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use wire::id::Boot;

/// The leases that this process holds: a handful at most, one a node and one more while a node changes its boot.
#[derive(Debug, Default)]
pub(super) struct OwnLeases {
    by_boot: Mutex<BTreeMap<Boot, OwnLease>>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct OwnLease {
    /// The last beat that the server has confirmed.
    pub(super) beat_confirmed: u64,
    /// The last beat that was sent; its answer may have been lost.
    pub(super) beat_sent: u64,
    /// Which life of which server has confirmed; `None` where it does not say.
    pub(super) run_id: Option<Arc<str>>,
}

impl OwnLeases {
    pub(super) fn taken(&self, boot: &Boot, beat: u64, run_id: Option<Arc<str>>) {
        self.lock().insert(boot.clone(), OwnLease { beat_confirmed: beat, beat_sent: beat, run_id });
    }

    /// Counts one more beat; `None` when the lease is not held here.
    pub(super) fn next_beat(&self, boot: &Boot) -> Option<OwnLease> {
        let mut leases = self.lock();
        let lease = leases.get_mut(boot)?;
        lease.beat_sent += 1;
        Some(lease.clone())
    }

    pub(super) fn confirmed(&self, boot: &Boot, beat: u64) {
        if let Some(lease) = self.lock().get_mut(boot) {
            lease.beat_confirmed = lease.beat_confirmed.max(beat);
        }
    }

    pub(super) fn gone(&self, boot: &Boot) {
        self.lock().remove(boot);
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Boot, OwnLease>> {
        self.by_boot.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
