//! The benchmark: which works there are, in which order they are done, and what is printed.

mod contest;
mod figure;
mod machine;
mod options;
mod servers;

use std::io::Write;
use std::process::ExitCode;
use std::sync::Arc;

pub(crate) use contest::{Contestant, Series, in_turns, load};
pub(crate) use figure::{Aim, Figure};
pub use options::Options;
pub(crate) use servers::{Backends, Centrifuge, Gateway, Limit, Nginx, Node, Who, secret};
use tokio::process::Command;
use tokio::task::LocalSet;

use crate::works::WORKS;
use figure::table;
use machine::Machine;

/// Does the works that were asked for; prints a line for each figure as soon as it is there, and a table at the end.
pub async fn run(options: Options) -> ExitCode {
    if let Some(unknown) =
        options.only.iter().find(|name| !WORKS.iter().any(|work| work.name == name.as_str()))
    {
        eprintln!("bench: no work is called `{unknown}`; there are:");
        for work in WORKS {
            eprintln!("  {:22} {}", work.name, work.about);
        }
        return ExitCode::from(64);
    }
    raise_open_files();
    let machine = Machine::read();
    let mut options = options;
    options.centrifuge = centrifuge(&options).await;
    let options = Arc::new(options);
    let (mut figures, mut failed) = (Vec::new(), Vec::new());
    for work in WORKS.iter().filter(|work| options.wants(work.name)) {
        eprintln!("bench: {}: {}", work.name, work.about);
        // What goes wrong in a work is a panic with a sentence; the others are done all the same.
        let alone = LocalSet::new();
        let working = alone.spawn_local((work.run)(options.clone()));
        match alone.run_until(working).await {
            Ok(measured) => {
                for figure in &measured {
                    let line = figure.line(&machine);
                    if writeln!(std::io::stdout(), "{line}").is_err() {
                        return ExitCode::FAILURE;
                    }
                }
                figures.extend(measured);
            }
            Err(_panicked) => failed.push(work.name),
        }
    }
    eprintln!("\n{}", table(&figures, &machine));
    if failed.is_empty() {
        return ExitCode::SUCCESS;
    }
    eprintln!("bench: not measured, for the reasons above: {}", failed.join(", "));
    ExitCode::FAILURE
}

/// Some systems give a program 1,024 files and let it ask for more; servers and clients started here have the same limit.
fn raise_open_files() {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    let wanted = rustix::process::Rlimit { current: limit.maximum, ..limit };
    if let Err(error) = setrlimit(Resource::Nofile, wanted) {
        eprintln!("bench: the number of open files cannot be raised: {error}");
    }
}

/// Builds the server on the library centrifuge; without Go there is none, and no ratio to it.
async fn centrifuge(options: &Options) -> Option<std::path::PathBuf> {
    if options.no_centrifuge {
        return None;
    }
    let source = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("centrifuge");
    let built = testkit::servers::cache_folder().join("bench/centrifuge");
    for go in ["go", "/usr/local/go/bin/go"] {
        let arguments = ["build", "-o"];
        let build = Command::new(go).args(arguments).arg(&built).arg(".").current_dir(&source).status().await;
        match build {
            Ok(status) if status.success() => return Some(built),
            Ok(status) => {
                eprintln!("bench: THE REFERENCE `centrifuge` COULD NOT BE BUILT ({status}): no ratio to it");
                return None;
            }
            Err(_) => {}
        }
    }
    eprintln!(
        "bench: GO IS NOT INSTALLED: the reference `centrifuge` is left out, and no ratio to it is printed"
    );
    eprintln!("bench: install Go 1.26 or later (https://go.dev/dl) and run it again");
    None
}
