//! `trunkline up`: a whole cluster in this process, on loopback: nodes, a gateway, the chat page and the HTTP interface.

use std::io::{self, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use edge::{HandshakeLimits, Listener, Tasks};
use gateway::Gateway;
use node::Node;
use node::events::Events;
use node::heartbeat::Ousted;
use ports::memory::registry::MemoryRegistry;
use ports::registry::{Announcement, Instance, Instances, Registry};
use ports::{Ambient, PortError, SeamState};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::Failure;
use super::gateway::{route_failure, start_failure as gateway_failure};
use super::node::start_failure as node_failure;
use super::process::{drain_on_signal, run};
use crate::cli::UpArgs;
use crate::config::Config;
use crate::exit::Exit;
use crate::measures::Measures;
use crate::pages::pages;
use crate::signals::Signals;
use crate::wiring;

/// How long the HTTP interface may take for its last answers.
const API_STOP_LIMIT: Duration = Duration::from_secs(2);

/// Runs a cluster to its end.
pub fn up(arguments: &UpArgs) -> Exit {
    let (nodes, port) = (arguments.nodes.get(), arguments.port);
    run(&arguments.request(), move |config, measures, signals| async move {
        serve(config, nodes, port, measures, signals).await
    })
}

async fn serve(
    config: Config,
    count: usize,
    port: u16,
    measures: Measures,
    mut signals: Signals,
) -> Result<(), Failure> {
    let ambient = Ambient::system();
    let loopback = |port: u16| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let api = bind(loopback(port + 1))?;
    let registry = wiring::open_registry(&config);
    let mut refused = pin!(wiring::refusal(&*registry));
    let mut opened = match tokio::select! {
        opened = wiring::open(&config, &ambient, registry.clone()) => opened,
        refused = &mut refused => return Err(Failure::unavailable(refused.to_string())),
        () = signals.next() => return Ok(()),
    } {
        Ok(opened) => opened,
        Err(error) => return Err(Failure::unavailable(error.to_string())),
    };
    // The gateway knows the nodes of this process without asking the registry that others ask.
    let own = Arc::new(MemoryRegistry::new());
    let also = Arc::new(Both { own: own.clone(), shared: opened.seams.registry.clone() });
    opened.seams.registry = also;

    let mut told = wiring::gateway::config(&config).map_err(|problems| route_failure(&problems))?;
    told.listen = loopback(port);
    told.api = None;
    told.state = None;
    told.pages = Some(pages());
    if config.is_development() {
        told.policy = wiring::gateway::development_policy(told.listen);
    }
    // Seen at once, not when the nodes are there.
    drop(bind(told.listen)?);

    let mut nodes = Vec::with_capacity(count);
    let starting = async {
        let workers = tokio::runtime::Handle::current().metrics().num_workers();
        for nth in 1..=count {
            let place =
                wiring::node::Place::of_up(nth).ok_or_else(|| Failure::defect("no name for a node"))?;
            let told = wiring::node::config(&config, place, workers, measures.text())
                .map_err(|error| Failure::usage(error.to_string()))?;
            let started = Node::start(told, opened.seams.clone(), ambient.clone(), Events::default()).await;
            nodes.push(Arc::new(started.map_err(|error| node_failure(&error))?));
        }
        // After the nodes: who finds it ready gets in.
        Gateway::start(told, own, ambient.clone()).await.map(Some).map_err(|error| gateway_failure(&error))
    };
    let started = tokio::select! {
        started = starting => started,
        refused = &mut refused => Err(Failure::unavailable(refused.to_string())),
        () = signals.next() => Ok(None),
    };
    let gateway = match started {
        Ok(Some(gateway)) => gateway,
        ended => {
            stop(&nodes).await;
            return ended.map(drop);
        }
    };
    let crew = (Tasks::new(), CancellationToken::new());
    measures.look_at(nodes.iter().map(|node| node.watch()));
    if let Some(first) = nodes.first() {
        let limits = HandshakeLimits::from(&config.limits.to_wire());
        node::api::serve(api, limits, first.api(), &crew.0, &crew.1);
    }
    announce(&config, port, &nodes).map_err(|error| Failure::defect(format!("cannot print: {error}")))?;

    tokio::select! {
        () = signals.next() => {}
        refused = &mut refused => {
            stop(&nodes).await;
            return Err(Failure::unavailable(refused.to_string()));
        }
        why = ousted(&nodes) => {
            futures_util::future::join_all(nodes.iter().map(|node| node.abandon())).await;
            return Err(Failure::unavailable(why.to_string()));
        }
    }
    drain_on_signal(&mut signals, async {
        let drains = nodes.iter().map(|node| node.drain());
        futures_util::future::join_all(drains).await;
        gateway.drain().await;
        crew.1.cancel();
        crew.0.close();
        let _in_time = tokio::time::timeout(API_STOP_LIMIT, crew.0.wait()).await;
        if let Some(store) = &opened.seams.store {
            store.close().await;
        }
    })
    .await
}

fn bind(address: SocketAddr) -> Result<Listener, Failure> {
    Listener::bind(address).map_err(|error| {
        let advice = "`up` takes two ports, --port and the next one: try another --port";
        Failure::unavailable(format!("cannot listen on {address}: {error}; {advice}"))
    })
}

/// Waits until one of the nodes must not be any more.
async fn ousted(nodes: &[Arc<Node>]) -> Ousted {
    futures_util::future::select_all(nodes.iter().map(|node| Box::pin(node.ousted()))).await.0
}

/// Takes what has started out of the registry and the directory again.
async fn stop(nodes: &[Arc<Node>]) {
    futures_util::future::join_all(nodes.iter().map(|node| node.stop())).await;
}

/// Says where everything is, on standard output.
fn announce(config: &Config, port: u16, nodes: &[Arc<Node>]) -> io::Result<()> {
    let (path, service) = (&config.ws.path.0, &config.ws.name.0);
    let mut out = io::stdout().lock();
    writeln!(out, "Trunkline is up: {} nodes and a gateway.", nodes.len())?;
    writeln!(out)?;
    writeln!(out, "  chat page   http://127.0.0.1:{port}/   (open it in two windows, with two names)")?;
    writeln!(out, "  WebSocket   ws://127.0.0.1:{port}{path}/<user>   (also /{service}{path}/<user>)")?;
    writeln!(
        out,
        "  HTTP        http://127.0.0.1:{}/api/v1   (description: /openapi.json, metrics: /metrics)",
        port + 1
    )?;
    writeln!(out, "  messages    {}", crate::describe::store(&config.backends.store))?;
    writeln!(out)?;
    writeln!(out, "Ctrl-C ends it politely.")?;
    out.flush()
}

/// A registry that tells the gateway of this process everything, and everybody else too.
struct Both {
    own: Arc<MemoryRegistry>,
    shared: Arc<dyn Registry>,
}

struct BothAnnouncements {
    own: Arc<dyn Announcement>,
    shared: Arc<dyn Announcement>,
}

impl Registry for Both {
    fn announce(&self, instance: Instance) -> Arc<dyn Announcement> {
        let own = self.own.announce(instance.clone());
        Arc::new(BothAnnouncements { own, shared: self.shared.announce(instance) })
    }

    fn watch(&self, service: &str) -> watch::Receiver<Instances> {
        self.shared.watch(service)
    }

    fn state(&self) -> SeamState {
        self.shared.state()
    }
}

#[async_trait::async_trait]
impl Announcement for BothAnnouncements {
    fn is_announced(&self) -> bool {
        self.shared.is_announced()
    }

    async fn drain(&self) -> Result<(), PortError> {
        self.own.drain().await?;
        self.shared.drain().await
    }

    async fn withdraw(&self) -> Result<(), PortError> {
        self.own.withdraw().await?;
        self.shared.withdraw().await
    }
}
