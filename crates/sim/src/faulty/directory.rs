//! The directory under the weather.

use std::time::Duration;

use async_trait::async_trait;
use ports::directory::{
    Binding, Claim, Claimed, Interest, Lease, LeaseTaken, Leases, Reaped, Released, RenewOutcome, Renewed,
    Restored, Slot,
};
use ports::{Directory, PortError, Seam, SeamState};
use wire::envelope::Eviction;
use wire::id::{Boot, GroupId, SessionId, UserId};

use super::Faulty;

impl<T: Directory> Faulty<T> {
    async fn ask_directory<R, W>(&self, during: &'static str, work: W) -> Result<R, PortError>
    where
        R: Send + 'static,
        W: Future<Output = Result<R, PortError>> + Send + 'static,
    {
        self.weather.call(Seam::Directory, during, self.node, work).await?
    }
}

#[async_trait]
impl<T: Directory> Directory for Faulty<T> {
    async fn take_lease(&self, lease: &Lease, ttl: Duration) -> Result<LeaseTaken, PortError> {
        let (inner, asked) = (self.inner.clone(), lease.clone());
        self.failovers.connected(lease.boot.nonce);
        self.ask_directory("take a lease", async move { inner.take_lease(&asked, ttl).await }).await
    }

    async fn renew(&self, lease: &Lease, ttl: Duration) -> Result<Renewed, PortError> {
        let (inner, asked) = (self.inner.clone(), lease.clone());
        let renewed =
            self.ask_directory("renew a lease", async move { inner.renew(&asked, ttl).await }).await?;
        if self.failovers.is_news_to(lease.boot.nonce) {
            let why = "another server answers".to_owned();
            return Ok(Renewed { outcome: RenewOutcome::Lost { why }, ..renewed });
        }
        Ok(renewed)
    }

    async fn end_lease(&self, boot: &Boot) -> Result<(), PortError> {
        let (inner, boot) = (self.inner.clone(), boot.clone());
        self.ask_directory("end a lease", async move { inner.end_lease(&boot).await }).await
    }

    async fn leases(&self) -> Result<Leases, PortError> {
        let inner = self.inner.clone();
        self.ask_directory("list the leases", async move { inner.leases().await }).await
    }

    async fn lease(&self, boot: &Boot) -> Result<Option<Lease>, PortError> {
        let (inner, boot) = (self.inner.clone(), boot.clone());
        self.ask_directory("read a lease", async move { inner.lease(&boot).await }).await
    }

    async fn claim(&self, claim: &Claim) -> Result<Claimed, PortError> {
        let (inner, claim) = (self.inner.clone(), claim.clone());
        self.ask_directory("claim a slot", async move { inner.claim(&claim).await }).await
    }

    async fn restore(&self, bindings: &[Binding], deadline_us: u64) -> Result<Vec<Restored>, PortError> {
        let (inner, bindings) = (self.inner.clone(), bindings.to_vec());
        self.ask_directory("write bindings again", async move { inner.restore(&bindings, deadline_us).await })
            .await
    }

    async fn release(&self, user: &UserId, slot: &Slot, session: SessionId) -> Result<Released, PortError> {
        let (inner, user, slot) = (self.inner.clone(), user.clone(), slot.clone());
        self.ask_directory("release a slot", async move { inner.release(&user, &slot, session).await }).await
    }

    async fn forget(&self, user: &UserId, session: SessionId, boot: &Boot) -> Result<(), PortError> {
        let (inner, user, boot) = (self.inner.clone(), user.clone(), boot.clone());
        self.ask_directory("forget a dead session", async move { inner.forget(&user, session, &boot).await })
            .await
    }

    async fn locate(&self, users: &[UserId]) -> Result<Vec<Vec<Binding>>, PortError> {
        let (inner, users) = (self.inner.clone(), users.to_vec());
        self.ask_directory("locate users", async move { inner.locate(&users).await }).await
    }

    async fn request_evictions(&self, evictions: &[(Boot, Eviction)]) -> Result<(), PortError> {
        let (inner, evictions) = (self.inner.clone(), evictions.to_vec());
        self.ask_directory("request evictions", async move { inner.request_evictions(&evictions).await })
            .await
    }

    async fn add_interest(&self, interests: &[Interest]) -> Result<(), PortError> {
        let (inner, interests) = (self.inner.clone(), interests.to_vec());
        self.ask_directory("add interest", async move { inner.add_interest(&interests).await }).await
    }

    async fn drop_interest(&self, interests: &[Interest]) -> Result<(), PortError> {
        let (inner, interests) = (self.inner.clone(), interests.to_vec());
        self.ask_directory("drop interest", async move { inner.drop_interest(&interests).await }).await
    }

    async fn interested(&self, groups: &[GroupId]) -> Result<Vec<Vec<Boot>>, PortError> {
        let (inner, groups) = (self.inner.clone(), groups.to_vec());
        self.ask_directory("read interest", async move { inner.interested(&groups).await }).await
    }

    async fn reap(&self, boot: &Boot) -> Result<Reaped, PortError> {
        let (inner, boot) = (self.inner.clone(), boot.clone());
        self.ask_directory("reap a dead boot", async move { inner.reap(&boot).await }).await
    }

    fn state(&self) -> SeamState {
        self.inner.state()
    }
}
