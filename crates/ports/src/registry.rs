//! Where nodes say "I am here", and gateways read it. A map, possibly stale: never asked about users.

use std::{collections::BTreeMap, sync::Arc};

use async_trait::async_trait;
use tokio::sync::watch;

use crate::{PortError, SeamState};

/// Metadata key of an instance: the node's name.
pub const METADATA_NODE: &str = "trunkline.node";
/// Metadata key of an instance: the nonce of its boot. Of two entries with one address, the greater nonce is the living one.
pub const METADATA_NONCE: &str = "trunkline.nonce";
/// Metadata key of an instance: the version of the program.
pub const METADATA_VERSION: &str = "trunkline.version";

/// One place where a service can be reached.
#[derive(Debug, Clone, PartialEq)]
pub struct Instance {
    /// The service, as in `lb:ws://SERVICE`.
    pub service: String,
    /// A host name or an IP address without brackets.
    pub host: String,
    /// The port.
    pub port: u16,
    /// How much of the load it should get compared with others; 0 means no new connections.
    pub weight: f64,
    /// What else is said of it.
    pub metadata: BTreeMap<String, String>,
}

/// The last list that was heard of a service, or `None` when none was heard yet. An empty list was heard.
pub type Instances = Option<Arc<[Instance]>>;

/// Where nodes say "I am here".
///
/// A registry may be away for hours without anyone else noticing: it is never waited for, and what it said last stays in force.
#[async_trait]
pub trait Registry: Send + Sync + 'static {
    /// Announces an instance and keeps it announced, whatever happens to the registry, until it is withdrawn.
    /// It is written with the weight given here, whatever the registry remembers of that address; a weight that an operator sets later is left alone.
    /// Never waits for the registry.
    fn announce(&self, instance: Instance) -> Arc<dyn Announcement>;

    /// The instances of a service as the registry tells them, without those that it calls disabled or unhealthy; weight 0 is included.
    /// Of two entries with one address, the one with the greater [`METADATA_NONCE`] is kept.
    /// Holds the last list while the registry is away.
    fn watch(&self, service: &str) -> watch::Receiver<Instances>;

    /// Asks once, within seconds, whether the registry lets us in: for a start that is to end at once where it refuses ([`crate::Retry::Never`]).
    /// An outage is another error, and no reason not to start.
    async fn check(&self) -> Result<(), PortError> {
        Ok(())
    }

    /// How the registry is.
    fn state(&self) -> SeamState;
}

/// An instance that is being kept announced. Dropping it withdraws nothing.
#[async_trait]
pub trait Announcement: Send + Sync {
    /// True once the registry has confirmed it.
    fn is_announced(&self) -> bool;

    /// Sets the weight to 0, so that gateways send nobody new.
    async fn drain(&self) -> Result<(), PortError>;

    /// Takes the instance out, and no longer keeps it announced. Repeated calls are harmless.
    async fn withdraw(&self) -> Result<(), PortError>;
}

impl Instance {
    /// The nonce of the boot that announced it, as text that sorts by age; empty when it says none, as a Java node's does.
    pub fn nonce(&self) -> &str {
        self.metadata.get(METADATA_NONCE).map_or("", String::as_str)
    }
}

/// What a watcher is shown of what a registry tells: one entry an address, the one with the greatest nonce, in the order of addresses.
pub fn newest_of_each_address(told: impl IntoIterator<Item = Instance>) -> Arc<[Instance]> {
    let mut newest: BTreeMap<(String, u16), Instance> = BTreeMap::new();
    for instance in told {
        let address = (instance.host.clone(), instance.port);
        if newest.get(&address).is_none_or(|known| known.nonce() < instance.nonce()) {
            newest.insert(address, instance);
        }
    }
    newest.into_values().collect()
}
