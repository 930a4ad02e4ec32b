//! Section `node`.

use crate::config::{
    scalar::{Address, Count, Name, Span, Weight},
    settings::section,
};

section! {
    /// Who this node is, and how patient it is with its cluster.
    Node in "node" {
        /// The node's name: stable over restarts, its own in the cluster, part of queues and tags on the bus.
        main name: Option<Name> = Said("the host name, any other character as `-`");
        /// The address that gateways and other nodes are told; the port is `ws.port`.
        /// Where absent, `spring.cloud.nacos.discovery.ip` is read.
        main advertise: Option<Address> = Said("`ws.host`; where that is `0.0.0.0` or `::`, the address of the default route");
        /// The weight in the registry that gateways choose by.
        fine weight: Weight = Is("1"), zero "announced, but not chosen";
        /// How long a hole in a conversation may stay open before the store is read.
        fine hole_wait: Span = Is("50ms"), zero "the store is read at once";
        /// How long the node's inbox, or the directory, may be out of reach before every session reads the store again.
        fine outage_tolerated: Span = Is("1s"), zero "every outage counts";
        /// Each session compares itself with the store once in this time, jittered, whether or not anything went wrong.
        fine sweep_every: Span = Is("5m"), zero "never";
        /// For how long ids are remembered to drop repeats with `store: none`.
        fine repeat_window: Span = Is("5m"), zero "repeats are not dropped";
        /// How many ids are remembered to drop repeats with `store: none`; the oldest go first.
        fine repeat_ids_max: Count = Is("100000"), zero "repeats are not dropped";
    }
}
