//! What every running verb has in common: the configuration, the log, the runtime, and the end.

use std::future::Future;
use std::io::{self, Write};

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::open_files;
use crate::config::{Config, Loaded, Problems, ProcessEnvironment, Request, load};
use crate::exit::Exit;
use crate::logging;
use crate::measures::Measures;
use crate::signals::Signals;

/// Why a verb ended otherwise than it should: one clear line, and the exit code that goes with it.
#[derive(Debug, Clone)]
pub struct Failure {
    exit: Exit,
    lines: Vec<String>,
}

impl Failure {
    /// A bad configuration or argument.
    pub fn usage(line: impl Into<String>) -> Failure {
        Failure { exit: Exit::Usage, lines: vec![line.into()] }
    }

    /// Something that is needed never came up, or a port is taken.
    pub fn unavailable(line: impl Into<String>) -> Failure {
        Failure { exit: Exit::Unavailable, lines: vec![line.into()] }
    }

    /// A defect of ours.
    pub fn defect(line: impl Into<String>) -> Failure {
        Failure { exit: Exit::Defect, lines: vec![line.into()] }
    }

    /// Several lines, each a problem of the configuration.
    pub fn all_usage(lines: Vec<String>) -> Failure {
        Failure { exit: Exit::Usage, lines }
    }

    /// Says it on standard error.
    pub fn print(&self) -> Exit {
        let mut out = io::stderr().lock();
        for line in &self.lines {
            // A closed terminal must not turn an exit code into another.
            drop(writeln!(out, "trunkline: {line}"));
        }
        self.exit
    }

    /// Ended at once by a second signal.
    pub fn interrupted() -> Failure {
        Failure { exit: Exit::Interrupted, lines: vec!["ended at once by a second signal".to_owned()] }
    }
}

impl From<Problems> for Failure {
    fn from(problems: Problems) -> Failure {
        Failure { exit: Exit::Usage, lines: problems.to_string().lines().map(str::to_owned).collect() }
    }
}

/// Runs a verb under a runtime of its own, and says how it ended.
pub(super) fn run<F: Future<Output = Result<(), Failure>>>(
    request: &Request,
    verb: impl FnOnce(Config, Measures, Signals) -> F,
) -> Exit {
    let ended = prepare(request).and_then(|config| {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
        let runtime = runtime.map_err(|error| Failure::defect(format!("no runtime: {error}")))?;
        let ended = runtime.block_on(async {
            let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
            let measures = Measures::start(&tasks, &stop)
                .map_err(|error| Failure::defect(format!("cannot count: {error}")))?;
            let signals = Signals::listen()
                .map_err(|error| Failure::defect(format!("cannot listen for signals: {error}")))?;
            let ended = verb(config, measures, signals).await;
            stop.cancel();
            tasks.close();
            tasks.wait().await;
            ended
        });
        // What a library left running must not keep a process that is done.
        runtime.shutdown_background();
        ended
    });
    match ended {
        Ok(()) => Exit::Done,
        Err(failure) => failure.print(),
    }
}

fn prepare(request: &Request) -> Result<Config, Failure> {
    let Loaded { config, warnings, .. } = load(request, &ProcessEnvironment)?;
    logging::start(config.log.format, config.log.level)
        .map_err(|error| Failure::defect(format!("cannot log: {error}")))?;
    open_files::allow_all();
    for warning in &warnings {
        tracing::warn!("{warning}");
    }
    Ok(config)
}

/// Waits for the first signal, then drains; a second signal ends at once.
pub(super) async fn drain_on_signal(
    signals: &mut Signals,
    drain: impl Future<Output = ()>,
) -> Result<(), Failure> {
    tracing::info!("draining, because of a signal; a second one ends at once");
    tokio::select! {
        () = drain => Ok(()),
        () = signals.next() => Err(Failure::interrupted()),
    }
}
