//! The directory as one node sees it: it can be cut off from it alone, and what becomes of its claims can be chosen.
//!
//! `Cluster::join_on` starts a node on it. Everything else goes to the directory in memory that the nodes share.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use ports::directory::{
    Binding, Claim, Claimed, Directory, Interest, Lease, LeaseTaken, Leases, Reaped, Released, Renewed,
    Restored, Slot,
};
use ports::memory::directory::MemoryDirectory;
use ports::{PortError, Seam, SeamState};
use tokio::sync::watch;
use tokio_util::task::TaskTracker;
use wire::envelope::Eviction;
use wire::id::{Boot, GroupId, SessionId, UserId};

/// What becomes of a node's claims.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Claims {
    /// They are answered.
    Answered,
    /// They are carried out, and their answers are lost.
    AnswersLost,
    /// They reach the directory so much later, and nobody hears of them.
    Late(Duration),
    /// They are carried out, and answered so much later.
    Slow(Duration),
}

/// The directory as one node sees it.
#[derive(Debug)]
pub(crate) struct FaultyDirectory {
    inner: Arc<MemoryDirectory>,
    faults: Mutex<Faults>,
    late: TaskTracker,
    leases: Gate,
    interest: Gate,
}

/// Holds calls back before they are carried out.
#[derive(Debug)]
struct Gate(watch::Sender<bool>);

impl Gate {
    fn open() -> Gate {
        Gate(watch::Sender::new(true))
    }

    fn set(&self, is_open: bool) {
        self.0.send_replace(is_open);
    }

    async fn pass(&self) {
        // The sender lives as long as this does.
        let mut opened = self.0.subscribe();
        let _open = opened.wait_for(|is_open| *is_open).await;
    }
}

#[derive(Debug)]
struct Faults {
    is_cut: bool,
    claims: Claims,
    refuses_interest: bool,
    loses_restores: bool,
}

impl FaultyDirectory {
    /// Without a fault yet.
    pub(crate) fn over(inner: &Arc<MemoryDirectory>) -> Arc<FaultyDirectory> {
        let faults = Mutex::new(Faults {
            is_cut: false,
            claims: Claims::Answered,
            refuses_interest: false,
            loses_restores: false,
        });
        Arc::new(FaultyDirectory {
            inner: inner.clone(),
            faults,
            late: TaskTracker::new(),
            leases: Gate::open(),
            interest: Gate::open(),
        })
    }

    /// Cuts this node off.
    pub(crate) fn cut(&self) {
        self.faults().is_cut = true;
    }

    /// Ends the cut.
    pub(crate) fn mend(&self) {
        self.faults().is_cut = false;
    }

    /// Sets what becomes of claims from now on.
    pub(crate) fn claims(&self, claims: Claims) {
        self.faults().claims = claims;
    }

    /// From now on a lease is taken only once the hold has ended.
    pub(crate) fn hold_leases(&self, hold: bool) {
        self.leases.set(!hold);
    }

    /// From now on interest is registered only once the hold has ended.
    pub(crate) fn hold_interest(&self, hold: bool) {
        self.interest.set(!hold);
    }

    /// True while a registration of interest is held.
    pub(crate) fn holds_interest(&self) -> bool {
        self.interest.0.receiver_count() > 0
    }

    /// From now on interest is not registered, or is again.
    pub(crate) fn refuse_interest(&self, refuse: bool) {
        self.faults().refuses_interest = refuse;
    }

    /// From now on bindings are written again and the answers are lost, or no longer.
    pub(crate) fn lose_restores(&self, lose: bool) {
        self.faults().loses_restores = lose;
    }

    /// Waits until every late claim has reached the directory.
    pub(crate) async fn late_claims_have_come(&self) {
        self.late.close();
        self.late.wait().await;
    }

    fn open(&self, during: &'static str) -> Result<&MemoryDirectory, PortError> {
        match self.faults().is_cut {
            true => Err(PortError::outage(Seam::Directory, during, "this node is cut off")),
            false => Ok(&self.inner),
        }
    }

