//! The bus as one node sees it: what it posts may be refused or lost; what others post arrives.
//!
//! `Cluster::join_on` starts a node on it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use async_trait::async_trait;
use ports::bus::{Inbox, Posting};
use ports::memory::bus::MemoryBus;
use ports::{Bus, PortError, Seam, SeamState};
use wire::id::Boot;

/// The bus as one node sees it.
#[derive(Debug)]
pub(crate) struct FaultyBus {
    inner: Arc<MemoryBus>,
    refuses: AtomicBool,
    loses: AtomicBool,
    lost: AtomicUsize,
}

impl FaultyBus {
    /// Without a fault yet.
    pub(crate) fn over(inner: &Arc<MemoryBus>) -> Arc<FaultyBus> {
        let (refuses, loses, lost) = (AtomicBool::new(false), AtomicBool::new(false), AtomicUsize::new(0));
        Arc::new(FaultyBus { inner: inner.clone(), refuses, loses, lost })
    }

    /// From now on posts fail, or no longer.
    pub(crate) fn refuse(&self, refuses: bool) {
        self.refuses.store(refuses, Ordering::SeqCst);
    }

    /// From now on posts seem to succeed and nothing arrives, or no longer.
    pub(crate) fn lose(&self, loses: bool) {
        self.loses.store(loses, Ordering::SeqCst);
    }

    /// How many envelopes were lost.
    pub(crate) fn lost(&self) -> usize {
        self.lost.load(Ordering::SeqCst)
    }
}

#[async_trait]
impl Bus for FaultyBus {
    async fn post(&self, postings: Vec<Posting>) -> Vec<Result<(), PortError>> {
        if self.refuses.load(Ordering::SeqCst) {
            let refused = || Err(PortError::outage(Seam::Bus, "post an envelope", "this node is cut off"));
            return postings.iter().map(|_| refused()).collect();
        }
        if self.loses.load(Ordering::SeqCst) {
            self.lost.fetch_add(postings.len(), Ordering::SeqCst);
            return postings.iter().map(|_| Ok(())).collect();
        }
        self.inner.post(postings).await
    }

    async fn open_inbox(&self, boot: &Boot) -> Result<Box<dyn Inbox>, PortError> {
        self.inner.open_inbox(boot).await
    }

    fn state(&self) -> SeamState {
        self.inner.state()
    }
}
