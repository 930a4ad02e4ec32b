//! Which session holds which user, and which boots live. Everything in it is a lease; every change of a binding names its session.

use std::{fmt, str::FromStr, time::Duration};

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use wire::envelope::Eviction;
use wire::id::{BadId, Boot, DeviceId, GroupId, NodeName, SessionId, UserId};
use wire::policy::DevicePolicy;

use crate::{PortError, SeamState};

/// No call on a directory takes longer: a hanging directory must not pile up callers.
pub const CALL_LIMIT: Duration = Duration::from_secs(2);

/// Sessions of one user that are displaced and not confirmed; beyond it logins of that user are refused, as with an outage.
/// Far more than anybody has by accident, and a reply that lists them all is still small.
pub const DISPLACED_MAX: usize = 4_096;

/// Evictions in the list of one boot between two renewals; what finds it full is dropped, and the next claim tells of it again.
pub const EVICTIONS_MAX: usize = 10_000;

/// What only one session of a user may hold.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Slot(String);

impl Slot {
    /// The slot that a session takes under a device policy: the whole user, its device, or itself.
    pub fn of(policy: DevicePolicy, device: &DeviceId, session: SessionId) -> Slot {
        Slot(match policy {
            DevicePolicy::Single => "*".to_owned(),
            DevicePolicy::PerDevice => format!("d:{device}"),
            DevicePolicy::Many => format!("s:{session}"),
        })
    }

    /// The text of the slot, as a directory keeps it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Slot {
    type Err = BadId;
    fn from_str(text: &str) -> Result<Slot, BadId> {
        // Whatever a directory holds under a user is a slot: an unknown form is one that nobody claims.
        Ok(Slot(text.to_owned()))
    }
}

impl fmt::Display for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A session's place in the directory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Binding {
    /// Whose.
    pub user: UserId,
    /// Which slot of the user.
    pub slot: Slot,
    /// Which session holds it.
    pub session: SessionId,
    /// On which device.
    pub device: DeviceId,
    /// On which boot.
    pub boot: Boot,
    /// Grows with every claim of the user: of two sessions the one with the greater generation is the newer login.
    pub generation: u64,
    /// Since when, in milliseconds since 1970.
    pub since_ms: u64,
}

/// A login that asks for a slot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// Whose.
    pub user: UserId,
    /// Which slot.
    pub slot: Slot,
    /// For which session.
    pub session: SessionId,
    /// On which device.
    pub device: DeviceId,
    /// On which boot.
    pub boot: Boot,
    /// Since when, in milliseconds since 1970.
    pub since_ms: u64,
    /// After this moment, in microseconds of the directory's clock, the claim must not be carried out: its login has been refused by then.
    pub deadline_us: u64,
    /// How many slots of the user may be held; a claim of one more displaces the oldest login.
    pub slots_max: usize,
}

/// A claim that was carried out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claimed {
    /// The generation of the new binding.
    pub generation: u64,
    /// **Every** session that is displaced and has not confirmed by its own release that it is gone, whoever displaced it.
    pub displaced: Vec<Displaced>,
}

/// A session that no longer holds its slot, and may not know it yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Displaced {
    /// Which session.
    pub session: SessionId,
    /// The slot that it held.
    pub slot: Slot,
    /// On which boot.
    pub boot: Boot,
    /// Its generation.
    pub generation: u64,
}

/// What became of a binding that was written again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Restored {
    /// It stands in its slot, as it was or written anew; these are displaced and not confirmed.
    Stands {
        /// See [`Claimed::displaced`].
        displaced: Vec<Displaced>,
    },
    /// A newer login holds the slot: the session is to end with 4500.
    Superseded,
}

/// What became of a release.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Released {
    /// True when the session held its slot; false when another holds it, or none.
    pub held: bool,
    /// How many sessions of the user are bound now, displaced ones not counted.
    pub remaining: usize,
}

