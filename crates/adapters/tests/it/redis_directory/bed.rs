//! A Redis of its own for a test, directories on it, and the small words that tests of directories are made of.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use adapters::directory::{RedisDirectory, RedisDirectoryConfig};
use async_trait::async_trait;
use ports::contract::directory::DirectoryBed;
use ports::directory::{
    Binding, Claim, Directory, Fingerprint, Lease, LeaseTaken, NodeState, RenewOutcome, Slot,
};
use ports::{Ambient, PortError, Retry};
use testkit::servers::{Redis, Reply};
use wire::id::{Boot, DeviceId, UserId};
use wire::policy::DevicePolicy;

/// For what heals by itself, on a busy machine.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);
/// Longer than any test.
pub(super) const TTL: Duration = Duration::from_secs(600);

/// A Redis, and a user's or a node's view of it.
pub(super) struct Bed {
    pub(super) redis: Redis,
    pub(super) ambient: Ambient,
}

impl Bed {
    pub(super) async fn start() -> Bed {
        Bed::start_with(&[]).await
    }

    pub(super) async fn start_with(settings: &[(&str, &str)]) -> Bed {
        Bed { redis: Redis::start_with(settings).await, ambient: Ambient::system() }
    }

    pub(super) async fn connect(&self) -> RedisDirectory {
        connect(config(&[&self.redis])).await.unwrap()
    }

    pub(super) fn boot(&self, node: &str) -> Boot {
        Boot { node: node.parse().unwrap(), nonce: self.ambient.nonce() }
    }

    /// A login under policy `single` that may be carried out at any time.
    pub(super) fn login(&self, user: &str, boot: &Boot) -> Claim {
        let (session, device) = (self.ambient.session_id(), DeviceId::default());
        Claim {
            user: user.parse().unwrap(),
            slot: Slot::of(DevicePolicy::Single, &device, session),
            session,
            device,
            boot: boot.clone(),
            since_ms: 1_690_000_000_000,
            deadline_us: u64::from(u32::MAX) * 1_000_000,
            slots_max: 8,
        }
    }

    /// A login under policy `per_device`.
    pub(super) fn login_on(&self, user: &str, boot: &Boot, device: &str) -> Claim {
        let login = self.login(user, boot);
        let device: DeviceId = device.parse().unwrap();
        Claim { slot: Slot::of(DevicePolicy::PerDevice, &device, login.session), device, ..login }
    }

    pub(super) async fn command(&self, words: &[&str]) -> Reply {
        let reply = self.redis.command(words).await;
        assert!(!matches!(reply, Reply::Error(_)), "{words:?}: {reply:?}");
        reply
    }

    pub(super) async fn get(&self, key: &str) -> Option<String> {
        match self.command(&["GET", key]).await {
            Reply::Bulk(text) => Some(text),
            Reply::Nil => None,
            other => panic!("{key}: {other:?}"),
        }
    }
}

#[async_trait]
impl DirectoryBed for Bed {
    async fn directory(&self) -> Arc<dyn Directory> {
        Arc::new(self.connect().await)
    }

    async fn wipe(&self) {
        self.redis.flush_all().await;
    }

    fn ttl_short(&self) -> Duration {
        Duration::from_millis(1_500)
    }

    fn patience(&self) -> Duration {
        PATIENCE
    }
}

pub(super) fn config(servers: &[&Redis]) -> RedisDirectoryConfig {
    let host = |redis: &&Redis| (redis.address().ip().to_string(), redis.address().port());
    RedisDirectoryConfig::new(servers.iter().map(host).collect(), "websocket-demo")
}

pub(super) fn config_at(address: SocketAddr) -> RedisDirectoryConfig {
    RedisDirectoryConfig::new(vec![(address.ip().to_string(), address.port())], "websocket-demo")
}

pub(super) async fn connect(config: RedisDirectoryConfig) -> Result<RedisDirectory, PortError> {
    RedisDirectory::connect(config).await
}

pub(super) fn lease(boot: &Boot) -> Lease {
    let devices = "per_device".to_owned();
    Lease {
        boot: boot.clone(),
        address: "127.0.0.1:19998".to_owned(),
        sessions: 0,
        state: NodeState::Serving,
        fingerprint: Fingerprint { wire_min: 1, wire_max: 1, devices, store: "none".to_owned() },
    }
}

pub(super) async fn take(directory: &RedisDirectory, boot: &Boot) {
    let taken = directory.take_lease(&lease(boot), TTL).await.unwrap();
    assert!(matches!(taken, LeaseTaken::Taken { .. }), "{taken:?}");
}

pub(super) async fn renew(directory: &RedisDirectory, boot: &Boot) -> RenewOutcome {
    directory.renew(&lease(boot), TTL).await.unwrap().outcome
}

pub(super) fn assert_lost(outcome: &RenewOutcome, why_part: &str) {
    assert!(matches!(outcome, RenewOutcome::Lost { why } if why.contains(why_part)), "{outcome:?}");
}

pub(super) async fn bound(directory: &RedisDirectory, user: &str) -> Vec<Binding> {
    let user: UserId = user.parse().unwrap();
    directory.locate(&[user]).await.unwrap().remove(0)
}

pub(super) async fn bind(directory: &RedisDirectory, claim: &Claim) -> Binding {
    let generation = directory.claim(claim).await.unwrap().generation;
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

pub(super) async fn release(directory: &RedisDirectory, claim: &Claim) {
    directory.release(&claim.user, &claim.slot, claim.session).await.unwrap();
}

/// An outage by the server's own word, and seen as one.
pub(super) fn assert_outage<T: std::fmt::Debug>(result: Result<T, PortError>, word: &str) {
    let error = result.unwrap_err();
    assert!(matches!(error.retry, Retry::After(_)), "{}", error.chain());
    assert!(error.chain().contains(word), "{}", error.chain());
}
