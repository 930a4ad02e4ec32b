//! The command line of the benchmark.

use std::path::PathBuf;

use clap::Parser;

/// Measures what a message costs, beside reference servers in the same run.
#[derive(Debug, Clone, Parser)]
#[command(name = "bench")]
pub struct Options {
    /// Only these works, by name.
    #[arg(long, value_delimiter = ',', value_name = "NAME,...")]
    pub only: Vec<String>,
    /// How long each is counted in a round.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..=60))]
    pub secs: u64,
    /// How often each is done.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..=20))]
    pub rounds: u64,
    /// One round of one second, with few sessions: to see that it works, not to read figures.
    #[arg(long)]
    pub quick: bool,
    /// Leaves the reference on the library centrifuge out.
    #[arg(long)]
    pub no_centrifuge: bool,
    /// The binary that is measured; otherwise the one beside this one.
    #[arg(long, value_name = "FILE")]
    pub trunkline: Option<PathBuf>,
    /// The reference, once it is built.
    #[arg(skip)]
    pub centrifuge: Option<PathBuf>,
}

impl Options {
    /// Whether a work was asked for.
    pub(crate) fn wants(&self, name: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|only| only == name)
    }

    /// Rounds of every work.
    pub(crate) fn rounds(&self) -> u64 {
        if self.quick { 1 } else { self.rounds }
    }

    /// What is counted in a round, in milliseconds.
    pub(crate) fn window_ms(&self) -> u64 {
        if self.quick { 1_000 } else { self.secs * 1_000 }
    }

    /// What is done before it: caches fill, threads come up, a collector finds its pace.
    pub(crate) fn warm_up_ms(&self) -> u64 {
        self.window_ms() / 3
    }

    /// A number of sessions, or fewer where figures are not read.
    pub(crate) fn many(&self, sessions: usize) -> usize {
        if self.quick { (sessions / 10).max(1) } else { sessions }
    }

    /// The binary that is measured.
    ///
    /// # Panics
    ///
    /// When it is not there.
    pub(crate) fn trunkline(&self) -> PathBuf {
        let path = self.trunkline.clone().unwrap_or_else(|| beside("trunkline"));
        // Servers run in folders of their own, so a relative path would lead them elsewhere.
        match path.canonicalize() {
            Ok(path) => path,
            Err(error) => panic!("{}: {error}; `cargo xtask bench` builds it", path.display()),
        }
    }
}

/// A program that lies where this one does.
///
/// # Panics
///
/// When it is not there.
pub(crate) fn beside(name: &str) -> PathBuf {
    match std::env::current_exe() {
        Ok(own) => own.with_file_name(name),
        Err(error) => panic!("where this program lies cannot be found: {error}"),
    }
}
