//! Keeps the directory true of this node's sessions: claims a slot, writes bindings again, releases them.
//!
//! No binding is changed without naming its session. What the directory does not answer is repeated until it does: a release, an eviction,
//! the removal of what a dead boot left.

use std::sync::Arc;
use std::time::Duration;

use edge::Tasks;
use ports::bus::Address;
use ports::directory::{Binding, Claim, Directory, Displaced, Restored};
use ports::{PortError, Retry, Seam};
use tokio::sync::Semaphore;
use tokio::time::Instant;
use wire::CloseCode;
use wire::envelope::{Body, Eviction};
use wire::id::{Boot, SessionId, UserId};

use crate::config::{Config, LeaseTimes};
use crate::events::{Event as Told, Events};
use crate::fault::Point;
use crate::hub::Hub;
use crate::lease::View;
use crate::post::{Letter, Post};
#[cfg(feature = "sabotage")]
use crate::sabotage::Sabotage;
use crate::session::Session;
use crate::session::event::Event;
use crate::trial::Trial;

/// Calls of this file under way at once: a crowd that leaves must not crowd out those who arrive.
const CHORES_IN_FLIGHT: usize = 64;
/// Between two tries of what must be answered.
const CHORE_RETRY: Duration = Duration::from_millis(500);
/// Bindings of one call when they are written again.
const RESTORE_BATCH: usize = 100;

/// Keeps the directory true.
pub struct Bindings {
    directory: Arc<dyn Directory>,
    view: Arc<View>,
    hub: Arc<Hub>,
    post: Post,
    events: Events,
    tasks: Tasks,
    chores: Arc<Semaphore>,
    times: LeaseTimes,
    slots_max: usize,
    trial: Trial,
}

impl Bindings {
    /// Keeps `directory` true of the sessions in `hub`.
    pub fn new(
        directory: Arc<dyn Directory>,
        view: Arc<View>,
        hub: Arc<Hub>,
        post: Post,
        events: Events,
        tasks: Tasks,
        config: &Config,
        trial: Trial,
    ) -> Arc<Bindings> {
        let chores = Arc::new(Semaphore::new(CHORES_IN_FLIGHT));
        let (times, slots_max) = (config.lease, config.limits.devices_max);
        Arc::new(Bindings { directory, view, hub, post, events, tasks, chores, times, slots_max, trial })
    }

    /// Claims the slot of a session that is in the hub, and sees to it that whoever it displaces is told.
    ///
    /// # Errors
    /// The login is refused then; the claim may have been carried out all the same, so its release is repeated until it is answered.
    ///
    /// # Cancel safety
    /// A call that is dropped goes on by itself; where its session is no longer in the hub by then, its place is given up again.
    pub async fn claim(self: &Arc<Self>, session: &Arc<Session>) -> Result<(), PortError> {
        let (this, claiming) = (self.clone(), session.clone());
        let claimed = self.tasks.spawn(async move {
            let claimed = this.claim_now(&claiming).await;
            // A login that is refused may have been carried out all the same.
            if claimed.is_err() || this.hub.find(&claiming.user, claiming.id).is_none() {
                this.release(&claiming);
            }
            claimed
        });
        claimed.await.unwrap_or_else(|panicked| {
            self.events.tell(Told::Defect { what: "a claim did not come to its end" });
            Err(PortError::outage(Seam::Directory, "claim a slot", panicked))
        })
    }

    async fn claim_now(self: &Arc<Self>, session: &Arc<Session>) -> Result<(), PortError> {
        let boot = self.view.boot();
        let claim = Claim {
            user: session.user.clone(),
            slot: session.slot.clone(),
            session: session.id,
            device: session.device.clone(),
            boot: boot.clone(),
            since_ms: session.arrived_ms,
            deadline_us: self.view.now_us() + micros(self.times.claim_limit),
            slots_max: self.slots_max,
        };
        let limited = tokio::time::timeout(self.times.claim_limit, self.directory.claim(&claim)).await;
        let claimed = limited.unwrap_or_else(|_| {
            Err(PortError::timed_out(Seam::Directory, "claim a slot", self.times.claim_limit))
        });
        let claimed = claimed?;
        self.trial.faults.pass(Point::AfterClaim).await;
        session.claimed(claimed.generation);
        // Whoever is gone by now has come to nobody's place: his release gives it back.
        if self.hub.find(&session.user, session.id).is_some() {
            self.evict(&session.user, claimed.displaced);
        }
        // The boot may have changed while the claim was under way: it is written again under the new one.
        if self.view.boot() != boot {
            self.restore(std::slice::from_ref(session)).await?;
        }
        Ok(())
    }

