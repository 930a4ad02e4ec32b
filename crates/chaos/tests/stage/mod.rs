//! What both runs need: the binary under test, a folder, and words past the test harness.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot be set up must fail")]

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use chaos::{Bus, Plan};

/// Runs chaos and shows the verdict, whichever it is.
pub(crate) async fn run(seed: u64, seconds: u64, bus: Bus) {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("chaos-{bus:?}").to_lowercase());
    let plan = Plan { seed, time: Duration::from_secs(seconds), bus, binary: trunkline(), folder };
    let outcome = chaos::run(&plan).await;
    // Written past the macro whose output the test harness keeps back.
    std::io::stderr().write_all(outcome.to_string().as_bytes()).expect("standard error");
    assert!(outcome.is_good(), "see above");
}

/// The binary, built from what is here now: nothing else makes sure that it is not an older one.
fn trunkline() -> PathBuf {
    let built = Command::new(env!("CARGO")).args(["build", "--quiet", "--package", "trunkline"]).status();
    assert!(built.expect("cargo").success(), "trunkline does not build");
    Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("target").join("debug/trunkline")
}
