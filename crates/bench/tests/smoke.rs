//! The benchmark itself, on the debug binary for one second: that it does not rot. Its figures mean nothing here.

use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

/// The binary that is measured, built by `cargo test --workspace` before any test runs.
fn trunkline() -> std::path::PathBuf {
    let path = Path::new(env!("CARGO_BIN_EXE_bench")).with_file_name("trunkline");
    assert!(path.is_file(), "{} is not there: cargo build -p trunkline", path.display());
    path
}

fn bench(arguments: &[&str]) -> std::process::Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_bench"));
    command.args(["--quick", "--no-centrifuge", "--trunkline"]).arg(trunkline()).args(arguments);
    command.stdin(Stdio::null()).output().unwrap_or_else(|error| panic!("{command:?}: {error}"))
}

#[test]
fn works_give_a_line_of_json_for_each_figure_with_its_ratio_to_the_limit() {
    let output = bench(&["--only", "group,gateway,startup"]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{said}");
    let lines: Vec<Value> = String::from_utf8(output.stdout)
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")))
        .collect();
    let names: Vec<&str> = lines.iter().filter_map(|line| line["name"].as_str()).collect();
    let wanted =
        ["group_delivery_cpu", "gateway_round_trip_cpu", "node_ready", "node_resident", "binary_size"];
    assert_eq!(names, wanted, "{said}");
    for line in &lines {
        assert!(line["value"].as_f64().is_some_and(|value| value > 0.0), "{line}");
        assert!(line["machine"]["cores"].as_u64().is_some_and(|cores| cores > 0), "{line}");
        assert!(said.contains(line["name"].as_str().unwrap()), "the table lacks it: {said}");
    }
    assert!(lines[0]["ratio"]["limit"].as_f64().is_some_and(|ratio| ratio > 0.0), "{}", lines[0]);
}

#[test]
fn a_work_that_there_is_not_is_refused_with_those_that_there_are() {
    let output = bench(&["--only", "pears"]);
    assert_eq!(output.status.code(), Some(64));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("`pears`") && said.contains("pairs-sqlite"), "{said}");
}