    /// True while the directory has a session in its place.
    pub async fn has_its_place(&self, session: &Session) -> Result<bool, PortError> {
        let located = self.directory.locate(std::slice::from_ref(&session.user)).await?;
        Ok(located.into_iter().flatten().any(|binding| binding.session == session.id))
    }

    /// Gives the place of an ended session up, sooner or later.
    pub fn release(self: &Arc<Self>, session: &Arc<Session>) {
        self.begin(Chore::Release(session.clone()));
    }

    /// Removes what a dead boot left of a session.
    pub fn forget(self: &Arc<Self>, binding: &Binding) {
        self.forget_session(binding.user.clone(), binding.session, binding.boot.clone());
    }

    /// Ends a session of this node because another has its slot.
    pub fn evict_here(self: &Arc<Self>, eviction: &Eviction, boot_of_session: &Boot) {
        #[cfg(feature = "sabotage")]
        if self.trial.sabotaged.is(Sabotage::EvictByUser) {
            for session in self.hub.of_user(&eviction.user) {
                session.apply(Event::Evict(eviction.close_code()), Instant::now());
            }
            return;
        }
        match self.hub.find(&eviction.user, eviction.session) {
            Some(session) => session.apply(Event::Evict(eviction.close_code()), Instant::now()),
            // It is gone, and its release may have been lost with another life of this node.
            None => self.forget_session(eviction.user.clone(), eviction.session, boot_of_session.clone()),
        }
    }

    /// Has a session ended on whatever node it is.
    pub fn evict_there(self: &Arc<Self>, boot: Boot, eviction: Eviction) {
        self.begin(Chore::Evict(boot.clone(), eviction.clone()));
        let this = self.clone();
        self.tasks.spawn(async move {
            let letter = Letter {
                to: Address::Node(boot.node),
                key: eviction.user.as_str().into(),
                body: Body::Evict(eviction),
                hop: 0,
            };
            // Only faster than the eviction list: a failed post has been told, and nothing depends on it.
            let _told = this.post.post(vec![letter]).await;
        });
    }

    /// Writes the bindings of sessions again under the present boot; superseded ones are ended with 4500.
    /// Returns how many stand and how many were superseded.
    pub async fn restore(self: &Arc<Self>, sessions: &[Arc<Session>]) -> Result<(usize, usize), PortError> {
        let (mut standing, mut superseded) = (0, 0);
        for (idx, batch) in sessions.chunks(RESTORE_BATCH).enumerate() {
            if idx > 0 {
                // So that a directory that just came back is not drowned.
                tokio::time::sleep(self.restore_pause()).await;
            }
            let boot = self.view.boot();
            let claimed: Vec<(&Arc<Session>, Binding)> =
                batch.iter().filter_map(|session| Some((session, session.binding(boot.clone())?))).collect();
            let bindings: Vec<Binding> = claimed.iter().map(|(_, binding)| binding.clone()).collect();
            if bindings.is_empty() {
                continue;
            }
            let deadline_us = self.view.now_us() + micros(self.times.claim_limit);
            let restored = self.directory.restore(&bindings, deadline_us).await;
            for (session, _) in &claimed {
                // It may have ended meanwhile, and its release may have come before this, answered or not.
                if self.hub.find(&session.user, session.id).is_none() {
                    self.release(session);
                }
            }
            for ((session, _), restored) in claimed.into_iter().zip(restored?) {
                match restored {
                    Restored::Stands { displaced } => {
                        standing += 1;
                        self.evict(&session.user, displaced);
                    }
                    Restored::Superseded => {
                        superseded += 1;
                        session.apply(Event::Evict(CloseCode::Replaced), Instant::now());
                    }
                }
            }
        }
        Ok((standing, superseded))
    }

