//! One process of a cluster, that can end in every way and come back on its ports with its data.

use std::path::Path;
use std::sync::Arc;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tempfile::TempDir;

use crate::http::Http;
use crate::poll;
use crate::process::{Process, Program, Signal};
use crate::scratch;

/// A node waits for its back ends up to 60 s; a debug build on two busy cores needs a few more.
const READY_DEADLINE: Duration = Duration::from_secs(90);
/// The hard stop of a drain is 75 s.
const DRAIN_DEADLINE: Duration = Duration::from_secs(90);
/// A configuration error is found at once; what cannot be reached is waited for 60 s.
const EXIT_DEADLINE: Duration = Duration::from_secs(90);
/// The name of the configuration in the folder of the process.
const CONFIG_FILE: &str = "trunkline.yml";

/// A node, a gateway, or a whole `up`. Killed when dropped.
#[derive(Debug)]
pub struct Instance {
    // Before the folder: the process must be gone when the folder is removed.
    running: Mutex<Option<Arc<Process>>>,
    program: Program,
    ready: Http,
    folder: TempDir,
}

impl Instance {
    /// `<binary> <verb> -c trunkline.yml`, with `config` as that file, in a folder of its own; waits until `GET <base>/readyz` is 200.
    ///
    /// `verb` may bring arguments: `"node --insecure"`.
    ///
    /// # Panics
    ///
    /// When it ends or is not ready in time: with what it printed.
    pub async fn start(binary: impl AsRef<Path>, verb: &str, config: &str, base: &str) -> Self {
        let instance = Self::prepare(binary, verb, config, base);
        instance.restart().await;
        instance
    }

    /// As [`Instance::start`], but does not start it yet.
    ///
    /// # Panics
    ///
    /// When its folder cannot be written.
    pub fn prepare(binary: impl AsRef<Path>, verb: &str, config: &str, base: &str) -> Self {
        let folder = scratch::folder(verb.split_whitespace().next().unwrap_or("instance"));
        let program = Program::new(binary.as_ref())
            .called(format!("trunkline {verb} ({base})"))
            .args(verb.split_whitespace())
            .args(["-c", CONFIG_FILE])
            .folder(folder.path());
        let instance = Self::of(program, base, folder);
        instance.configure(config);
        instance
    }

    /// A program that was put together by hand and runs in `folder`.
    pub(crate) fn of(program: Program, base: &str, folder: TempDir) -> Self {
        Self { running: Mutex::new(None), program, ready: Http::at(base), folder }
    }

    /// Writes another configuration, for the next [`Instance::restart`].
    ///
    /// # Panics
    ///
    /// When it cannot be written.
    pub fn configure(&self, config: &str) {
        let path = self.folder.path().join(CONFIG_FILE);
        std::fs::write(&path, config)
            .unwrap_or_else(|error| panic!("cannot write {}: {error}", path.display()));
    }

    /// The folder that it runs in; relative paths of its configuration lie there.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Ends it if it runs (SIGTERM), starts it again, and waits until it is ready.
    ///
    /// # Panics
    ///
    /// When it ends or is not ready in time: with what it printed.
    pub async fn restart(&self) {
        if self.is_running() {
            self.stop().await;
        }
        self.launch();
        self.wait_until_ready().await;
    }

    /// Starts it and waits for nothing.
    ///
    /// # Panics
    ///
    /// When it runs already, or cannot be started.
    pub fn launch(&self) {
        assert!(!self.is_running(), "{} runs already", self.process().name());
        *self.running() = Some(Arc::new(self.program.start()));
    }

    /// Waits until `/readyz` is 200.
    ///
    /// # Panics
    ///
    /// When it ends or is not ready in time: with what it printed.
    pub async fn wait_until_ready(&self) {
        let process = self.process();
        let ready = poll::try_until(READY_DEADLINE, async || {
            if !process.is_running() {
                return Ok(false);
            }
            match self.ready.try_request("GET", "/readyz", None).await {
                Ok(answer) if answer.status == 200 => Ok(true),
                Ok(answer) => Err(format!("{}: {}", answer.status, String::from_utf8_lossy(&answer.body))),
                Err(ended) => Err(ended.to_string()),
            }
        });
        match ready.await {
            Ok(true) => {}
            Ok(false) => panic!("{} ended while it started\n{}", process.name(), process.tail()),
            Err(seen) => panic!("{} is not ready: {seen}\n{}", process.name(), process.tail()),
        }
    }

    /// The process: its lines, its signals. After an end it is the one that ended.
    ///
    /// # Panics
    ///
    /// When it was never started.
    pub fn process(&self) -> Arc<Process> {
        self.running().clone().unwrap_or_else(|| panic!("it was never started: {:?}", self.program))
    }

    /// Whether it was started and has not ended.
    pub fn is_running(&self) -> bool {
        self.running().as_ref().is_some_and(|process| process.is_running())
    }

    /// SIGTERM; waits until it has drained, and checks that it says so by its exit code 0.
    ///
    /// # Panics
    ///
    /// When it does not end, or ends with another code.
    pub async fn stop(&self) {
        let process = self.process();
        process.signal(Signal::Term);
        let code = process.exit_code(DRAIN_DEADLINE).await;
        assert_eq!(code, 0, "{}\n{}", process.name(), process.tail());
    }

    /// `kill -9`, and waits until it is gone.
    ///
    /// # Panics
    ///
    /// When it was never started.
    pub async fn kill_9(&self) {
        self.process().kill_9().await;
    }

    /// SIGSTOP: its sockets stay open and nothing answers, until [`Instance::resume`].
    pub fn pause(&self) {
        self.process().signal(Signal::Stop);
    }

    /// SIGCONT.
    pub fn resume(&self) {
        self.process().signal(Signal::Cont);
    }

    /// Waits until it ends by itself; its exit code.
    ///
    /// # Panics
    ///
    /// When it does not end, or is ended by a signal.
    pub async fn exit_code(&self) -> i32 {
        self.process().exit_code(EXIT_DEADLINE).await
    }

    fn running(&self) -> MutexGuard<'_, Option<Arc<Process>>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
