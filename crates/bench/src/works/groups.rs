//! One writes to a group whose members are all on one node.

use std::sync::Arc;

use super::{Field, settings};
use crate::job::Work;
use crate::suite::{Aim, Backends, Centrifuge, Figure, Limit, Node, Options, in_turns};

/// Members of the group, besides the one who writes.
const MEMBERS: usize = 1_000;

/// The next message when everybody has the last.
pub(super) async fn one_at_a_time(options: Arc<Options>) -> Vec<Figure> {
    let aim = Aim { value: Some(5.5), ratios: &[("limit", 1.15), ("centrifuge", 0.6)] };
    vec![group(&options, "group_delivery_cpu", 1, aim).await]
}

/// Messages follow each other closely, so that they can share writes.
pub(super) async fn sixteen_in_flight(options: Arc<Options>) -> Vec<Figure> {
    let aim = Aim { value: Some(0.8), ratios: &[("centrifuge", 0.5)] };
    vec![group(&options, "group_16_delivery_cpu", 16, aim).await]
}

async fn group(options: &Options, name: &str, in_flight: usize, aim: Aim) -> Figure {
    let field = Field {
        node: Node::start(options, "bench", &Backends::none()).await,
        limit: Some(Limit::start().await),
        centrifuge: Centrifuge::start(options).await,
    };
    let work = Work::Group { members: options.many(MEMBERS), in_flight };
    let contestants = field.contestants(options, work);
    let series = in_turns(options, &contestants).await;
    series.figure(name, "us/delivery", aim, settings(&contestants, "none"), |outcome| {
        let cpu: u64 = outcome.cpu_ns.values().sum();
        cpu as f64 / outcome.deliveries as f64 / 1_000.0
    })
}
