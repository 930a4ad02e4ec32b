//! `chaos`: breaks a cluster on real servers for a while and says whether it kept its word.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use chaos::{Bus, Plan};
use clap::Parser;

/// Breaks a cluster on real servers for a while and says whether it kept its word.
#[derive(Debug, Parser)]
struct Arguments {
    /// What the faults and the users' whims are drawn from; by chance where it is not said.
    #[arg(long)]
    seed: Option<u64>,
    /// How long the cluster is under load, in seconds.
    #[arg(long, default_value_t = 90)]
    secs: u64,
    /// What the nodes talk over.
    #[arg(long, value_enum, default_value_t = Bus::RocketMq)]
    bus: Bus,
    /// The built `trunkline`.
    #[arg(long)]
    binary: PathBuf,
    /// Where the run keeps its facts and logs.
    #[arg(long)]
    folder: PathBuf,
    /// Only judge once more what an earlier run has left in the folder.
    #[arg(long)]
    again: bool,
}

fn main() -> ExitCode {
    let Arguments { seed, secs, bus, binary, folder, again } = Arguments::parse();
    let seed = seed.unwrap_or_else(Plan::any_seed);
    let plan = Plan { seed, time: Duration::from_secs(secs), bus, binary, folder };
    let runtime = match tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("chaos: no runtime: {error}");
            return ExitCode::FAILURE;
        }
    };
    let outcome = if again { chaos::judge_again(&plan) } else { runtime.block_on(chaos::run(&plan)) };
    if let Err(error) = write!(std::io::stdout(), "{outcome}") {
        eprintln!("chaos: cannot print the verdict: {error}");
        return ExitCode::FAILURE;
    }
    if outcome.is_good() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
