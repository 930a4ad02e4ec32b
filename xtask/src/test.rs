//! All tests, of all languages, and the one line that says how they ended.

use std::io::{BufRead, BufReader, Write};
use std::process::Stdio;

use crate::fuzz;
use crate::install;
use crate::shell::{Done, Problem, cargo, cargo_program, program, root, show};
use crate::tally::Tally;

/// What a word may name beside a crate.
const PARTS: [&str; 4] = ["rust", "fuzz", "js", "page"];

/// Nodes in one thread, optimised, with every assertion on, and in no other build: they can be crashed anywhere and broken by order.
const SIMULATIONS: [&str; 13] = [
    "--profile",
    "sim",
    "--package",
    "sim",
    "--package",
    "node",
    "--features",
    "sim/whole,node/faults,node/sabotage",
    "--lib",
    "--test",
    "seeds",
    "--test",
    "whole",
];

/// Runs the tests; with words, only the parts that they name: `rust`, `fuzz`, `js`, `page`, or the name of a crate.
pub fn run(words: &[String]) -> Done {
    let is_known =
        |word: &str| PARTS.contains(&word) || word == "xtask" || root().join("crates").join(word).is_dir();
    // Said before the build, which takes minutes.
    if let Some(word) = words.iter().find(|word| !is_known(word.as_str())) {
        return Err(Problem(format!(
            "`{word}` is no part: write rust, fuzz, js, page or the name of a crate"
        )));
    }
    let wants = |word: &str| words.is_empty() || words.iter().any(|wanted| wanted == word);
    install::run_beside(|| cargo(&["test", "--workspace", "--no-run"]))?;
    let mut tally = Tally::default();
    if words.is_empty() || wants("rust") {
        tally = tally + rust(&["--workspace"])?;
    }
    for package in words.iter().filter(|word| !PARTS.contains(&word.as_str())) {
        tally = tally + rust(&["--package", package])?;
    }
    if wants("sim") {
        tally = tally + rust(&SIMULATIONS)?;
    }
    if wants("fuzz") {
        tally = tally + fuzz::as_tests()?;
    }
    if wants("js") {
        tally = tally + node("clients/js")?;
    }
    if wants("page") {
        tally = tally + node("web/test")?;
    }
    println!("{} passed, {} failed", tally.passed, tally.failed);
    match tally {
        Tally { failed: 0, passed: 1.. } => Ok(()),
        Tally { passed: 0, failed: 0 } => Err(Problem("no test ran".to_owned())),
        _ => Err(Problem("some tests failed".to_owned())),
    }
}

fn rust(which: &[&str]) -> Result<Tally, Problem> {
    let mut arguments = vec!["test", "--no-fail-fast"];
    arguments.extend(which);
    let (output, ended_well) = heard(&mut cargo_program(&arguments))?;
    Ok(checked(Tally::of_cargo(&output), ended_well))
}

fn node(folder: &str) -> Result<Tally, Problem> {
    // The package names its test files: left to itself Node.js takes every file below a `test` folder for one.
    let mut command = program("npm", &["run", "--silent", "test:tap"]);
    let binary = root().join("target/debug/trunkline");
    command.current_dir(root().join(folder)).env("TRUNKLINE_BIN", binary);
    let (output, ended_well) = heard(&mut command)?;
    Ok(checked(Tally::of_node(&output), ended_well))
}

/// A runner that failed without naming a failed test, a compiler's error say, is a failure all the same.
fn checked(tally: Tally, ended_well: bool) -> Tally {
    if ended_well || tally.failed > 0 { tally } else { Tally { failed: 1, ..tally } }
}

/// Runs a program, passes on what it prints, and keeps it.
fn heard(command: &mut std::process::Command) -> Result<(String, bool), Problem> {
    let shown = show(command);
    let lost = |error: std::io::Error| Problem(format!("`{shown}`: {error}"));
    let mut child = command.stdout(Stdio::piped()).spawn().map_err(lost)?;
    let mut kept = String::new();
    if let Some(output) = child.stdout.take() {
        for line in BufReader::new(output).lines() {
            let line = line.map_err(lost)?;
            writeln!(std::io::stdout(), "{line}").map_err(lost)?;
            kept.push_str(&line);
            kept.push('\n');
        }
    }
    let status = child.wait().map_err(lost)?;
    Ok((kept, status.success()))
}
