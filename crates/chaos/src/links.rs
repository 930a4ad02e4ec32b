//! A proxy in every line between two parts, so that each can be stalled or cut alone.

use std::net::{Ipv4Addr, SocketAddr};

use testkit::ports;
use testkit::proxy::{Mode, Proxy};

use crate::fault::Link;
use crate::servers::{Broker, Servers};
use crate::{GATEWAYS, NODES};

/// The lines of one node.
#[derive(Debug)]
pub(crate) struct NodeLinks {
    /// The port that everybody is told, on which the proxy listens, and the node on an address of its own.
    pub(crate) port: u16,
    /// Where the node listens.
    pub(crate) ip: Ipv4Addr,
    /// Its registry's URL, through a proxy; so the others.
    pub(crate) registry_url: String,
    /// Its directory's.
    pub(crate) directory_url: String,
    /// Its bus'.
    pub(crate) bus_url: String,
    /// Its store's.
    pub(crate) store_url: String,
    door: Proxy,
    registry: [Proxy; 2],
    directory: Proxy,
    bus: Proxy,
    store: Proxy,
}

/// The lines of one gateway.
#[derive(Debug)]
pub(crate) struct GatewayLinks {
    /// Where it listens; clients go through the proxy.
    pub(crate) port: u16,
    /// Its registry's URL, through a proxy.
    pub(crate) registry_url: String,
    door: Proxy,
    _registry: [Proxy; 2],
}

/// All lines.
#[derive(Debug)]
pub(crate) struct Links {
    /// Node by node.
    pub(crate) nodes: Vec<NodeLinks>,
    /// Gateway by gateway.
    pub(crate) gateways: Vec<GatewayLinks>,
    /// All nodes and RocketMQ's broker.
    broker: Option<Proxy>,
}

impl Links {
    /// Puts the proxies up; the nodes and gateways need not run.
    pub(crate) fn lay(servers: &Servers) -> Self {
        let broker = match &servers.broker {
            Broker::RocketMq(rocketmq) => Some(rocketmq.broker_proxy()),
            Broker::RabbitMq(_) => None,
        };
        Self {
            nodes: (0..NODES).map(|nth| NodeLinks::lay(servers, nth)).collect(),
            gateways: (0..GATEWAYS).map(|_| GatewayLinks::lay(servers)).collect(),
            broker,
        }
    }

    /// Nothing moves on a link until [`Links::heal`].
    pub(crate) fn stall(&self, link: Link) {
        for proxy in self.of(link) {
            proxy.set_both(Mode::Stall);
        }
    }

    /// A link is gone until [`Links::heal`].
    pub(crate) async fn cut(&self, link: Link) {
        for proxy in self.of(link) {
            proxy.take_down().await;
        }
    }

    /// A link is as it was.
    pub(crate) async fn heal(&self, link: Link) {
        for proxy in self.of(link) {
            proxy.heal().await;
        }
    }

    /// Where clients reach a gateway.
    pub(crate) fn door(&self, gateway: usize) -> SocketAddr {
        self.gateways[gateway].door.address()
    }

    fn of(&self, link: Link) -> Vec<&Proxy> {
        match link {
            Link::Directory(node) => vec![&self.nodes[node].directory],
            Link::Bus(node) => vec![self.broker.as_ref().unwrap_or(&self.nodes[node].bus)],
            Link::Store(node) => vec![&self.nodes[node].store],
            Link::Registry(node) => self.nodes[node].registry.iter().collect(),
            Link::Node(node) => vec![&self.nodes[node].door],
            Link::Gateway(gateway) => vec![&self.gateways[gateway].door],
        }
    }
}

impl NodeLinks {
    fn lay(servers: &Servers, nth: usize) -> Self {
        let port = ports::free();
        // The whole of 127/8 is loopback: the node listens on its port at an address that nobody is told.
        let ip = Ipv4Addr::new(127, 0, 1, nth as u8 + 1);
        let door = Proxy::start_on((Ipv4Addr::LOCALHOST, port).into(), (ip, port).into());
        let registry: [Proxy; 2] = servers.nacos.proxies().into();
        let directory = Proxy::start(servers.redis.address());
        let database = SocketAddr::from((Ipv4Addr::LOCALHOST, servers.postgres.port()));
        let store = Proxy::start(database);
        let (bus_address, bus_url) = match &servers.broker {
            Broker::RocketMq(rocketmq) => (rocketmq.address(), rocketmq.url()),
            Broker::RabbitMq(rabbitmq) => (rabbitmq.address(), rabbitmq.url()),
        };
        let bus = Proxy::start(bus_address);
        Self {
            port,
            ip,
            registry_url: format!("nacos://{}", registry[0].address()),
            directory_url: through(&servers.redis.url(), servers.redis.address(), &directory),
            bus_url: through(&bus_url, bus_address, &bus),
            store_url: through(&servers.postgres.url(), database, &store),
            door,
            registry,
            directory,
            bus,
            store,
        }
    }
}

impl GatewayLinks {
    fn lay(servers: &Servers) -> Self {
        let port = ports::free();
        let registry: [Proxy; 2] = servers.nacos.proxies().into();
        Self {
            port,
            registry_url: format!("nacos://{}", registry[0].address()),
            door: Proxy::start((Ipv4Addr::LOCALHOST, port).into()),
            _registry: registry,
        }
    }
}

/// The same URL with the proxy's address in the server's place.
fn through(url: &str, server: SocketAddr, proxy: &Proxy) -> String {
    let moved = url.replace(&server.to_string(), &proxy.address().to_string());
    assert_ne!(moved, url, "{url} does not name {server}");
    moved
}
