//! `cargo xtask sim`: runs seeds, and says what came of them.

#![allow(clippy::print_stdout, reason = "it is a program that says what it found")]
#![allow(clippy::disallowed_methods, reason = "the time of the person who waits is not the simulated one")]

use std::process::ExitCode;
use std::time::{Duration, Instant};

use sim::many::run_many;
use sim::run::{Outcome, run};
use sim::shrink::shrink;
use sim::summary::Summary;
use sim::words::{USAGE, Words};

/// Of many runs, so many failures are told in full; the others by their seeds.
const SHOWN_MAX: usize = 5;
/// Between two lines of progress.
const PROGRESS_EVERY: Duration = Duration::from_secs(5);

fn main() -> ExitCode {
    let words = match Words::read(std::env::args().skip(1)) {
        Ok(words) => words,
        Err(problem) => {
            println!("{problem}\n{USAGE}");
            return ExitCode::from(64);
        }
    };
    let is_good = match words.seeds.end - words.seeds.start {
        _ if words.scale => scale(),
        1 => one(&words),
        _ => many(&words),
    };
    if is_good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn scale() -> bool {
    println!("{}", sim::scale::table());
    true
}

fn one(words: &Words) -> bool {
    let seed = words.seeds.start;
    let plan = words.plan(seed);
    println!("seed {seed}: {} nodes, {} users, {:?}", plan.nodes, plan.users, plan.length);
    for (place, planned) in plan.faults.iter().enumerate() {
        println!("  {place:2}  {planned}");
    }
    let began = Instant::now();
    let outcome = run(&plan, words.facts.as_deref());
    println!("{:.2?}, {} facts", began.elapsed(), outcome.facts.len());
    show(words, seed, &outcome);
    let mut summary = Summary::default();
    summary.add(seed, &outcome);
    print!("{summary}");
    if !outcome.is_good() && words.shrink {
        let (needed, smallest) = shrink(&plan, &outcome);
        println!("it needs these faults alone: {needed:?}");
        if let Some(smallest) = smallest {
            show(&Words { only: Some(needed), ..words.clone() }, seed, &smallest);
        }
    }
    outcome.is_good() && (!words.twice || is_the_same(words, seed, &outcome))
}

fn many(words: &Words) -> bool {
    let (began, mut told) = (Instant::now(), Instant::now());
    let mut summary = Summary::default();
    let mut is_same = true;
    let all = words.seeds.end - words.seeds.start;
    run_many(
        words.seeds.clone(),
        |seed| words.plan(seed),
        |seed, outcome| {
            summary.add(seed, &outcome);
            if !outcome.is_good() && summary.failed.len() <= SHOWN_MAX {
                show(words, seed, &outcome);
            }
            if words.twice {
                is_same &= is_the_same(words, seed, &outcome);
            }
            if told.elapsed() >= PROGRESS_EVERY {
                told = Instant::now();
                let (runs, failed) = (summary.runs, summary.failed.len());
                println!("{runs} of {all} runs, {failed} failed, {:.0?}", began.elapsed());
            }
            true
        },
    );
    summary.failed.sort_unstable();
    print!("{summary}");
    println!("{:.1?}", began.elapsed());
    summary.failed.is_empty() && is_same
}

fn show(words: &Words, seed: u64, outcome: &Outcome) {
    print!("{}", outcome.verdict.clone().of_run(seed, &words.command(seed)));
    for defect in &outcome.defects {
        println!("  DEFECT in seed {seed}: {defect}");
    }
}

/// Runs a seed once more, and compares the facts.
fn is_the_same(words: &Words, seed: u64, outcome: &Outcome) -> bool {
    let (one, other) = (outcome.facts.to_ndjson(), run(&words.plan(seed), None).facts.to_ndjson());
    if one == other {
        return true;
    }
    println!("seed {seed} is not the same twice:");
    if let Some((one, other)) = one.lines().zip(other.lines()).find(|(one, other)| one != other) {
        println!("  {one}\n  {other}");
    }
    false
}