    fn restore_pause(&self) -> Duration {
        let batch = Duration::from_secs(RESTORE_BATCH as u64);
        batch.checked_div(self.times.rewrites_per_second).unwrap_or_default()
    }

    /// Sees to it that displaced sessions end.
    fn evict(self: &Arc<Self>, user: &UserId, displaced: Vec<Displaced>) {
        if displaced.is_empty() {
            return;
        }
        self.events.tell(Told::SessionsDisplaced { user, count: displaced.len() });
        for displaced in displaced {
            let eviction = Eviction {
                user: user.clone(),
                session: displaced.session,
                code: CloseCode::Replaced.number(),
            };
            if displaced.boot.node == *self.view.node() {
                self.evict_here(&eviction, &displaced.boot);
                continue;
            }
            self.begin(Chore::Displace(displaced.boot, eviction));
        }
    }

    fn forget_session(self: &Arc<Self>, user: UserId, session: SessionId, boot: Boot) {
        self.begin(Chore::Forget(user, session, boot));
    }

    /// Does something until the directory has answered.
    fn begin(self: &Arc<Self>, chore: Chore) {
        let this = self.clone();
        self.tasks.spawn(async move {
            loop {
                let Ok(permit) = this.chores.acquire().await else { return };
                match this.perform(&chore).await {
                    Ok(()) => return,
                    Err(error) => {
                        this.events.tell(Told::PortFailed { error: &error });
                        if error.retry == Retry::Never {
                            return;
                        }
                    }
                }
                drop(permit);
                tokio::time::sleep(CHORE_RETRY).await;
            }
        });
    }

    async fn perform(self: &Arc<Self>, chore: &Chore) -> Result<(), PortError> {
        match chore {
            #[cfg(feature = "sabotage")]
            Chore::Release(session) if self.trial.sabotaged.is(Sabotage::ReleaseWithoutSession) => {
                self.release_whoever_is_there(session).await
            }
            Chore::Release(session) => {
                self.trial.faults.pass(Point::BeforeRelease).await;
                let released = self.directory.release(&session.user, &session.slot, session.id).await;
                released.map(|_released| ())
            }
            Chore::Displace(boot, eviction) => {
                if self.view.is_alive(boot, &*self.directory).await? {
                    self.evict_there(boot.clone(), eviction.clone());
                } else {
                    self.forget_session(eviction.user.clone(), eviction.session, boot.clone());
                }
                Ok(())
            }
            Chore::Evict(boot, eviction) => {
                self.directory.request_evictions(&[(boot.clone(), eviction.clone())]).await
            }
            Chore::Forget(user, session, boot) => self.directory.forget(user, *session, boot).await,
        }
    }

    #[cfg(feature = "sabotage")]
    async fn release_whoever_is_there(&self, session: &Session) -> Result<(), PortError> {
        let located = self.directory.locate(std::slice::from_ref(&session.user)).await?;
        for binding in located.into_iter().flatten().filter(|binding| binding.slot == session.slot) {
            self.directory.release(&binding.user, &binding.slot, binding.session).await?;
        }
        // The directory has given the slot back to the one that was displaced from it.
        self.directory.release(&session.user, &session.slot, session.id).await.map(|_released| ())
    }
}

/// What is repeated until the directory has answered.
#[derive(Debug)]
enum Chore {
    /// Give a session's place up.
    Release(Arc<Session>),
    /// End a displaced session of another node, or remove what is left of it where that node is dead.
    Displace(Boot, Eviction),
    /// Write an eviction into the list of a boot.
    Evict(Boot, Eviction),
    /// Remove what a dead boot left of a session.
    Forget(UserId, SessionId, Boot),
}

impl std::fmt::Debug for Bindings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Bindings").field("node", self.view.node()).finish_non_exhaustive()
    }
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}
