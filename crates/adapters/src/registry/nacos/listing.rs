//! What a list from Nacos says: of a service, and of our own entry in it.

use std::collections::HashMap;
use std::sync::Arc;

use nacos_sdk::api::naming::ServiceInstance;
use ports::registry::{Instance, METADATA_NONCE, newest_of_each_address};

/// The cluster of an instance that names none.
pub(super) const CLUSTER_DEFAULT: &str = "DEFAULT";

/// What our own entry looks like.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Seen {
    /// It is there.
    Own {
        /// With this weight.
        weight: f64,
    },
    /// A later boot has the address: it is the living one.
    Successor,
    /// The address is there with what an earlier boot said of itself: that boot's entry, or a server that keeps old metadata.
    Predecessor,
    /// The address is not there.
    Missing,
}

/// What a watcher is shown. Some servers filter neither clusters nor the hidden, so all of that is done here.
pub(super) fn shown(service: &str, cluster: &str, told: &[ServiceInstance]) -> Arc<[Instance]> {
    let visible = told.iter().filter(|entry| entry.enabled && entry.healthy && cluster_of(entry) == cluster);
    newest_of_each_address(visible.filter_map(|entry| {
        Some(Instance {
            service: service.to_owned(),
            host: entry.ip.clone(),
            port: u16::try_from(entry.port).ok()?,
            weight: if entry.weight.is_finite() { entry.weight.max(0.0) } else { 0.0 },
            metadata: entry.metadata.iter().map(|(key, value)| (key.clone(), value.clone())).collect(),
        })
    }))
}

/// Looks for our own entry.
pub(super) fn find_own(own: &Instance, told: &[ServiceInstance]) -> Seen {
    let at_our_address =
        told.iter().filter(|entry| entry.ip == own.host && entry.port == i32::from(own.port));
    let nonce = |entry: &ServiceInstance| entry.metadata.get(METADATA_NONCE).cloned().unwrap_or_default();
    let Some(newest) = at_our_address.max_by_key(|entry| nonce(entry)) else { return Seen::Missing };
    match nonce(newest).as_str().cmp(own.nonce()) {
        std::cmp::Ordering::Less => Seen::Predecessor,
        std::cmp::Ordering::Equal => Seen::Own { weight: newest.weight },
        std::cmp::Ordering::Greater => Seen::Successor,
    }
}

/// The entry that an instance is written as. Ephemeral: it goes with the connection of whoever wrote it.
pub(super) fn entry(instance: &Instance, cluster: &str, weight: f64) -> ServiceInstance {
    ServiceInstance {
        ip: instance.host.clone(),
        port: i32::from(instance.port),
        weight,
        cluster_name: Some(cluster.to_owned()),
        metadata: HashMap::from_iter(instance.metadata.clone()),
        ..ServiceInstance::default()
    }
}

fn cluster_of(entry: &ServiceInstance) -> &str {
    entry.cluster_name.as_deref().filter(|name| !name.is_empty()).unwrap_or(CLUSTER_DEFAULT)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn own(nonce: &str) -> Instance {
        let metadata = [(METADATA_NONCE.to_owned(), nonce.to_owned())].into();
        Instance { service: "s".to_owned(), host: "10.0.0.5".to_owned(), port: 80, weight: 1.0, metadata }
    }

    fn told(nonce: &str) -> ServiceInstance {
        entry(&own(nonce), CLUSTER_DEFAULT, 1.0)
    }

    #[test]
    fn the_hidden_the_ill_and_those_of_other_clusters_are_not_shown() {
        let at = |port: i32| ServiceInstance { port, ..told("1") };
        let list = shown(
            "s",
            "DEFAULT",
            &[
                ServiceInstance { weight: 0.0, ..at(1) },
                ServiceInstance { cluster_name: Some(String::new()), ..at(2) },
                ServiceInstance { enabled: false, ..at(3) },
                ServiceInstance { healthy: false, ..at(4) },
                ServiceInstance { cluster_name: Some("B".to_owned()), ..at(5) },
                at(70_000),
                ServiceInstance { weight: f64::NAN, ..at(6) },
            ],
        );
        let seen: Vec<_> = list.iter().map(|instance| (instance.port, instance.weight)).collect();
        assert_eq!(seen, [(1, 0.0), (2, 1.0), (6, 0.0)]);
    }

    #[test]
    fn of_two_entries_with_one_address_the_later_boot_is_shown() {
        for order in [[told("1"), told("2")], [told("2"), told("1")]] {
            assert_eq!(*shown("s", "DEFAULT", &order), [own("2")]);
        }
    }

    #[test]
    fn our_own_entry_is_told_from_those_of_our_other_lives() {
        assert_eq!(find_own(&own("2"), &[]), Seen::Missing);
        assert_eq!(find_own(&own("2"), &[told("1")]), Seen::Predecessor);
        assert_eq!(find_own(&own("2"), &[told("1"), told("2")]), Seen::Own { weight: 1.0 });
        assert_eq!(find_own(&own("2"), &[told("3"), told("2")]), Seen::Successor);
        let elsewhere = ServiceInstance { port: 81, ..told("2") };
        assert_eq!(find_own(&own("2"), &[elsewhere]), Seen::Missing);
    }
}
