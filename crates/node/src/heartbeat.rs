//! Keeps the node's lease, and does what follows from how it is: a new boot when it was lost, an end when its name is another's,
//! closing sessions when the directory stays away, catching up when another boot vanished.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use edge::Tasks;
use ports::directory::{Directory, Fingerprint, Lease, LeaseTaken, NodeState, RenewOutcome, Renewed};
use ports::{Ambient, PortError};
use tokio::time::Instant;
use wire::CloseCode;
use wire::id::{Boot, NodeName};

use crate::bindings::Bindings;
use crate::config::LeaseTimes;
use crate::events::{Event as Told, Events};
use crate::groups::Groups;
use crate::hub::Hub;
use crate::lease::View;
use crate::pace;
use crate::sweep::{Reason, Sweep};

/// Between two tries of writing everything again.
const RESTORE_RETRY: Duration = Duration::from_secs(1);

/// Why a node must end itself.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Ousted {
    /// Another process holds this node's name.
    #[error("{name} is {address}; set node.name")]
    NameHeld {
        /// The name.
        name: NodeName,
        /// Where its holder is.
        address: String,
    },
    /// This node cannot share the cluster with one that serves already.
    #[error("{node} serves already, and this node cannot share a cluster with it: {difference}")]
    Differs {
        /// The other.
        node: NodeName,
        /// What differs.
        difference: String,
    },
}

/// Keeps the lease.
pub struct Heartbeat {
    /// Time and chance.
    pub ambient: Ambient,
    /// The directory.
    pub directory: Arc<dyn Directory>,
    /// The view of the cluster, which this alone writes.
    pub view: Arc<View>,
    /// Who is here.
    pub hub: Arc<Hub>,
    /// The groups here.
    pub groups: Arc<Groups>,
    /// The directory's upkeep.
    pub bindings: Arc<Bindings>,
    /// Catching up.
    pub sweep: Arc<Sweep>,
    /// The voice.
    pub events: Events,
    /// Who owns what takes time.
    pub tasks: Tasks,
    /// How often, how long.
    pub times: LeaseTimes,
    /// An outage of the directory shorter than this has cost nothing.
    pub outage_tolerated: Duration,
    /// Over how long a crowd of sessions is closed.
    pub spread: Duration,
    /// Where this node's WebSocket listener is reached.
    pub address: String,
    /// What this node must agree on with the others.
    pub fingerprint: Fingerprint,
    /// True once the node empties itself.
    pub draining: Arc<AtomicBool>,
}

/// What the renewals remember from beat to beat.
struct Outage {
    /// When the lease was known to be ours for the last time.
    kept: Instant,
    /// Since when the directory does not answer.
    away: Option<Instant>,
    /// True once the sessions were closed because it stayed away.
    gave_up: bool,
}

/// What the upkeep remembers from beat to beat.
struct Memory {
    /// The nodes that were told of as not fitting.
    differing: BTreeSet<NodeName>,
    turn: u32,
    classic_keys_at: Instant,
}

impl Heartbeat {
    /// Looks before anything is touched: `Ok(Some)` while another process holds this node's name. Its inbox goes by the name too, and must be left to it.
    ///
    /// # Errors
    /// As [`Heartbeat::take`].
    pub async fn look_first(&self) -> Result<Option<Ousted>, TakeError> {
        self.compare().await?;
        let name = self.view.node();
        let held = self.view.live().into_iter().find(|lease| lease.boot.node == *name);
        // With the same address it is a predecessor: who listens there now is its successor.
        let held = held.filter(|lease| lease.address != self.address);
        Ok(held.map(|lease| Ousted::NameHeld { name: name.clone(), address: lease.address }))
    }

    /// Takes the lease: `Ok(None)` when it is ours, `Ok(Some)` when the name is another's for now.
    ///
    /// # Errors
    /// [`TakeError::Ousted`] when a node that serves already does not fit; it is compared before the lease is taken and once more after.
    pub async fn take(&self) -> Result<Option<Ousted>, TakeError> {
        self.compare().await?;
        let taken = self.directory.take_lease(&self.lease(), self.times.ttl).await?;
        match taken {
            LeaseTaken::Taken { now_us } => {
                self.view.told_time(now_us);
                if let Err(error) = self.compare().await {
                    self.directory.end_lease(&self.view.boot()).await?;
                    return Err(error);
                }
                Ok(None)
            }
            LeaseTaken::NameHeld { address, .. } => {
                Ok(Some(Ousted::NameHeld { name: self.view.node().clone(), address }))
            }
        }
    }

