//! Sessions and tunnels that do nothing: what it costs to have them.

use std::sync::Arc;

use super::{Field, contestant, settings};
use crate::job::Work;
use crate::outcome::{Memory, Outcome};
use crate::suite::{
    Aim, Backends, Centrifuge, Contestant, Figure, Gateway, Limit, Node, Options, Series, Who, load,
};

/// Sessions, and tunnels.
const MANY: usize = 5_000;

/// Users at a node. Servers are started anew in every round: memory that was used once is not fresh any more.
pub(super) async fn sessions(options: Arc<Options>) -> Vec<Figure> {
    let work = Work::Idle { sessions: options.many(MANY) };
    let (mut series, mut shown) = (Series::default(), serde_json::Value::Null);
    for _ in 0..options.rounds() {
        let field = Field {
            node: Node::start(&options, "bench", &Backends::none()).await,
            limit: None,
            centrifuge: Centrifuge::start(&options).await,
        };
        let contestants = field.contestants(&options, work);
        shown = settings(&contestants, "none");
        once(&mut series, &contestants).await;
    }
    let handshake = Aim { value: Some(70.0), ratios: &[("centrifuge", 0.4)] };
    let session = Aim { value: Some(3_500.0), ratios: &[("centrifuge", 0.08)] };
    let left = Aim { value: Some(0.0), ratios: &[] };
    let cpu =
        |outcome: &Outcome| outcome.cpu_ns.values().sum::<u64>() as f64 / outcome.messages as f64 / 1_000.0;
    vec![
        series.figure("handshake_cpu", "us/login", handshake, shown.clone(), cpu),
        series.figure("session_bytes", "bytes", session, shown.clone(), |outcome| {
            each(outcome, |memory| (memory.held, memory.before))
        }),
        series.figure("session_bytes_kept_after_leaving", "bytes", left, shown.clone(), |outcome| {
            each(outcome, |memory| (memory.left, memory.before))
        }),
        series.figure("session_bytes_grown_second_time", "bytes", left, shown, |outcome| {
            each(outcome, |memory| (memory.held_again, memory.held))
        }),
    ]
}

/// Tunnels through a gateway to a server that does nothing.
pub(super) async fn tunnels(options: Arc<Options>) -> Vec<Figure> {
    let work = Work::Idle { sessions: options.many(MANY) };
    let (mut series, mut shown) = (Series::default(), serde_json::Value::Null);
    for _ in 0..options.rounds() {
        let limit = Limit::start().await;
        let gateway = Gateway::start(&options, limit.door).await;
        // Its clients speak to what is behind it.
        let mut ours = contestant(&options, Who::Limit, gateway.door, gateway.watched(), work);
        ours.who = Who::Trunkline;
        let contestants = [ours];
        shown = settings(&contestants, "none");
        once(&mut series, &contestants).await;
    }
    let aim = Aim { value: Some(2_600.0), ratios: &[] };
    let left = Aim { value: Some(0.0), ratios: &[] };
    vec![
        series.figure("tunnel_bytes", "bytes", aim, shown.clone(), |outcome| {
            each(outcome, |memory| (memory.held, memory.before))
        }),
        series.figure("tunnel_bytes_kept_after_leaving", "bytes", left, shown, |outcome| {
            each(outcome, |memory| (memory.left, memory.before))
        }),
    ]
}

async fn once(series: &mut Series, contestants: &[Contestant]) {
    for contestant in contestants {
        series.add(contestant.who, load(&contestant.job).await);
    }
}

/// The difference of two looks at memory, for each session; what shrinks is no negative cost.
fn each(outcome: &Outcome, looks: impl Fn(&Memory) -> (u64, u64)) -> f64 {
    let (now, before) = looks(&outcome.memory.unwrap_or_default());
    now.saturating_sub(before) as f64 / outcome.messages as f64
}
