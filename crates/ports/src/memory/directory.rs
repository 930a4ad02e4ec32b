//! The directory of one process: its nodes share one, and every call on it is atomic.
//!
//! Its clock is the ambient one and its maps are sorted, so under a simulated clock a run can be repeated exactly.
//! It can be cut off and mended, wiped, and put back to what it was, so that tests and simulations see what an outage, a loss or a failover of a real one does.
//! It does not expire by timers of its own: what has run out is noticed by whoever asks.

mod boots;
mod user_slots;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use wire::envelope::Eviction;
use wire::id::{Boot, GroupId, SessionId, UserId};

use self::boots::{Boots, NameClash};
use self::user_slots::{TooManyDisplaced, UserSlots};
use crate::directory::{
    Binding, Claim, Claimed, Directory, Interest, Lease, LeaseTaken, Leases, Reaped, Released, RenewOutcome,
    Renewed, Restored, Slot,
};
use crate::{Ambient, PortError, Retry, Seam, SeamState};

/// Traces that one call of [`Directory::reap`] removes at most: other calls wait for no more than these.
const REAP_BATCH_MAX: usize = 500;

/// A directory in memory. Clones are the same directory.
#[derive(Debug, Clone)]
pub struct MemoryDirectory {
    ambient: Ambient,
    state: Arc<Mutex<State>>,
}

/// What a directory held at some moment.
#[derive(Debug, Clone)]
pub struct Snapshot(State);

#[derive(Debug, Clone, Default)]
struct State {
    is_cut: bool,
    boots: Boots,
    users: BTreeMap<UserId, UserSlots>,
    interest: BTreeMap<GroupId, BTreeMap<Boot, u64>>,
}

impl MemoryDirectory {
    /// An empty one, whose clock is that of `ambient`.
    pub fn new(ambient: Ambient) -> MemoryDirectory {
        MemoryDirectory { ambient, state: Arc::default() }
    }

    /// Begins an outage: every call fails and changes nothing.
    pub fn cut(&self) {
        self.lock().is_cut = true;
    }

    /// Ends an outage.
    pub fn mend(&self) {
        self.lock().is_cut = false;
    }

    /// Forgets everything, as a server does that is restarted empty.
    pub fn wipe(&self) {
        let mut state = self.lock();
        *state = State { is_cut: state.is_cut, ..State::default() };
    }

    /// What it holds now.
    pub fn snapshot(&self) -> Snapshot {
        Snapshot(self.lock().clone())
    }

    /// Holds what it held once, as a replica does that takes over and has not heard of what came last.
    pub fn fall_back_to(&self, snapshot: Snapshot) {
        let mut state = self.lock();
        *state = State { is_cut: state.is_cut, ..snapshot.0 };
    }

