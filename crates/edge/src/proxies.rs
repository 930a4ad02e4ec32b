//! The proxies whose word about a client is taken.

use std::net::IpAddr;

use ipnet::IpNet;

/// Networks of proxies that are trusted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrustedProxies {
    networks: Vec<IpNet>,
}

impl TrustedProxies {
    /// These and no others.
    pub fn new(networks: Vec<IpNet>) -> TrustedProxies {
        TrustedProxies { networks }
    }

    /// Nobody: what a gateway at the edge of a network starts with.
    pub fn none() -> TrustedProxies {
        TrustedProxies::new(Vec::new())
    }

    /// Loopback, the private networks, and the 100.64.0.0/10 of clouds and containers: what a node starts with,
    /// because it stands behind a gateway.
    pub fn neighbours() -> TrustedProxies {
        TrustedProxies::new(NEIGHBOURS.iter().filter_map(|network| network.parse().ok()).collect())
    }

    /// True when `address` is such a proxy's.
    pub fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.networks.iter().any(|network| network.contains(&address))
    }
}

const NEIGHBOURS: [&str; 7] =
    ["127.0.0.0/8", "::1/128", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7", "100.64.0.0/10"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_are_loopback_private_and_shared_addresses() {
        let proxies = TrustedProxies::neighbours();
        assert_eq!(proxies.networks.len(), NEIGHBOURS.len(), "each network parses");
        for address in
            ["127.9.9.9", "::1", "::ffff:10.1.1.1", "172.31.0.1", "192.168.1.1", "fd00::1", "100.64.0.1"]
        {
            assert!(proxies.contains(address.parse().expect("an address")), "{address}");
        }
        for address in ["8.8.8.8", "172.32.0.1", "100.128.0.1", "2001:db8::1"] {
            assert!(!proxies.contains(address.parse().expect("an address")), "{address}");
        }
    }
}
