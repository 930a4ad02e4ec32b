//! What every [`Directory`] must do, as checks that run one after the other against one of them.
//!
//! A check uses users, nodes and groups of its own, so a server may be shared and may remember earlier runs; one that wipes says so in its name.
//! What needs time to pass is waited for by looking again: under tokio's paused clock that takes none.
//! What a directory does when its server is away, hangs or refuses is tested where that server can be made to.

mod bindings;
mod boots;
mod claims;
mod interest;
mod racing;
mod reaping;
mod releases;
mod restores;

use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::time::{Instant, sleep};
use wire::id::{Boot, DeviceId, GroupId, NodeName, SessionId, UserId};
use wire::policy::DevicePolicy;

use crate::directory::{
    Binding, Claim, Claimed, Directory, Displaced, Fingerprint, Lease, LeaseTaken, NodeState, Restored, Slot,
};
use crate::{Ambient, PortError};

pub use self::bindings::*;
pub use self::boots::*;
pub use self::claims::*;
pub use self::interest::*;
pub use self::racing::*;
pub use self::reaping::*;
pub use self::releases::*;
pub use self::restores::*;

/// A directory to be checked, and the hand that wipes it.
#[async_trait]
pub trait DirectoryBed: Send + Sync {
    /// A client of it such as each process has one of its own.
    async fn directory(&self) -> Arc<dyn Directory>;

    /// Makes it forget everything, as a server does that is restarted empty.
    async fn wipe(&self);

    /// How long a lease lasts that a check lets run out: a check that takes one does its next two steps within it.
    fn ttl_short(&self) -> Duration;

    /// How long after its end a lease may be seen at most.
    fn patience(&self) -> Duration;
}

/// Longer than any run.
const TTL_LONG: Duration = Duration::from_secs(600);
/// Where a check does not ask for the limit of slots.
const SLOTS_MAX: usize = 8;
/// Between two looks.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Runs every check; panics in the one that fails.
pub async fn check_all(bed: &dyn DirectoryBed) {
    check_claims(bed).await;
    check_releases(bed).await;
    check_restores(bed).await;
    check_bindings(bed).await;
    check_boots(bed).await;
    check_interest(bed).await;
    check_reaping(bed).await;
    check_racing(bed).await;
}

/// One check's view of a directory: a client, and names that no other check has.
struct Stage {
    directory: Arc<dyn Directory>,
    ambient: Ambient,
    now_us: u64,
}

impl Stage {
    async fn new(bed: &dyn DirectoryBed) -> Stage {
        let mut stage = Stage { directory: bed.directory().await, ambient: Ambient::system(), now_us: 0 };
        let probe = stage.boot();
        stage.now_us = stage.take(&lease(&probe, "probe:1"), TTL_LONG).await;
        done("end the probe's lease", stage.directory.end_lease(&probe).await);
        stage
    }

    fn unique(&self) -> String {
        self.ambient.message_id().to_string()
    }

    fn boot(&self) -> Boot {
        self.boot_of(&parsed(&format!("node-{}", self.unique())))
    }

    fn boot_of(&self, node: &NodeName) -> Boot {
        Boot { node: node.clone(), nonce: self.ambient.nonce() }
    }

    fn user(&self) -> UserId {
        parsed(&format!("user-{}", self.unique()))
    }

    fn group(&self) -> GroupId {
        parsed(&format!("group-{}", self.unique()))
    }

    /// A login under policy `single`, whose deadline is far.
    fn login(&self, user: &UserId, boot: &Boot) -> Claim {
        let (session, device) = (self.ambient.session_id(), DeviceId::default());
        Claim {
            user: user.clone(),
            slot: Slot::of(DevicePolicy::Single, &device, session),
            session,
            device,
            boot: boot.clone(),
            since_ms: self.now_us / 1_000,
            deadline_us: self.far_us(),
            slots_max: SLOTS_MAX,
        }
    }