/// What all nodes of a cluster must agree on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fingerprint {
    /// The oldest wire version that the node reads.
    pub wire_min: u32,
    /// The newest wire version that the node reads.
    pub wire_max: u32,
    /// The device policy, as its word.
    pub devices: String,
    /// The epoch of the store, or `none`.
    pub store: String,
}

impl Fingerprint {
    /// What keeps two nodes from sharing a cluster, in words; `None` when nothing does.
    pub fn difference(&self, other: &Fingerprint) -> Option<String> {
        if self.wire_max < other.wire_min || other.wire_max < self.wire_min {
            return Some(format!(
                "wire versions {}-{} here, {}-{} there",
                self.wire_min, self.wire_max, other.wire_min, other.wire_max
            ));
        }
        if self.devices != other.devices {
            return Some(format!("ws.devices is {} here, {} there", self.devices, other.devices));
        }
        (self.store != other.store).then(|| match (self.store.as_str(), other.store.as_str()) {
            ("none", _) => "store is none here, a store there".to_owned(),
            (_, "none") => "store is a store here, none there".to_owned(),
            (ours, theirs) => format!("store has epoch {ours} here, {theirs} there: not the same database"),
        })
    }
}

/// Whether a node takes new sessions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NodeState {
    /// It does.
    Serving,
    /// It is emptying itself.
    Draining,
}

/// A boot's heartbeat, and what it says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lease {
    /// Which boot.
    pub boot: Boot,
    /// Where its WebSocket listener is reached, as `host:port`.
    pub address: String,
    /// Live sessions.
    pub sessions: u64,
    /// Whether it takes new ones.
    pub state: NodeState,
    /// What it must agree on with the others.
    pub fingerprint: Fingerprint,
}

/// What became of taking a lease.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LeaseTaken {
    /// The lease is ours; this is the directory's clock, in microseconds since 1970.
    Taken {
        /// The directory's clock.
        now_us: u64,
    },
    /// The node's name is under the live lease of another boot with another address.
    NameHeld {
        /// That boot.
        by: Boot,
        /// Its address.
        address: String,
    },
}

/// What came with a renewal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Renewed {
    /// How the lease is.
    pub outcome: RenewOutcome,
    /// The directory's clock, in microseconds since 1970.
    pub now_us: u64,
    /// The sessions of this boot that others have displaced since the last renewal. They are told once; again only where the first answer may have been lost.
    pub evictions: Vec<Eviction>,
}

/// How a lease is after its renewal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RenewOutcome {
    /// It goes on.
    Kept,
    /// It is gone, or not what was written last, or the server may have forgotten something: the node needs a new boot, and writes its bindings again.
    Lost {
        /// Which of these, for the log.
        why: String,
    },
    /// Another process holds the node's name.
    NameTaken {
        /// Its address.
        address: String,
    },
}

/// Which boots there are.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Leases {
    /// Those whose lease lives.
    pub live: Vec<Lease>,
    /// Those whose lease ran out and whose traces have not been reaped.
    pub dead: Vec<Boot>,
}

/// Interest of a boot in a group: the boot, and the number of the registration, which a withdrawal must name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Interest {
    /// Which group.
    pub group: GroupId,
    /// Which boot.
    pub boot: Boot,
    /// Grows with each registration of the same boot.
    pub registration: u64,
}

