//! The clients of one work: `load JOB`, with the job as JSON; prints what it has seen as JSON.

use std::io::Write;
use std::process::ExitCode;

use bench::load::{self, Failure};

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("load: {failure}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), Failure> {
    let job = std::env::args().nth(1).ok_or_else(|| Failure("usage: load JOB".to_owned()))?;
    let job = serde_json::from_str(&job).map_err(|error| Failure(format!("that is no job: {error}")))?;
    let outcome = load::run(&job)?;
    let text = serde_json::to_string(&outcome).map_err(|error| Failure(error.to_string()))?;
    writeln!(std::io::stdout(), "{text}")?;
    Ok(())
}