    /// Renews until the node has to end itself, and looks around beside it: no upkeep, however long, delays a renewal.
    pub async fn run(&self) -> Ousted {
        tokio::select! {
            biased;
            ousted = self.renew() => ousted,
            () = self.keep_up() => std::future::pending().await,
        }
    }

    async fn renew(&self) -> Ousted {
        let mut beats = self.beats();
        let mut memory = Outage { kept: Instant::now(), away: None, gave_up: false };
        loop {
            beats.tick().await;
            match self.directory.renew(&self.lease(), self.times.ttl).await {
                Ok(renewed) => {
                    if let Some(ousted) = self.renewed(renewed, &mut memory).await {
                        self.close_all(CloseCode::LeaseLost).await;
                        return ousted;
                    }
                }
                Err(error) => self.missed(&error, &mut memory),
            }
        }
    }

    async fn renewed(&self, renewed: Renewed, memory: &mut Outage) -> Option<Ousted> {
        self.view.told_time(renewed.now_us);
        for eviction in &renewed.evictions {
            self.bindings.evict_here(eviction, &self.view.boot());
        }
        if let Some(since) = memory.away.take() {
            memory.gave_up = false;
            let away = since.elapsed();
            if away >= self.outage_tolerated {
                self.events.tell(Told::DirectoryBack { away });
                self.sweep.request(Reason::DirectoryWasAway, away);
            }
        }
        match renewed.outcome {
            RenewOutcome::Kept => memory.kept = Instant::now(),
            RenewOutcome::Lost { why } => {
                if let Some(ousted) = self.be_reborn(&why, memory).await {
                    return Some(ousted);
                }
            }
            RenewOutcome::NameTaken { address } => {
                self.events.tell(Told::NameTaken { address: &address });
                return Some(Ousted::NameHeld { name: self.view.node().clone(), address });
            }
        }
        None
    }

    async fn keep_up(&self) {
        let mut beats = self.beats();
        let mut memory = Memory {
            differing: BTreeSet::new(),
            turn: 0,
            classic_keys_at: Instant::now() + self.times.classic_refresh,
        };
        loop {
            beats.tick().await;
            if let Err(error) = self.look_around(&mut memory).await {
                self.events.tell(Told::PortFailed { error: &error });
            }
        }
    }

    fn beats(&self) -> tokio::time::Interval {
        let mut beats = tokio::time::interval(self.times.renew);
        beats.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        beats
    }

    fn missed(&self, error: &PortError, memory: &mut Outage) {
        self.events.tell(Told::PortFailed { error });
        let away = memory.away.get_or_insert_with(Instant::now).elapsed();
        let grace = self.times.outage_grace;
        if !grace.is_zero() && away >= grace && !memory.gave_up {
            memory.gave_up = true;
            let (hub, spread) = (self.hub.clone(), self.spread);
            self.tasks.spawn(async move { pace::close_all(&hub, CloseCode::LeaseLost, spread).await });
        }
    }

    /// Takes another life: a new nonce, a new lease, and everything written again.
    async fn be_reborn(&self, why: &str, memory: &mut Outage) -> Option<Ousted> {
        let boot = Boot { node: self.view.node().clone(), nonce: self.ambient.nonce() };
        self.events.tell(Told::LeaseLost { boot: &boot, why });
        // Nothing is written under a boot without a lease: whoever meets it takes it for dead, and remembers that.
        match self.directory.take_lease(&self.lease_of(boot.clone()), self.times.ttl).await {
            Ok(LeaseTaken::Taken { now_us }) => self.view.told_time(now_us),
            Ok(LeaseTaken::NameHeld { address, .. }) => {
                self.events.tell(Told::NameTaken { address: &address });
                return Some(Ousted::NameHeld { name: self.view.node().clone(), address });
            }
            // The next renewal finds no lease, and this begins anew.
            Err(error) => {
                self.events.tell(Told::PortFailed { error: &error });
                return None;
            }
        }
        self.view.reborn(boot.clone());
        // Nothing was posted to a boot that was taken for dead: all that time is to be caught up with.
        let kept = std::mem::replace(&mut memory.kept, Instant::now());
        let (bindings, groups, hub, view) =
            (self.bindings.clone(), self.groups.clone(), self.hub.clone(), self.view.clone());
        let (sweep, events) = (self.sweep.clone(), self.events.clone());
        self.tasks.spawn(async move {
            // A later life writes everything again itself.
            while view.boot() == boot {
                let written = async {
                    groups.register_again().await?;
                    bindings.restore(&hub.all()).await
                };
                match written.await {
                    Ok((standing, superseded)) => {
                        events.tell(Told::BindingsRestored { standing, superseded });
                        sweep.request(Reason::Restored, kept.elapsed());
                        return;
                    }
                    Err(error) => {
                        events.tell(Told::PortFailed { error: &error });
                        tokio::time::sleep(RESTORE_RETRY).await;
                    }
                }
            }
            // It knows only of the time since this one began.
            sweep.request(Reason::Restored, kept.elapsed());
        });
        None
    }

