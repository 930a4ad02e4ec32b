//! What exchanges, queues and keys are called.

use ports::bus::Address;
use wire::envelope::Lane;
use wire::id::{Boot, NodeName};

/// The key of what is for all nodes, on the control exchange. No node can have this name.
const KEY_ALL: &str = "*";

/// The names of one cluster.
#[derive(Debug)]
pub(super) struct Names {
    /// Direct: one node, by its name.
    pub(super) single: String,
    /// Fanout: all nodes.
    pub(super) group: String,
    /// Direct: one node by its name, or all.
    pub(super) control: String,
    prefix: String,
}

impl Names {
    pub(super) fn new(prefix: &str) -> Names {
        Names {
            single: format!("{prefix}.single"),
            group: format!("{prefix}.group"),
            control: format!("{prefix}.control"),
            prefix: prefix.to_owned(),
        }
    }

    /// A node's queue, whichever boot of it lives.
    pub(super) fn queue(&self, node: &NodeName) -> String {
        format!("{}.node.{node}", self.prefix)
    }

    /// The exchange that is bound to a node's queue for as long as it is this boot's.
    pub(super) fn mark(&self, boot: &Boot) -> String {
        format!("{}.boot.{}.{}", self.prefix, boot.node, boot.nonce)
    }

    /// Exchange and key that lead to an address.
    pub(super) fn way<'a>(&'a self, lane: Lane, to: &'a Address) -> (&'a str, &'a str) {
        let exchange = match lane {
            Lane::Single => &self.single,
            Lane::Group => &self.group,
            Lane::Control => &self.control,
        };
        let key = match to {
            Address::Node(node) => node.as_str(),
            Address::All if lane == Lane::Group => "",
            Address::All => KEY_ALL,
        };
        (exchange, key)
    }

    /// All exchanges and keys by which mail comes to a node.
    pub(super) fn ways_in<'a>(&'a self, node: &'a NodeName) -> [(&'a str, &'a str); 4] {
        [
            (&self.single, node.as_str()),
            (&self.group, ""),
            (&self.control, node.as_str()),
            (&self.control, KEY_ALL),
        ]
    }

    /// The lane of what came over an exchange.
    pub(super) fn lane(&self, exchange: &str) -> Option<Lane> {
        let lanes =
            [(&self.single, Lane::Single), (&self.group, Lane::Group), (&self.control, Lane::Control)];
        lanes.into_iter().find_map(|(name, lane)| (name == exchange).then_some(lane))
    }
}

#[cfg(test)]
mod tests {
    use wire::id::Nonce;

    use super::*;

    #[test]
    fn every_way_out_is_a_way_in_on_the_same_lane() {
        let names = Names::new("trunkline");
        let boot = Boot { node: "node-1".parse().unwrap(), nonce: Nonce::mint(1, 1) };
        let one = Address::Node(boot.node.clone());
        for (lane, to) in [
            (Lane::Single, &one),
            (Lane::Group, &Address::All),
            (Lane::Control, &one),
            (Lane::Control, &Address::All),
        ] {
            let way = names.way(lane, to);
            assert!(names.ways_in(&boot.node).contains(&way), "{way:?}");
            assert_eq!(names.lane(way.0), Some(lane));
        }
        assert_eq!(names.way(Lane::Single, &one), ("trunkline.single", "node-1"));
        assert_eq!(names.queue(&boot.node), "trunkline.node.node-1");
        assert!(names.mark(&boot).starts_with("trunkline.boot.node-1."));
        assert!(KEY_ALL.parse::<NodeName>().is_err());
        assert_eq!(names.lane("somebody.else"), None);
    }
}
