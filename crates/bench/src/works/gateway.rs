//! What the gateway costs a message that passes it, beside nginx before the same server.

use std::sync::Arc;

use super::{contestant, settings};
use crate::job::Work;
use crate::outcome::Outcome;
use crate::suite::{Aim, Figure, Gateway, Limit, Nginx, Options, Who, in_turns};

/// Connections, each with one message under way.
const CONNECTIONS: usize = 50;

/// There and back again, with the CPU of what stands between.
pub(super) async fn round_trips(options: Arc<Options>) -> Vec<Figure> {
    let limit = Limit::start().await;
    let gateway = Gateway::start(&options, limit.door).await;
    let nginx = Nginx::start(limit.door).await;
    let work = Work::Echo { connections: CONNECTIONS };
    let mut ours = contestant(&options, Who::Limit, gateway.door, gateway.watched(), work);
    ours.who = Who::Trunkline;
    let mut contestants = vec![ours];
    if let Some(nginx) = &nginx {
        contestants.push(contestant(&options, Who::Nginx, nginx.door, nginx.watched(), work));
    }
    let series = in_turns(&options, &contestants).await;
    let aim = Aim { value: Some(10.5), ratios: &[("nginx", 1.1)] };
    let cpu =
        |outcome: &Outcome| outcome.cpu_ns.values().sum::<u64>() as f64 / outcome.messages as f64 / 1_000.0;
    vec![series.figure("gateway_round_trip_cpu", "us/trip", aim, settings(&contestants, "none"), cpu)]
}
