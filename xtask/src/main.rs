//! The verbs of this repository: `cargo xtask VERB`. They need nothing but Rust and what each of them installs.
//!
//! `test` is the one that counts: it installs what the tests need, runs all of them, and ends with one line `N passed, N failed`.

#![allow(clippy::disallowed_methods, reason = "verbs read the environment")]

mod autobahn;
mod chaos;
mod code_map;
mod conformance;
mod docs;
mod fuzz;
mod install;
mod lint;
mod proofs;
mod shell;
mod tally;
mod test;

use std::process::ExitCode;

/// The verbs, and what each is for.
const VERBS: [(&str, &str); 11] = [
    (
        "test",
        "install what the tests need, run all of them, end with `N passed, N failed`; words after it pick parts: rust, fuzz, js, page, or a crate",
    ),
    ("lint", "formatting, clippy, and the rules of the house; what CI checks besides the tests"),
    (
        "conformance",
        "the Autobahn suite against the node's own socket code; ends with 77 where there is no Python 2.7; `accept` after it writes what is expected",
    ),
    (
        "bench",
        "what a message costs, beside reference servers in the same run: a JSON line a figure; `--help` after it says more",
    ),
    (
        "fuzz",
        "what strangers can send, tried for a minute a target; `--secs N`, a target and an input pick less or more, `--keep` takes in what was found",
    ),
    (
        "chaos",
        "three nodes and two gateways on real servers, broken on a schedule and judged: --seed S --secs T --bus rocketmq|rabbitmq",
    ),
    (
        "sim",
        "a whole cluster in one thread, broken by a seed and judged; `--seed N` repeats one run, `--seeds N` runs many, `--help` after it says more",
    ),
    ("install", "only install what the tests need"),
    ("docs", "write the generated pages again"),
    ("release", "build the binary as people run it: target/release/trunkline"),
    ("dist", "build the binary as it is handed out: smaller and faster, and slow to build"),
];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let Some((verb, rest)) = arguments.split_first() else { return usage() };
    let done = match verb.as_str() {
        "test" => test::run(rest),
        "lint" => lint::run(),
        "conformance" => match conformance::run(rest) {
            Ok(code) => return code,
            Err(problem) => Err(problem),
        },
        "bench" => bench(rest),
        "chaos" => chaos::run(rest),
        "fuzz" => fuzz::run(rest),
        "sim" => sim(rest),
        "install" => install::run(),
        "docs" => docs::run(),
        "release" => shell::cargo(&["build", "--release", "--package", "trunkline"]),
        "dist" => shell::cargo(&["build", "--profile", "dist", "--package", "trunkline"]),
        _ => return usage(),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("xtask {verb}: {problem}");
            ExitCode::FAILURE
        }
    }
}

/// Measures the binary as it is handed out; the benchmark finds it beside itself.
fn bench(arguments: &[String]) -> shell::Done {
    shell::cargo(&["build", "--profile", "dist", "--package", "trunkline"])?;
    shell::cargo(&["build", "--profile", "dist", "--package", "bench"])?;
    let mut run = vec!["run", "--quiet", "--profile", "dist", "--package", "bench", "--bin", "bench", "--"];
    run.extend(arguments.iter().map(String::as_str));
    shell::cargo(&run)
}

/// Runs the simulator: optimised, with every assertion on, and with nodes that can be crashed anywhere.
fn sim(arguments: &[String]) -> shell::Done {
    let mut run = vec!["run", "--quiet", "--profile", "sim", "--package", "sim", "--features", "whole", "--"];
    run.extend(arguments.iter().map(String::as_str));
    shell::cargo(&run)
}

fn usage() -> ExitCode {
    eprintln!("usage: cargo xtask VERB");
    for (verb, purpose) in VERBS {
        eprintln!("  {verb:8} {purpose}");
    }
    ExitCode::from(64)
}
