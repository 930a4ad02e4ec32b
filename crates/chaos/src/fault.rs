//! What goes wrong: the faults that a schedule is made of, and the links that can fail.

use std::fmt;

/// Something between two parts that carries bytes.
///
/// Nodes and gateways are counted from 0 and named from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Link {
    /// A node and Redis.
    Directory(usize),
    /// A node and the broker; all nodes where the broker announces one address to everybody (RocketMQ).
    Bus(usize),
    /// A node and the database.
    Store(usize),
    /// A node and Nacos.
    Registry(usize),
    /// All gateways and a node.
    Node(usize),
    /// All clients and a gateway.
    Gateway(usize),
}

/// One thing that goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Fault {
    /// `kill -9`; started again when the fault is over.
    KillNode(usize),
    /// SIGSTOP for longer than a lease, then SIGCONT.
    PauseNode(usize),
    /// SIGTERM: it drains and ends; started again when the fault is over.
    DrainNode(usize),
    /// `kill -9`; started again when the fault is over.
    KillGateway(usize),
    /// Redis is killed and comes back with all it knew.
    RestartDirectory,
    /// Redis is killed and comes back empty.
    ReplaceDirectory,
    /// `FLUSHALL` under load.
    FlushDirectory,
    /// Redis stands still: its sockets stay open.
    PauseDirectory,
    /// The broker is killed and comes back with its data.
    RestartBus,
    /// The database is asked to end, and comes back.
    RestartStore,
    /// `kill -9` of the database, which then recovers.
    KillStore,
    /// Nacos is killed and comes back, having forgotten who was there.
    RegistryAway,
    /// Nothing moves on a link; the sockets stay open.
    Stall(Link),
    /// All connections of a link are reset, and none can be made.
    Cut(Link),
}

impl Fault {
    /// All big faults but those of processes of which there are several: those take the index of one.
    pub(crate) fn big(node: impl FnMut() -> usize, gateway: usize) -> Vec<Self> {
        let mut node = node;
        vec![
            Self::KillNode(node()),
            Self::PauseNode(node()),
            Self::DrainNode(node()),
            Self::KillGateway(gateway),
            Self::RestartDirectory,
            Self::ReplaceDirectory,
            Self::FlushDirectory,
            Self::PauseDirectory,
            Self::RestartBus,
            Self::RestartStore,
            Self::KillStore,
            Self::RegistryAway,
        ]
    }
}

impl fmt::Display for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Directory(node) => write!(f, "node-{} to directory", node + 1),
            Self::Bus(node) => write!(f, "node-{} to bus", node + 1),
            Self::Store(node) => write!(f, "node-{} to store", node + 1),
            Self::Registry(node) => write!(f, "node-{} to registry", node + 1),
            Self::Node(node) => write!(f, "gateways to node-{}", node + 1),
            Self::Gateway(gateway) => write!(f, "clients to gateway-{}", gateway + 1),
        }
    }
}

/// The first word is the kind, the rest the target: so the judge reads it.
impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::KillNode(node) => write!(f, "kill node-{}", node + 1),
            Self::PauseNode(node) => write!(f, "pause node-{}", node + 1),
            Self::DrainNode(node) => write!(f, "drain node-{}", node + 1),
            Self::KillGateway(gateway) => write!(f, "kill gateway-{}", gateway + 1),
            Self::RestartDirectory => write!(f, "restart directory"),
            Self::ReplaceDirectory => write!(f, "replace directory"),
            Self::FlushDirectory => write!(f, "flush directory"),
            Self::PauseDirectory => write!(f, "pause directory"),
            Self::RestartBus => write!(f, "restart bus"),
            Self::RestartStore => write!(f, "restart store"),
            Self::KillStore => write!(f, "kill store"),
            Self::RegistryAway => write!(f, "kill registry"),
            Self::Stall(link) => write!(f, "stall {link}"),
            Self::Cut(link) => write!(f, "cut {link}"),
        }
    }
}
