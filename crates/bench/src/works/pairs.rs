//! One to one on one node.

use std::sync::Arc;

use super::{Field, settings};
use crate::job::{Pace, Work};
use crate::outcome::Outcome;
use crate::suite::{Aim, Backends, Centrifuge, Figure, Limit, Node, Options, in_turns};

/// Senders, each with one message under way.
const PAIRS: usize = 500;
/// Messages a second where it is asked how long one takes: far from what any of the servers can do.
const LATENCY_PER_SECOND: u32 = 1_000;

/// Nothing is kept.
pub(super) async fn unkept(options: Arc<Options>) -> Vec<Figure> {
    let field = field(&options).await;
    let work = Work::Pairs { pairs: options.many(PAIRS), pace: Pace::OneInFlight };
    let contestants = field.contestants(&options, work);
    let series = in_turns(&options, &contestants).await;
    let aim = Aim { value: Some(13.0), ratios: &[("centrifuge", 0.35)] };
    vec![series.figure("pair_message_cpu", "us/message", aim, settings(&contestants, "none"), per_message)]
}

/// Kept, and receipted after the commit.
pub(super) async fn sqlite(options: Arc<Options>) -> Vec<Figure> {
    let backends = Backends { store: "sqlite:bench.db".to_owned(), ..Backends::none() };
    let field =
        Field { node: Node::start(&options, "bench", &backends).await, limit: None, centrifuge: None };
    let work = Work::Pairs { pairs: options.many(PAIRS), pace: Pace::OneInFlight };
    let contestants = field.contestants(&options, work);
    let series = in_turns(&options, &contestants).await;
    let aim = Aim { value: Some(40.0), ratios: &[] };
    let settings = settings(&contestants, "sqlite, synchronous=FULL");
    let rate = |outcome: &Outcome| outcome.messages as f64 / (outcome.window_ns as f64 / 1e9);
    vec![
        series.figure("pair_kept_message_cpu", "us/message", aim, settings.clone(), per_message),
        series.figure("pair_kept_messages_per_second", "1/s", Aim::default(), settings, rate),
    ]
}

/// How long a message takes.
pub(super) async fn latency(options: Arc<Options>) -> Vec<Figure> {
    let field = field(&options).await;
    let work = Work::Pairs { pairs: options.many(PAIRS), pace: Pace::PerSecond(LATENCY_PER_SECOND) };
    let contestants = field.contestants(&options, work);
    let series = in_turns(&options, &contestants).await;
    let settings = settings(&contestants, "none");
    let p50 = Aim { value: Some(130.0), ratios: &[("centrifuge", 0.7)] };
    let p99 = Aim { value: Some(300.0), ratios: &[("centrifuge", 0.7)] };
    vec![
        series.figure("latency_1000_p50", "us", p50, settings.clone(), |outcome| outcome.arrived.p50_us),
        series.figure("latency_1000_p99", "us", p99, settings, |outcome| outcome.arrived.p99_us),
    ]
}

async fn field(options: &Options) -> Field {
    Field {
        node: Node::start(options, "bench", &Backends::none()).await,
        limit: Some(Limit::start().await),
        centrifuge: Centrifuge::start(options).await,
    }
}

/// CPU of whoever is watched.
fn per_message(outcome: &Outcome) -> f64 {
    let cpu: u64 = outcome.cpu_ns.values().sum();
    cpu as f64 / outcome.messages as f64 / 1_000.0
}