/// Which session holds which user.
///
/// Every call ends within [`CALL_LIMIT`], by an error if need be. Calls are atomic for one user, one boot or one group, never for more.
/// A call that failed may have been carried out all the same: every one of them can be repeated.
#[async_trait]
pub trait Directory: Send + Sync + 'static {
    /// Takes or takes over the lease of a boot for `ttl`, and the node's name with it.
    /// The name is taken over from another boot when that one's lease is gone or its address is the same.
    async fn take_lease(&self, lease: &Lease, ttl: Duration) -> Result<LeaseTaken, PortError>;

    /// Renews the lease of a boot, writes what it now says of itself, and empties its eviction list.
    async fn renew(&self, lease: &Lease, ttl: Duration) -> Result<Renewed, PortError>;

    /// Ends the lease of a boot at once and gives the name back, if they are its own; its bindings were released before. Removes it from the list of boots.
    /// What it has left all the same is removed as by [`Directory::reap`], without announcing anybody.
    async fn end_lease(&self, boot: &Boot) -> Result<(), PortError>;

    /// All boots.
    async fn leases(&self) -> Result<Leases, PortError>;

    /// The lease of one boot, if it lives.
    async fn lease(&self, boot: &Boot) -> Result<Option<Lease>, PortError>;

    /// Gives a slot to a session, whoever held it, with a generation of max(the user's latest + 1, the directory's clock in microseconds).
    /// Whoever is displaced is kept until [`Directory::release`] or [`Directory::forget`] names it.
    /// Refuses a claim after its deadline with [`crate::Retry::Now`].
    /// Repeated, it answers with the generation that the session has; one that was displaced meanwhile stays so, and finds itself among the displaced.
    async fn claim(&self, claim: &Claim) -> Result<Claimed, PortError>;

    /// Writes bindings again with their own generations, each until `deadline_us`; also tells whether they still stand. In the order given.
    /// An older session never displaces a newer one. A session that was displaced stays displaced until it is released.
    async fn restore(&self, bindings: &[Binding], deadline_us: u64) -> Result<Vec<Restored>, PortError>;

    /// Takes a session out of its slot if it holds it, and off the list of the displaced. Another's binding is not touched.
    /// A slot that is vacated goes back to the newest displaced session that held it, with that one's own generation.
    /// If there is none, the newest that was displaced by the limit of slots gets its own slot back, for there is room again.
    async fn release(&self, user: &UserId, slot: &Slot, session: SessionId) -> Result<Released, PortError>;

    /// Removes what is left of a session of a dead boot, bound or displaced, if both session and boot are as given.
    /// A vacated slot goes back as with [`Directory::release`].
    async fn forget(&self, user: &UserId, session: SessionId, boot: &Boot) -> Result<(), PortError>;

    /// The bindings of each user, in the order given; those of dead boots too, the displaced ones not.
    async fn locate(&self, users: &[UserId]) -> Result<Vec<Vec<Binding>>, PortError>;

    /// Writes evictions into the lists of the boots that hold the sessions.
    async fn request_evictions(&self, evictions: &[(Boot, Eviction)]) -> Result<(), PortError>;

    /// Registers interest in groups. A registration with a lower number than the present one of the same boot changes nothing.
    async fn add_interest(&self, interests: &[Interest]) -> Result<(), PortError>;

    /// Withdraws interest, if the registration is the one named.
    async fn drop_interest(&self, interests: &[Interest]) -> Result<(), PortError>;

    /// The boots interested in each group, in the order given; dead ones too.
    async fn interested(&self, groups: &[GroupId]) -> Result<Vec<Vec<Boot>>, PortError>;

    /// Removes some of what a dead boot has left: its bindings by comparing session and boot, its interest, and in the end the boot itself.
    /// Returns the users whose last session this was, and whether something is left. Does nothing for a boot whose lease lives.
    async fn reap(&self, boot: &Boot) -> Result<Reaped, PortError>;

    /// For a directory that also keeps the older Java service's keys: writes those of this node's users again where they are absent.
    async fn refresh_classic_keys(&self, node: &NodeName) -> Result<(), PortError> {
        let _ = node;
        Ok(())
    }

    /// True where every call is answered at once, without a wait: then nothing is gained by gathering questions for one call.
    fn answers_at_once(&self) -> bool {
        false
    }

    /// How the directory is.
    fn state(&self) -> SeamState;
}

/// See [`Directory::reap`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reaped {
    /// The users that went offline by it.
    pub offline: Vec<UserId>,
    /// True when another call is needed.
    pub more: bool,
}
