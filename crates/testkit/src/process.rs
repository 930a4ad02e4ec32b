//! Child processes that a test owns: started, listened to, signalled by their own pid, and never left behind.
//!
//! A process is killed when its owner is dropped, and by the kernel when the test program ends in whatever way.
//! It belongs to no async runtime, so one server may serve all tests of a program, each of which has a runtime of its own.
//! What it prints is kept, and shown where something that was expected of it does not come.

mod footprint;
mod lines;
mod program;
mod spawn;

use std::fmt::Write as _;
use std::process::ExitStatus;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use rustix::process::Pid;
use tokio::sync::watch;
use tokio::time::{Instant, timeout, timeout_at};

pub use footprint::Footprint;
use lines::Lines;
pub use lines::Stream;
pub use program::Program;

/// How much of what a process printed is shown with a failure.
const TAIL_LINES: usize = 40;

/// From the end of a process to that of what it printed.
const LAST_WORDS_DEADLINE: Duration = Duration::from_secs(1);

/// What a process can be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// SIGTERM: please end.
    Term,
    /// SIGINT: as Ctrl-C.
    Int,
    /// SIGKILL: ends at once, without a word.
    Kill,
    /// SIGSTOP: stands still; its sockets stay open.
    Stop,
    /// SIGCONT: goes on after [`Signal::Stop`].
    Cont,
}

/// Sends `signal` to a process that is known to be ours; one that is already gone is as good as signalled.
pub(crate) fn signal_pid(pid: u32, signal: Signal) {
    let signal = match signal {
        Signal::Term => rustix::process::Signal::TERM,
        Signal::Int => rustix::process::Signal::INT,
        Signal::Kill => rustix::process::Signal::KILL,
        Signal::Stop => rustix::process::Signal::STOP,
        Signal::Cont => rustix::process::Signal::CONT,
    };
    if let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) {
        rustix::process::kill_process(pid, signal).ok();
    }
}

/// Lets this process, and those that it starts from now on, open as many files and sockets as the system allows at all.
///
/// Shells give 1,024; a crowd of clients needs more.
///
/// # Panics
///
/// When even that is below `wanted`.
pub fn open_files_up_to(wanted: u64) {
    let mut limit = rustix::process::getrlimit(rustix::process::Resource::Nofile);
    limit.current = limit.maximum;
    rustix::process::setrlimit(rustix::process::Resource::Nofile, limit)
        .unwrap_or_else(|error| panic!("cannot ask for more open files: {error}"));
    let allowed = limit.maximum.unwrap_or(u64::MAX);
    assert!(
        allowed >= wanted,
        "this machine allows {allowed} open files, and {wanted} are needed: see `ulimit -Hn`"
    );
}

/// A running (or ended) child process. [`Program::start`] makes one.
#[derive(Debug)]
pub struct Process {
    name: String,
    pid: u32,
    lines: Arc<Lines>,
    exit: watch::Receiver<Option<ExitStatus>>,
    reaper: Option<JoinHandle<()>>,
}

impl Process {
    /// What failures call it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// What it holds now.
    ///
    /// # Panics
    ///
    /// When it has ended.
    pub fn footprint(&self) -> Footprint {
        Footprint::of(self.pid)
    }

    /// Whether it has not ended yet.
    pub fn is_running(&self) -> bool {
        self.exit.borrow().is_none()
    }

    /// Sends a signal; does nothing once the process has ended.
    pub fn signal(&self, signal: Signal) {
        if self.is_running() {
            signal_pid(self.pid, signal);
        }
    }

    /// Waits for its end.
    ///
    /// # Panics
    ///
    /// When it has not ended by the deadline.
    pub async fn exit_status(&self, deadline: Duration) -> ExitStatus {
        let mut exit = self.exit.clone();
        let ended = timeout_at(Instant::now() + deadline, exit.wait_for(Option::is_some)).await;
        let status = ended.ok().and_then(Result::ok).and_then(|status| *status);
        if status.is_some() {
            // Its last words may still be in the pipe; a child of its own may hold that open for ever.
            timeout(LAST_WORDS_DEADLINE, self.lines.ended()).await.ok();
        }
        status.unwrap_or_else(|| panic!("{} has not ended within {deadline:?}\n{}", self.name, self.tail()))
    }

    /// Waits for its end and returns the exit code.
    ///
    /// # Panics
    ///
    /// When it has not ended by the deadline, or was ended by a signal.
    pub async fn exit_code(&self, deadline: Duration) -> i32 {
        let status = self.exit_status(deadline).await;
        status.code().unwrap_or_else(|| panic!("{} was ended by {status}\n{}", self.name, self.tail()))
    }

    /// Kills it and waits until it is gone.
    pub async fn kill_9(&self) {
        self.signal(Signal::Kill);
        self.exit_status(Duration::from_secs(10)).await;
    }

    /// Waits for a line (of either stream) that contains `part`, among those already printed and those to come, and returns it.
    ///
    /// # Panics
    ///
    /// When no such line has come by the deadline, or the process has ended without one.
    pub async fn wait_for_line(&self, part: &str, deadline: Duration) -> String {
        self.wait_for_line_from(0, part, deadline).await
    }

    /// As [`Process::wait_for_line`], but passes over the first `seen` lines; take `seen` from [`Process::line_count`].
    ///
    /// # Panics
    ///
    /// As [`Process::wait_for_line`].
    pub async fn wait_for_line_from(&self, seen: u64, part: &str, deadline: Duration) -> String {
        let found = timeout_at(Instant::now() + deadline, self.lines.find(seen, part)).await;
        let failure = match found {
            Ok(Some(line)) => return line,
            Ok(None) => "it ended without".to_owned(),
            Err(_) => format!("not within {deadline:?}"),
        };
        panic!("{}: a line with {part:?}: {failure}\n{}", self.name, self.tail())
    }

    /// How many lines it has printed so far.
    pub fn line_count(&self) -> u64 {
        self.lines.count()
    }

    /// What it has printed to `stream` so far, the oldest lines cut off after some 20,000.
    pub fn lines(&self, stream: Stream) -> Vec<String> {
        self.lines.of(stream)
    }

    /// The end of what it has printed, to be shown with a failure.
    pub fn tail(&self) -> String {
        let mut text = format!("the last lines of {} (pid {}", self.name, self.pid);
        match *self.exit.borrow() {
            Some(status) => writeln!(text, ", {status}):"),
            None => writeln!(text, ", running):"),
        }
        .ok();
        for line in self.lines.last(TAIL_LINES) {
            writeln!(text, "  | {line}").ok();
        }
        text
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{}", self.tail());
        }
        self.signal(Signal::Kill);
        // Until it is reaped its port and its files are still in use, and the next test may want them.
        if let Some(reaper) = self.reaper.take() {
            reaper.join().ok();
        }
    }
}