    fn faults(&self) -> MutexGuard<'_, Faults> {
        self.faults.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Directory for FaultyDirectory {
    async fn take_lease(&self, lease: &Lease, ttl: Duration) -> Result<LeaseTaken, PortError> {
        self.leases.pass().await;
        self.open("take a lease")?.take_lease(lease, ttl).await
    }

    async fn renew(&self, lease: &Lease, ttl: Duration) -> Result<Renewed, PortError> {
        self.open("renew a lease")?.renew(lease, ttl).await
    }

    async fn end_lease(&self, boot: &Boot) -> Result<(), PortError> {
        self.open("end a lease")?.end_lease(boot).await
    }

    async fn leases(&self) -> Result<Leases, PortError> {
        self.open("list the leases")?.leases().await
    }

    async fn lease(&self, boot: &Boot) -> Result<Option<Lease>, PortError> {
        self.open("read a lease")?.lease(boot).await
    }

    async fn claim(&self, claim: &Claim) -> Result<Claimed, PortError> {
        let during = "claim a slot";
        let directory = self.open(during)?;
        let claims = self.faults().claims;
        match claims {
            Claims::Answered => directory.claim(claim).await,
            Claims::AnswersLost => {
                directory.claim(claim).await?;
                Err(PortError::outage(Seam::Directory, during, "its answer was lost"))
            }
            Claims::Slow(by) => {
                let claimed = directory.claim(claim).await;
                tokio::time::sleep(by).await;
                claimed
            }
            Claims::Late(late) => {
                let (directory, claim) = (self.inner.clone(), claim.clone());
                self.late.spawn(async move {
                    tokio::time::sleep(late).await;
                    // Whoever asked has given up.
                    let _unheard = directory.claim(&claim).await;
                });
                std::future::pending().await
            }
        }
    }

    async fn restore(&self, bindings: &[Binding], deadline_us: u64) -> Result<Vec<Restored>, PortError> {
        let during = "write bindings again";
        let restored = self.open(during)?.restore(bindings, deadline_us).await;
        match self.faults().loses_restores {
            true => Err(PortError::outage(Seam::Directory, during, "its answer was lost")),
            false => restored,
        }
    }

    async fn release(&self, user: &UserId, slot: &Slot, session: SessionId) -> Result<Released, PortError> {
        self.open("release a slot")?.release(user, slot, session).await
    }

    async fn forget(&self, user: &UserId, session: SessionId, boot: &Boot) -> Result<(), PortError> {
        self.open("forget a dead session")?.forget(user, session, boot).await
    }

    async fn locate(&self, users: &[UserId]) -> Result<Vec<Vec<Binding>>, PortError> {
        self.open("locate users")?.locate(users).await
    }

    async fn request_evictions(&self, evictions: &[(Boot, Eviction)]) -> Result<(), PortError> {
        self.open("request evictions")?.request_evictions(evictions).await
    }

    async fn add_interest(&self, interests: &[Interest]) -> Result<(), PortError> {
        self.interest.pass().await;
        let during = "add interest";
        if self.faults().refuses_interest {
            return Err(PortError::outage(Seam::Directory, during, "refused by the test"));
        }
        self.open(during)?.add_interest(interests).await
    }

    async fn drop_interest(&self, interests: &[Interest]) -> Result<(), PortError> {
        self.open("drop interest")?.drop_interest(interests).await
    }

    async fn interested(&self, groups: &[GroupId]) -> Result<Vec<Vec<Boot>>, PortError> {
        self.open("read interest")?.interested(groups).await
    }

    async fn reap(&self, boot: &Boot) -> Result<Reaped, PortError> {
        self.open("reap a dead boot")?.reap(boot).await
    }

    fn state(&self) -> SeamState {
        if self.faults().is_cut { SeamState::down("this node is cut off") } else { self.inner.state() }
    }
}