    /// A login under policy `per_device`.
    fn login_on(&self, user: &UserId, boot: &Boot, device: &str) -> Claim {
        let login = self.login(user, boot);
        let device: DeviceId = parsed(device);
        Claim { slot: Slot::of(DevicePolicy::PerDevice, &device, login.session), device, ..login }
    }

    /// Ten minutes from now, by the directory's clock.
    fn far_us(&self) -> u64 {
        self.now_us + 600_000_000
    }

    async fn take(&self, lease: &Lease, ttl: Duration) -> u64 {
        match self.directory.take_lease(lease, ttl).await {
            Ok(LeaseTaken::Taken { now_us }) => now_us,
            other => panic!("the lease must be ours: {other:?}"),
        }
    }

    async fn claim(&self, claim: &Claim) -> Claimed {
        done("claim", self.directory.claim(claim).await)
    }

    /// Claims, and gives the binding that stands then.
    async fn bind(&self, claim: &Claim) -> Binding {
        binding(claim, self.claim(claim).await.generation)
    }

    async fn release(&self, claim: &Claim) -> (bool, usize) {
        let released = self.directory.release(&claim.user, &claim.slot, claim.session).await;
        let released = done("release", released);
        (released.held, released.remaining)
    }

    async fn restore(&self, bindings: &[Binding]) -> Vec<Restored> {
        done("restore", self.directory.restore(bindings, self.far_us()).await)
    }

    /// The bindings of one user, the oldest login first.
    async fn bound(&self, user: &UserId) -> Vec<Binding> {
        let mut located = done("locate", self.directory.locate(std::slice::from_ref(user)).await);
        assert_eq!(located.len(), 1, "one answer for one user");
        let mut bindings = located.remove(0);
        bindings.sort_by_key(|binding| binding.generation);
        bindings
    }

    async fn sessions(&self, user: &UserId) -> Vec<SessionId> {
        self.bound(user).await.into_iter().map(|binding| binding.session).collect()
    }
}

fn lease(boot: &Boot, address: &str) -> Lease {
    Lease {
        boot: boot.clone(),
        address: address.to_owned(),
        sessions: 3,
        state: NodeState::Serving,
        fingerprint: Fingerprint {
            wire_min: 1,
            wire_max: 2,
            devices: "per_device".to_owned(),
            store: "none".to_owned(),
        },
    }
}

fn binding(claim: &Claim, generation: u64) -> Binding {
    Binding {
        user: claim.user.clone(),
        slot: claim.slot.clone(),
        session: claim.session,
        device: claim.device.clone(),
        boot: claim.boot.clone(),
        generation,
        since_ms: claim.since_ms,
    }
}

/// What is told of a binding that was displaced.
fn told(binding: &Binding) -> Displaced {
    Displaced {
        session: binding.session,
        slot: binding.slot.clone(),
        boot: binding.boot.clone(),
        generation: binding.generation,
    }
}

/// By generation: in which order the displaced are told is not promised.
fn sorted(mut displaced: Vec<Displaced>) -> Vec<Displaced> {
    displaced.sort_by_key(|displaced| displaced.generation);
    displaced
}

fn stands(restored: &[Restored]) -> Vec<Displaced> {
    match restored {
        [Restored::Stands { displaced }] => sorted(displaced.clone()),
        other => panic!("the binding must stand: {other:?}"),
    }
}

fn parsed<T: std::str::FromStr<Err: Debug>>(text: &str) -> T {
    match text.parse() {
        Ok(id) => id,
        Err(error) => panic!("{text:?}: {error:?}"),
    }
}

fn done<T>(what: &str, result: Result<T, PortError>) -> T {
    match result {
        Ok(value) => value,
        Err(error) => panic!("{what}: {}", error.chain()),
    }
}

/// Looks until it is true.
async fn eventually(what: &str, patience: Duration, mut look: impl AsyncFnMut() -> bool) {
    let deadline = Instant::now() + patience;
    while !look().await {
        assert!(Instant::now() < deadline, "{what}: not within {patience:?}");
        sleep(LOOK_EVERY).await;
    }
}
