//! A registry that is a list in the configuration: it never changes, and nothing can be announced to it.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use async_trait::async_trait;
use ports::registry::{Announcement, Instance, Instances, Registry, newest_of_each_address};
use ports::{PortError, SeamState};
use tokio::sync::watch;

/// A fixed list of services and their addresses, each with weight 1.
#[derive(Debug, Clone)]
pub struct FixedRegistry {
    services: BTreeMap<String, Arc<[Instance]>>,
}

#[derive(Debug)]
struct FixedAnnouncement {
    is_listed: bool,
}

impl FixedRegistry {
    /// The list as the configuration has it; a service that is named twice has the addresses of both.
    pub fn new(services: impl IntoIterator<Item = (String, Vec<SocketAddr>)>) -> FixedRegistry {
        let mut listed: BTreeMap<String, Vec<Instance>> = BTreeMap::new();
        for (service, addresses) in services {
            let instances = addresses.into_iter().map(|address| Instance {
                service: service.clone(),
                host: address.ip().to_string(),
                port: address.port(),
                weight: 1.0,
                metadata: BTreeMap::new(),
            });
            listed.entry(service.clone()).or_default().extend(instances);
        }
        let services = listed.into_iter().map(|(service, list)| (service, newest_of_each_address(list)));
        FixedRegistry { services: services.collect() }
    }

    fn list(&self, service: &str) -> Arc<[Instance]> {
        self.services.get(service).cloned().unwrap_or_default()
    }
}

#[async_trait]
impl Registry for FixedRegistry {
    fn announce(&self, instance: Instance) -> Arc<dyn Announcement> {
        let Instance { service, host, port, .. } = &instance;
        let is_listed = self.list(service).iter().any(|listed| listed.host == *host && listed.port == *port);
        if !is_listed {
            tracing::warn!(
                service,
                "this node's address {host}:{port} is not in the fixed list of its service: no gateway that reads this list will find it"
            );
        }
        Arc::new(FixedAnnouncement { is_listed })
    }

    fn watch(&self, service: &str) -> watch::Receiver<Instances> {
        watch::Sender::new(Some(self.list(service))).subscribe()
    }

    fn state(&self) -> SeamState {
        SeamState::up()
    }
}

/// The list is what it is, so there is nothing to take back; gateways notice that a node is gone when they connect.
#[async_trait]
impl Announcement for FixedAnnouncement {
    fn is_announced(&self) -> bool {
        self.is_listed
    }

    async fn drain(&self) -> Result<(), PortError> {
        Ok(())
    }

    async fn withdraw(&self) -> Result<(), PortError> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn registry() -> FixedRegistry {
        let addresses =
            ["10.0.0.6:19998", "[::1]:2", "10.0.0.5:19998"].map(|address| address.parse().unwrap());
        FixedRegistry::new([("a".to_owned(), addresses.to_vec()), ("b".to_owned(), vec![])])
    }

    #[test]
    fn a_service_has_its_addresses_at_once_and_any_other_an_empty_list() {
        let watched = registry().watch("a");
        let list = watched.borrow().clone().unwrap();
        let addresses: Vec<_> = list.iter().map(|instance| (instance.host.as_str(), instance.port)).collect();
        assert_eq!(addresses, [("10.0.0.5", 19_998), ("10.0.0.6", 19_998), ("::1", 2)]);
        for empty in ["b", "unknown"] {
            assert_eq!(registry().watch(empty).borrow().as_deref(), Some(&[][..]));
        }
    }

    #[tokio::test]
    async fn only_an_address_in_the_list_counts_as_announced() {
        let instance = registry().list("a")[0].clone();
        let elsewhere = Instance { port: 1, ..instance.clone() };
        assert!(registry().announce(instance).is_announced());
        let announcement = registry().announce(elsewhere);
        assert!(!announcement.is_announced());
        announcement.drain().await.unwrap();
        announcement.withdraw().await.unwrap();
    }
}
