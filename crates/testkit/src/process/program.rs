//! What is to be started: path, arguments, environment, folder.

use std::ffi::OsString;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::thread;

use tokio::sync::watch;

use super::lines::{Lines, Stream};
use super::{Process, spawn};

/// A parent that died before the signal was asked for sends none; a child of another parent (`$0` is ours) must not begin.
const UNLESS_ORPHANED: &str = r#"[ "$PPID" = "$0" ] && exec "$@""#;

/// A program with its arguments; it may be started any number of times.
#[derive(Clone, Debug)]
pub struct Program {
    path: PathBuf,
    name: String,
    args: Vec<OsString>,
    env: Vec<(OsString, OsString)>,
    folder: Option<PathBuf>,
    install: Option<String>,
}

impl Program {
    /// A program by its path, or by its name if it lies on `PATH`.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        let path = path.into();
        let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
        Self { path, name, args: Vec::new(), env: Vec::new(), folder: None, install: None }
    }

    /// What failures call it, where the file name says too little.
    pub fn called(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// One more argument.
    pub fn arg(mut self, arg: impl Into<OsString>) -> Self {
        self.args.push(arg.into());
        self
    }

    /// More arguments.
    pub fn args<A: Into<OsString>>(mut self, args: impl IntoIterator<Item = A>) -> Self {
        self.args.extend(args.into_iter().map(Into::into));
        self
    }

    /// One environment variable, beside those of the test itself.
    pub fn env(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        self.env.push((name.into(), value.into()));
        self
    }

    /// The folder that it runs in; by default that of the test.
    pub fn folder(mut self, folder: impl AsRef<Path>) -> Self {
        self.folder = Some(folder.as_ref().to_owned());
        self
    }

    /// What to do where the program is not installed, shown when it cannot be found.
    pub fn installed_by(mut self, step: impl Into<String>) -> Self {
        self.install = Some(step.into());
        self
    }

    /// Starts it; standard input is empty.
    ///
    /// # Panics
    ///
    /// When it cannot be started: with its path and, where it is missing, the step that installs it.
    pub fn start(&self) -> Process {
        let mut child = match spawn::spawn(self.command()) {
            Ok(child) => child,
            Err(error) => self.could_not_start(&error),
        };
        let lines = Lines::new();
        if let (Some(out), Some(err)) = (child.stdout.take(), child.stderr.take()) {
            lines.follow(Stream::Out, out);
            lines.follow(Stream::Err, err);
        }
        let pid = child.id();
        let (ended, exit) = watch::channel(None);
        let reaper = thread::spawn(move || {
            if let Ok(status) = child.wait() {
                ended.send_replace(Some(status));
            }
        });
        Process { name: self.name.clone(), pid, lines, exit, reaper: Some(reaper) }
    }

    fn command(&self) -> Command {
        let mut command = if dies_with_its_parent() {
            // `setpriv` becomes the shell and the shell the program, so the pid is the program's own.
            let mut command = Command::new("setpriv");
            command.args(["--pdeathsig", "KILL", "--", "sh", "-c", UNLESS_ORPHANED]);
            command.arg(std::process::id().to_string()).arg(self.found());
            command
        } else {
            Command::new(&self.path)
        };
        command.args(&self.args).envs(self.env.iter().map(|(name, value)| (name, value)));
        if let Some(folder) = &self.folder {
            command.current_dir(folder);
        }
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Its path, looked up here because `setpriv` would only say that it failed.
    fn found(&self) -> PathBuf {
        let on_path = self.path.components().count() == 1;
        let search = if on_path { std::env::var_os("PATH").unwrap_or_default() } else { OsString::new() };
        let mut places = std::env::split_paths(&search).map(|folder| folder.join(&self.path));
        let found = if on_path { places.find(|place| place.is_file()) } else { Some(self.path.clone()) };
        match found {
            Some(path) if path.is_file() => path,
            _ => self.could_not_start(&ErrorKind::NotFound.into()),
        }
    }

    fn could_not_start(&self, error: &std::io::Error) -> ! {
        let step = match (&self.install, error.kind()) {
            (Some(step), ErrorKind::NotFound) => format!("; {step}"),
            _ => String::new(),
        };
        panic!("cannot start {} ({}): {error}{step}", self.name, self.path.display())
    }
}

/// Whether the system can kill a child when the program that started it ends.
fn dies_with_its_parent() -> bool {
    static CAN: OnceLock<bool> = OnceLock::new();
    *CAN.get_or_init(|| {
        let tried =
            Command::new("setpriv").args(["--pdeathsig", "KILL", "true"]).stderr(Stdio::null()).status();
        tried.is_ok_and(|status| status.success())
    })
}