    fn now_us(&self) -> u64 {
        self.ambient.clock.unix_ms().saturating_mul(1_000)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn open(&self, during: &'static str) -> Result<MutexGuard<'_, State>, PortError> {
        let state = self.lock();
        if state.is_cut { Err(PortError::outage(Seam::Directory, during, "cut off")) } else { Ok(state) }
    }

    fn check_deadline(&self, during: &'static str, deadline_us: u64) -> Result<(), PortError> {
        if self.now_us() <= deadline_us {
            return Ok(());
        }
        let source = Some("its deadline had passed".into());
        Err(PortError { seam: Seam::Directory, during, retry: Retry::Now, source })
    }
}

#[async_trait]
impl Directory for MemoryDirectory {
    async fn take_lease(&self, lease: &Lease, ttl: Duration) -> Result<LeaseTaken, PortError> {
        let mut state = self.open("take a lease")?;
        let now = self.ambient.clock.now();
        match state.boots.take(lease, now, now + ttl) {
            Ok(()) => Ok(LeaseTaken::Taken { now_us: self.now_us() }),
            Err(NameClash { by, address }) => Ok(LeaseTaken::NameHeld { by, address }),
        }
    }

    async fn renew(&self, lease: &Lease, ttl: Duration) -> Result<Renewed, PortError> {
        let mut state = self.open("renew a lease")?;
        let now = self.ambient.clock.now();
        let outcome = state.boots.renew(lease, now, now + ttl);
        let evictions = match outcome {
            RenewOutcome::Kept => state.boots.take_evictions(&lease.boot),
            RenewOutcome::Lost { .. } | RenewOutcome::NameTaken { .. } => Vec::new(),
        };
        Ok(Renewed { outcome, now_us: self.now_us(), evictions })
    }

    async fn end_lease(&self, boot: &Boot) -> Result<(), PortError> {
        let mut state = self.open("end a lease")?;
        state.boots.end_lease(boot);
        while state.remove_traces(boot).more {}
        Ok(())
    }

    async fn leases(&self) -> Result<Leases, PortError> {
        Ok(self.open("list the leases")?.boots.leases(self.ambient.clock.now()))
    }

    async fn lease(&self, boot: &Boot) -> Result<Option<Lease>, PortError> {
        Ok(self.open("read a lease")?.boots.live(boot, self.ambient.clock.now()).cloned())
    }

    async fn claim(&self, claim: &Claim) -> Result<Claimed, PortError> {
        let during = "claim a slot";
        let mut state = self.open(during)?;
        self.check_deadline(during, claim.deadline_us)?;
        let slots = state.users.entry(claim.user.clone()).or_default();
        let claimed = slots
            .claim(claim, self.now_us())
            .map_err(|error: TooManyDisplaced| PortError::outage(Seam::Directory, during, error))?;
        state.boots.note_user(&claim.boot, &claim.user);
        Ok(claimed)
    }

    async fn restore(&self, bindings: &[Binding], deadline_us: u64) -> Result<Vec<Restored>, PortError> {
        let during = "write bindings again";
        let mut state = self.open(during)?;
        self.check_deadline(during, deadline_us)?;
        let mut restored = Vec::with_capacity(bindings.len());
        for binding in bindings {
            state.boots.note_user(&binding.boot, &binding.user);
            restored.push(state.users.entry(binding.user.clone()).or_default().restore(binding));
            state.tidy_user(&binding.user, &binding.boot);
        }
        Ok(restored)
    }

    async fn release(&self, user: &UserId, slot: &Slot, session: SessionId) -> Result<Released, PortError> {
        let mut state = self.open("release a slot")?;
        let Some(slots) = state.users.get_mut(user) else {
            return Ok(Released { held: false, remaining: 0 });
        };
        let (leaver, held) = slots.release(slot, session);
        let remaining = slots.bound().count();
        if let Some(leaver) = leaver {
            state.tidy_user(user, &leaver.boot);
        }
        Ok(Released { held, remaining })
    }

    async fn forget(&self, user: &UserId, session: SessionId, boot: &Boot) -> Result<(), PortError> {
        let mut state = self.open("forget a dead session")?;
        if let Some(slots) = state.users.get_mut(user) {
            slots.forget(session, boot);
            state.tidy_user(user, boot);
        }
        Ok(())
    }

    async fn locate(&self, users: &[UserId]) -> Result<Vec<Vec<Binding>>, PortError> {
        let state = self.open("locate users")?;
        let bound = |user| state.users.get(user).map(|slots| slots.bound().cloned().collect());
        Ok(users.iter().map(|user| bound(user).unwrap_or_default()).collect())
    }

    async fn request_evictions(&self, evictions: &[(Boot, Eviction)]) -> Result<(), PortError> {
        let mut state = self.open("request evictions")?;
        for (boot, eviction) in evictions {
            state.boots.request_eviction(boot, eviction);
        }
        Ok(())
    }

    async fn add_interest(&self, interests: &[Interest]) -> Result<(), PortError> {
        let mut state = self.open("add interest")?;
        for Interest { group, boot, registration } in interests {
            state.boots.note_group(boot, group);
            let number = state.interest.entry(group.clone()).or_default().entry(boot.clone()).or_default();
            *number = (*number).max(*registration);
        }
        Ok(())
    }

    async fn drop_interest(&self, interests: &[Interest]) -> Result<(), PortError> {
        let mut state = self.open("drop interest")?;
        for Interest { group, boot, registration } in interests {
            if state.interest.get(group).and_then(|boots| boots.get(boot)) == Some(registration) {
                state.remove_interest(group, boot);
                state.boots.unnote_group(boot, group);
            }
        }
        Ok(())
    }

    async fn interested(&self, groups: &[GroupId]) -> Result<Vec<Vec<Boot>>, PortError> {
        let state = self.open("read interest")?;
        let boots = |group| state.interest.get(group).map(|boots| boots.keys().cloned().collect());
        Ok(groups.iter().map(|group| boots(group).unwrap_or_default()).collect())
    }

    async fn reap(&self, boot: &Boot) -> Result<Reaped, PortError> {
        let mut state = self.open("reap a dead boot")?;
        if state.boots.live(boot, self.ambient.clock.now()).is_some() {
            return Ok(Reaped::default());
        }
        Ok(state.remove_traces(boot))
    }

    fn answers_at_once(&self) -> bool {
        true
    }

    fn state(&self) -> SeamState {
        if self.lock().is_cut { SeamState::down("cut off") } else { SeamState::up() }
    }
}

impl State {
    /// Removes some of what a boot has left, and in the end the boot itself.
    fn remove_traces(&mut self, boot: &Boot) -> Reaped {
        let (users, groups) = self.boots.take_traces(boot, REAP_BATCH_MAX);
        let more = !users.is_empty() || !groups.is_empty();
        let mut offline = Vec::new();
        for user in users {
            let Some(slots) = self.users.get_mut(&user) else { continue };
            if slots.forget_all(boot) && slots.bound().next().is_none() {
                offline.push(user.clone());
            }
            self.tidy_user(&user, boot);
        }
        for group in groups {
            self.remove_interest(&group, boot);
        }
        if !more {
            self.boots.remove(boot);
        }
        Reaped { offline, more }
    }

    fn remove_interest(&mut self, group: &GroupId, boot: &Boot) {
        let Some(boots) = self.interest.get_mut(group) else { return };
        boots.remove(boot);
        if boots.is_empty() {
            self.interest.remove(group);
        }
    }

    /// Keeps no trace of what is gone.
    fn tidy_user(&mut self, user: &UserId, boot: &Boot) {
        let slots = self.users.get(user);
        if slots.is_none_or(|slots| !slots.has_any_of(boot)) {
            self.boots.unnote_user(boot, user);
        }
        if slots.is_some_and(UserSlots::is_empty) {
            self.users.remove(user);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::directory::{DirectoryBed, check_all};

    /// In July 2023.
    const START_MS: u64 = 1_690_000_000_000;

    fn boot() -> Boot {
        Boot { node: "node-1".parse().unwrap(), nonce: Ambient::system().nonce() }
    }

    #[async_trait]
    impl DirectoryBed for MemoryDirectory {
        async fn directory(&self) -> Arc<dyn Directory> {
            Arc::new(self.clone())
        }

        async fn wipe(&self) {
            MemoryDirectory::wipe(self);
        }

        fn ttl_short(&self) -> Duration {
            Duration::from_secs(15)
        }

        fn patience(&self) -> Duration {
            Duration::from_millis(100)
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_directory_in_memory_keeps_the_contract() {
        check_all(&MemoryDirectory::new(Ambient::simulated(START_MS, 1))).await;
    }

    #[tokio::test]
    async fn nothing_remains_of_what_is_gone() {
        let directory = MemoryDirectory::new(Ambient::system());
        let ambient = Ambient::system();
        let boot = boot();
        let (user, group): (UserId, GroupId) = ("1".parse().unwrap(), "g".parse().unwrap());
        let claims = [(); 3].map(|()| {
            let (session, device) = (ambient.session_id(), wire::id::DeviceId::default());
            let slot = Slot::of(wire::policy::DevicePolicy::Single, &device, session);
            let (user, boot) = (user.clone(), boot.clone());
            Claim { user, slot, session, device, boot, since_ms: 1, deadline_us: u64::MAX, slots_max: 8 }
        });
        let interest = Interest { group, boot: boot.clone(), registration: 1 };
        for claim in &claims {
            directory.claim(claim).await.unwrap();
        }
        directory.add_interest(std::slice::from_ref(&interest)).await.unwrap();
        for claim in &claims {
            directory.release(&user, &claim.slot, claim.session).await.unwrap();
        }
        directory.drop_interest(&[interest]).await.unwrap();
        let mut state = directory.lock();
        assert!(state.users.is_empty() && state.interest.is_empty());
        assert_eq!(state.boots.take_traces(&boot, REAP_BATCH_MAX), (vec![], vec![]));
    }

    #[tokio::test]
    async fn a_directory_that_falls_back_has_forgotten_what_came_last() {
        let directory = MemoryDirectory::new(Ambient::system());
        let (boot, groups): (Boot, [GroupId; 1]) = (boot(), ["g".parse().unwrap()]);
        let before = directory.snapshot();
        let interest = Interest { group: groups[0].clone(), boot: boot.clone(), registration: 1 };
        directory.add_interest(&[interest]).await.unwrap();
        assert_eq!(directory.interested(&groups).await.unwrap(), [[boot]]);
        directory.fall_back_to(before);
        assert_eq!(directory.interested(&groups).await.unwrap(), [[]]);
    }

    #[tokio::test]
    async fn a_directory_that_is_cut_off_fails_and_changes_nothing() {
        let directory = MemoryDirectory::new(Ambient::system());
        directory.cut();
        let user: UserId = "1".parse().unwrap();
        let error = directory.locate(std::slice::from_ref(&user)).await.unwrap_err();
        assert!(matches!(error.retry, Retry::After(_)) && !directory.state().up);
        directory.mend();
        assert_eq!(directory.locate(&[user]).await.unwrap(), [[]]);
        assert!(directory.state().up);
    }
}
