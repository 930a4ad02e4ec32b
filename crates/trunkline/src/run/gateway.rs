//! `trunkline gateway`: one gateway, until a signal.

use std::error::Error;
use std::sync::Arc;

use gateway::{Gateway, StartError};
use ports::Ambient;

use super::Failure;
use super::process::{drain_on_signal, run};
use crate::cli::GatewayArgs;
use crate::config::Config;
use crate::exit::Exit;
use crate::measures::Measures;
use crate::signals::Signals;
use crate::wiring;

/// Runs a gateway to its end.
pub fn gateway(arguments: &GatewayArgs) -> Exit {
    run(&arguments.request(), serve)
}

async fn serve(config: Config, measures: Measures, mut signals: Signals) -> Result<(), Failure> {
    let mut told = wiring::gateway::config(&config).map_err(|problems| route_failure(&problems))?;
    let text = measures.clone();
    told.metrics = Some(Arc::new(move || text.render()));
    let registry = wiring::open_registry(&config);
    let gateway = Gateway::start(told, registry.clone(), Ambient::system()).await;
    let gateway = gateway.map_err(|error| start_failure(&error))?;
    tokio::select! {
        refused = wiring::refusal(&*registry) => return Err(Failure::unavailable(refused.to_string())),
        () = signals.next() => {}
    }
    drain_on_signal(&mut signals, async {
        gateway.drain().await;
    })
    .await
}

/// The lines of routes that cannot be served.
pub(super) fn route_failure(problems: &[gateway::route::RouteProblem]) -> Failure {
    let lines: Vec<String> =
        problems.iter().map(|problem| format!("{}: {}", problem.at, problem.message)).collect();
    Failure::all_usage(lines)
}

/// The line and the exit code of a start that failed.
pub(super) fn start_failure(error: &StartError) -> Failure {
    let cause = error.source().map(|cause| format!(": {cause}")).unwrap_or_default();
    Failure::unavailable(format!("{error}{cause}"))
}