    /// Who lives, who has died; and the small upkeep that each beat does a share of.
    async fn look_around(&self, memory: &mut Memory) -> Result<(), PortError> {
        let leases = self.directory.leases().await?;
        for vanished in self.view.looked(&leases) {
            if !vanished.drained {
                self.events.tell(Told::BootVanished { boot: &vanished.boot });
                self.sweep.request(Reason::BootVanished, self.times.ttl * 2);
            }
        }
        for lease in leases.live.iter().filter(|lease| lease.boot.node != *self.view.node()) {
            let difference = self.fingerprint.difference(&lease.fingerprint);
            if let Some(difference) = difference
                && memory.differing.insert(lease.boot.node.clone())
            {
                let (node, theirs) = (&lease.boot.node, &lease.fingerprint);
                self.events.tell(Told::FingerprintDiffers { node, theirs, difference: &difference });
            }
        }
        // The first by name removes what dead boots left; nothing depends on who it is.
        let first = leases.live.iter().map(|lease| &lease.boot.node).min();
        if first == Some(self.view.node()) {
            for dead in &leases.dead {
                self.reap(dead).await?;
            }
        }
        self.verify_some(memory).await?;
        let refresh = self.times.classic_refresh;
        if !refresh.is_zero() && Instant::now() >= memory.classic_keys_at {
            memory.classic_keys_at = Instant::now() + refresh;
            self.directory.refresh_classic_keys(self.view.node()).await?;
        }
        Ok(())
    }

    async fn reap(&self, dead: &Boot) -> Result<(), PortError> {
        let mut offline = 0;
        loop {
            let reaped = self.directory.reap(dead).await?;
            offline += reaped.offline.len();
            if !reaped.more {
                self.events.tell(Told::BootReaped { boot: dead, offline });
                return Ok(());
            }
        }
    }

    /// Verifies a share of the bindings, so that each comes round once in `verify_every`.
    async fn verify_some(&self, memory: &mut Memory) -> Result<(), PortError> {
        if self.times.verify_every.is_zero() {
            return Ok(());
        }
        let beats = self.times.verify_every.as_millis() / self.times.renew.as_millis().max(1);
        let shares = u32::try_from(beats).unwrap_or(u32::MAX).max(1);
        memory.turn = (memory.turn + 1) % shares;
        let mut share = self.hub.all();
        share.retain(|session| session.id.unix_ms() % u64::from(shares) == u64::from(memory.turn));
        self.bindings.restore(&share).await.map(|_stood| ())
    }

    async fn compare(&self) -> Result<(), TakeError> {
        let leases = self.directory.leases().await?;
        let others = leases.live.iter().filter(|lease| lease.boot.node != *self.view.node());
        for lease in others {
            if let Some(difference) = self.fingerprint.difference(&lease.fingerprint) {
                return Err(TakeError::Ousted(Ousted::Differs { node: lease.boot.node.clone(), difference }));
            }
        }
        self.view.looked(&leases);
        Ok(())
    }

    async fn close_all(&self, code: CloseCode) {
        pace::close_all(&self.hub, code, Duration::ZERO).await;
    }

    fn lease(&self) -> Lease {
        self.lease_of(self.view.boot())
    }

    fn lease_of(&self, boot: Boot) -> Lease {
        let draining = self.draining.load(Ordering::Relaxed);
        Lease {
            boot,
            address: self.address.clone(),
            sessions: self.hub.len() as u64,
            state: if draining { NodeState::Draining } else { NodeState::Serving },
            fingerprint: self.fingerprint.clone(),
        }
    }
}

/// Why a lease was not taken.
#[derive(Debug, thiserror::Error)]
pub enum TakeError {
    /// The node must not be here.
    #[error(transparent)]
    Ousted(#[from] Ousted),
    /// The directory did not answer.
    #[error(transparent)]
    Port(#[from] PortError),
}
