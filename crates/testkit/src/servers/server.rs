//! The life of one server process, whichever server it is.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::process::{Process, Program, Signal, signal_pid};

/// From SIGTERM to the end; the slowest, RocketMQ's broker, is killed by its own script after 3 s.
const STOP_DEADLINE: Duration = Duration::from_secs(20);
/// A process that got SIGKILL only has to be reaped, and a script around it has to notice.
const KILL_DEADLINE: Duration = Duration::from_secs(10);
/// A Java or Erlang server on two cores that compile as well; a free machine needs a twentieth of it.
const START_DEADLINE: Duration = Duration::from_secs(180);

/// A server that can be ended and started again on the same port with the same data.
///
/// Its methods take `&self`, so that one task may break it while others use it.
#[derive(Debug)]
pub struct Server {
    program: Program,
    ready: &'static str,
    /// What asks it to end at once and in order.
    ending: Signal,
    running: Mutex<Option<Arc<Running>>>,
}

#[derive(Debug)]
struct Running {
    process: Process,
    /// The server itself, where `process` is a script around it.
    server: u32,
}

impl Server {
    /// Starts `program` and waits for its line with `ready`; a `pid=` in that line names the server behind a script.
    pub(crate) async fn start(program: Program, ready: &'static str) -> Self {
        Self::start_ended_by(program, ready, Signal::Term).await
    }

    /// As [`Server::start`], for a server that takes SIGTERM for something else.
    pub(crate) async fn start_ended_by(program: Program, ready: &'static str, ending: Signal) -> Self {
        let server = Self { program, ready, ending, running: Mutex::new(None) };
        server.restart().await;
        server
    }

    /// Its process id, while it runs.
    pub fn pid(&self) -> Option<u32> {
        self.running().as_ref().filter(|running| running.process.is_running()).map(|running| running.server)
    }

    /// Starts it again, on the same port with the same data; one that still runs is stopped first.
    ///
    /// # Panics
    ///
    /// When it does not become ready: with what it printed.
    pub async fn restart(&self) {
        self.stop().await;
        let process = self.program.start();
        let line = process.wait_for_line(self.ready, START_DEADLINE).await;
        let named = line.split_whitespace().find_map(|word| word.strip_prefix("pid=")?.parse().ok());
        let server = named.unwrap_or(process.pid());
        *self.running() = Some(Arc::new(Running { process, server }));
    }

    /// Ends it politely; does nothing when it does not run.
    ///
    /// # Panics
    ///
    /// When it does not end.
    pub async fn stop(&self) {
        let Some(running) = self.running().take() else { return };
        signal_pid(running.server, Signal::Cont);
        running.process.signal(self.ending);
        running.process.exit_status(STOP_DEADLINE).await;
    }

    /// `kill -9`, and waits until it is gone; does nothing when it does not run.
    ///
    /// # Panics
    ///
    /// When it does not end.
    pub async fn kill_9(&self) {
        let Some(running) = self.running().take() else { return };
        signal_pid(running.server, Signal::Kill);
        running.process.exit_status(KILL_DEADLINE).await;
    }

    /// SIGSTOP: its sockets stay open and take connections, and nothing answers, until [`Server::resume`].
    pub fn pause(&self) {
        self.signal(Signal::Stop);
    }

    /// SIGCONT: goes on after [`Server::pause`].
    pub fn resume(&self) {
        self.signal(Signal::Cont);
    }

    /// Whether it was started and not ended, by us or by itself.
    pub fn is_running(&self) -> bool {
        self.running().as_ref().is_some_and(|running| running.process.is_running())
    }

    /// The end of what it has printed, to be shown with a failure.
    pub fn tail(&self) -> String {
        let running = self.running().clone();
        running.map_or_else(|| "it does not run".to_owned(), |running| running.process.tail())
    }

    fn signal(&self, signal: Signal) {
        if let Some(running) = self.running().as_ref().filter(|running| running.process.is_running()) {
            signal_pid(running.server, signal);
        }
    }

    fn running(&self) -> MutexGuard<'_, Option<Arc<Running>>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if self.process.is_running() {
            signal_pid(self.server, Signal::Kill);
        }
    }
}
