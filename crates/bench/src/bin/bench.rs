//! `bench`: starts servers, has works done on them, prints one JSON line for each figure.

use std::process::ExitCode;

use bench::suite::{Options, run};
use clap::Parser;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    run(Options::parse()).await
}
