//! The directory that is a Redis server (6 or later, or a Valkey).
//!
//! One hash a user, one string that expires a boot's lease, one hash a group, and lists of what a boot has where. Every change of a user, a lease,
//! a name or a group is one script on one key, so that a cluster can follow; nothing depends on two keys being changed together:
//! what a boot has where is written before and removed after, and a reaper compares before it removes.
//!
//! Servers that restart, fail over or are wiped are noticed at the next renewal: by the lease that is gone or older than what was written last, or by the server's
//! `run_id`. It does not persist anything itself, does not speak TLS, and knows neither Sentinel nor Cluster yet.

mod boots;
mod call;
mod classic;
mod config;
mod connect;
mod interest;
mod keys;
mod link;
mod own_leases;
mod reap;
mod record;
mod scripts;
mod server_info;
mod users;

use std::time::Duration;

use async_trait::async_trait;
use ports::directory::{
    Binding, Claim, Claimed, Directory, Interest, Lease, LeaseTaken, Leases, Reaped, Released, Renewed,
    Restored, Slot,
};
use ports::{PortError, SeamState};
use wire::envelope::Eviction;
use wire::id::{Boot, GroupId, NodeName, SessionId, UserId};

use call::Call;
use classic::Classic;
pub use config::{CLASSIC_PREFIX, RedisDirectoryConfig};
use keys::Keys;
use link::Link;
use own_leases::OwnLeases;

/// A directory on a Redis server.
#[derive(Debug)]
pub struct RedisDirectory {
    link: Link,
    keys: Keys,
    classic: Option<Classic>,
    own_leases: OwnLeases,
}

impl RedisDirectory {
    /// Connects once. An error that may be over later is [`ports::Retry::After`]; a refused password or an unknown database is [`ports::Retry::Never`].
    pub async fn connect(config: RedisDirectoryConfig) -> Result<RedisDirectory, PortError> {
        let directory = RedisDirectory {
            keys: Keys::new(&config.prefix),
            classic: config.classic_prefix.clone().map(Classic::new),
            own_leases: OwnLeases::default(),
            link: Link::new(config),
        };
        directory.link.run(&Call::begin("connect"), vec![::redis::cmd("PING")]).await?;
        Ok(directory)
    }
}

#[async_trait]
impl Directory for RedisDirectory {
    async fn take_lease(&self, lease: &Lease, ttl: Duration) -> Result<LeaseTaken, PortError> {
        self.take_lease_as(&Call::begin("take a lease"), lease, ttl).await
    }

    async fn renew(&self, lease: &Lease, ttl: Duration) -> Result<Renewed, PortError> {
        self.renew_as(&Call::begin("renew a lease"), lease, ttl).await
    }

    async fn end_lease(&self, boot: &Boot) -> Result<(), PortError> {
        self.end_lease_as(&Call::begin("end a lease"), boot).await
    }

    async fn leases(&self) -> Result<Leases, PortError> {
        self.leases_as(&Call::begin("list the leases")).await
    }

    async fn lease(&self, boot: &Boot) -> Result<Option<Lease>, PortError> {
        self.lease_as(&Call::begin("read a lease"), boot).await
    }

    async fn claim(&self, claim: &Claim) -> Result<Claimed, PortError> {
        self.claim_as(&Call::begin("claim a slot"), claim).await
    }

    async fn restore(&self, bindings: &[Binding], deadline_us: u64) -> Result<Vec<Restored>, PortError> {
        self.restore_as(&Call::begin("write bindings again"), bindings, deadline_us).await
    }

    async fn release(&self, user: &UserId, slot: &Slot, session: SessionId) -> Result<Released, PortError> {
        self.release_as(&Call::begin("release a slot"), user, slot, session).await
    }

    async fn forget(&self, user: &UserId, session: SessionId, boot: &Boot) -> Result<(), PortError> {
        let call = Call::begin("forget a dead session");
        self.forget_as(&call, boot, vec![(session, user.clone())]).await.map(|_offline| ())
    }

    async fn locate(&self, users: &[UserId]) -> Result<Vec<Vec<Binding>>, PortError> {
        self.locate_as(&Call::begin("locate users"), users).await
    }

    async fn request_evictions(&self, evictions: &[(Boot, Eviction)]) -> Result<(), PortError> {
        self.request_evictions_as(&Call::begin("request evictions"), evictions).await
    }

    async fn add_interest(&self, interests: &[Interest]) -> Result<(), PortError> {
        self.add_interest_as(&Call::begin("add interest"), interests).await
    }

    async fn drop_interest(&self, interests: &[Interest]) -> Result<(), PortError> {
        self.drop_interest_as(&Call::begin("drop interest"), interests).await
    }

    async fn interested(&self, groups: &[GroupId]) -> Result<Vec<Vec<Boot>>, PortError> {
        self.interested_as(&Call::begin("read interest"), groups).await
    }

    async fn reap(&self, boot: &Boot) -> Result<Reaped, PortError> {
        self.reap_as(&Call::begin("reap a dead boot"), boot).await
    }

    async fn refresh_classic_keys(&self, node: &NodeName) -> Result<(), PortError> {
        self.refresh_classic_keys_as(&Call::begin("write the Java service's keys again"), node).await
    }

    fn state(&self) -> SeamState {
        self.link.state()
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
