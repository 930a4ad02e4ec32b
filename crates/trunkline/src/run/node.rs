//! `trunkline node`: one node, until a signal or until it must not be any more.

use std::pin::pin;

use node::events::Events;
use node::{Node, StartError};
use ports::Ambient;

use super::Failure;
use super::process::{drain_on_signal, run};
use crate::cli::NodeArgs;
use crate::config::Config;
use crate::exit::Exit;
use crate::measures::Measures;
use crate::signals::Signals;
use crate::wiring;

/// Runs a node to its end.
pub fn node(arguments: &NodeArgs) -> Exit {
    run(&arguments.request(), serve)
}

async fn serve(config: Config, measures: Measures, mut signals: Signals) -> Result<(), Failure> {
    let ambient = Ambient::system();
    let place = wiring::node::Place::of_config(&config)
        .ok_or_else(|| Failure::defect("node.name or node.advertise is not settled"))?;
    let workers = tokio::runtime::Handle::current().metrics().num_workers();
    let told = wiring::node::config(&config, place, workers, measures.text())
        .map_err(|error| Failure::usage(error.to_string()))?;
    if config.insecure && config.is_development() {
        tracing::warn!("--insecure: whoever reaches this node may be any user");
    }
    let registry = wiring::open_registry(&config);
    let mut refused = pin!(wiring::refusal(&*registry));
    let starting = async {
        let opened = wiring::open(&config, &ambient, registry.clone()).await;
        let opened = opened.map_err(|error| Failure::unavailable(error.to_string()))?;
        let started = Node::start(told, opened.seams.clone(), ambient, Events::default()).await;
        let node = started.map_err(|error| start_failure(&error))?;
        Ok::<_, Failure>((node, opened))
    };
    let (node, opened) = tokio::select! {
        started = starting => started?,
        refused = &mut refused => return Err(Failure::unavailable(refused.to_string())),
        () = signals.next() => return Ok(()),
    };
    measures.look_at([node.watch()]);
    tokio::select! {
        why = node.ousted() => {
            node.stop().await;
            return Err(Failure::unavailable(why.to_string()));
        }
        refused = &mut refused => {
            node.stop().await;
            return Err(Failure::unavailable(refused.to_string()));
        }
        () = signals.next() => drain_on_signal(&mut signals, node.drain()).await?,
    }
    if let Some(store) = &opened.seams.store {
        store.close().await;
    }
    Ok(())
}

/// The line and the exit code of a start that failed.
pub(super) fn start_failure(error: &StartError) -> Failure {
    match error {
        StartError::Bind { source, .. } => Failure::unavailable(format!(
            "{error}: {source}; ws.port and api.listen say where a node listens"
        )),
        StartError::Port(_) | StartError::Ousted(_) => Failure::unavailable(error.to_string()),
    }
}
