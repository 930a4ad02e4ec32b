//! Rounds: every contestant in turns, so that what the machine does meanwhile befalls all of them.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};
use testkit::process::{Program, Stream};

use super::figure::{Aim, Figure, Rounds};
use super::options::{Options, beside};
use super::servers::Who;
use crate::job::Job;
use crate::outcome::Outcome;

/// Beyond the time of the job: logging in, what is under way at the end, memory that is waited for.
const LOAD_MORE: Duration = Duration::from_secs(90);

/// A server that takes part, and what is done on it.
#[derive(Debug, Clone)]
pub(crate) struct Contestant {
    pub(crate) who: Who,
    pub(crate) job: Job,
}

/// What each contestant did, round by round.
#[derive(Debug, Default)]
pub(crate) struct Series {
    outcomes: BTreeMap<Who, Vec<Outcome>>,
}

/// Has every contestant do its job once a round, each round beginning with another one.
pub(crate) async fn in_turns(options: &Options, contestants: &[Contestant]) -> Series {
    let mut series = Series::default();
    for round in 0..options.rounds() as usize {
        for turn in 0..contestants.len() {
            let Some(contestant) = contestants.get((round + turn) % contestants.len()) else { continue };
            series.add(contestant.who, load(&contestant.job).await);
        }
    }
    series
}

/// Has one job done by a process of its own.
///
/// # Panics
///
/// When the server did not do what is measured: with what the load says.
pub(crate) async fn load(job: &Job) -> Outcome {
    let words = serde_json::to_string(job).unwrap_or_default();
    let process = Program::new(beside("load")).arg(words).start();
    let code = process.exit_code(Duration::from_millis(job.warm_up_ms + job.window_ms) + LOAD_MORE).await;
    let lines = process.lines(Stream::Out);
    let outcome = lines.last().and_then(|line| serde_json::from_str(line).ok());
    match outcome {
        Some(outcome) if code == 0 => outcome,
        _ => panic!("nothing was measured\n{}", process.tail()),
    }
}

impl Series {
    /// Takes one outcome in.
    pub(crate) fn add(&mut self, who: Who, outcome: Outcome) {
        self.outcomes.entry(who).or_default().push(outcome);
    }

    /// What `value` gives of our rounds, beside those of the others.
    pub(crate) fn figure(
        &self,
        name: &str,
        unit: &'static str,
        aim: Aim,
        settings: Value,
        value: impl Fn(&Outcome) -> f64,
    ) -> Figure {
        let values = |who: Who| self.of(who).iter().map(&value).collect::<Vec<f64>>();
        let ours = values(Who::Trunkline);
        let mut figure = Figure::alone(name, unit, &ours, aim, settings);
        for who in self.outcomes.keys().filter(|who| **who != Who::Trunkline) {
            let theirs = values(*who);
            let ratios: Vec<f64> = ours.iter().zip(&theirs).map(|(ours, theirs)| ours / theirs).collect();
            figure.ratios.insert(who.name().to_owned(), Rounds::of(&ratios).median);
            figure.references.insert(who.name().to_owned(), Rounds::of(&theirs));
        }
        let all = || self.outcomes.values().flatten();
        figure.others_cores = all().map(|outcome| outcome.others_cores).fold(0.0, f64::max);
        let load = |outcome: &Outcome| outcome.load_cpu_ns as f64 / outcome.window_ns.max(1) as f64;
        figure.load_cores = self.median(load);
        figure
    }

    /// What `value` gives of our rounds, in the middle.
    pub(crate) fn median(&self, value: impl Fn(&Outcome) -> f64) -> f64 {
        Rounds::of(&self.of(Who::Trunkline).iter().map(value).collect::<Vec<_>>()).median
    }

    fn of(&self, who: Who) -> &[Outcome] {
        self.outcomes.get(&who).map(Vec::as_slice).unwrap_or_default()
    }
}

impl Contestant {
    /// What the figure is of, for whoever wants to repeat it.
    pub(crate) fn settings(&self, more: Value) -> Value {
        let mut settings = json!({
            "work": self.job.work,
            "window_ms": self.job.window_ms,
            "warm_up_ms": self.job.warm_up_ms,
        });
        if let (Value::Object(settings), Value::Object(more)) = (&mut settings, more) {
            settings.extend(more);
        }
        settings
    }
}
