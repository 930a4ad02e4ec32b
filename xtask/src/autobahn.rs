//! The Autobahn test suite: where its fuzzing client is, installed where it can be.
//!
//! It needs CPython 2.7, for which there is no successor, and lives in a folder of its own in the cache.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::shell::{self, Problem, cache, program};

/// The suite, pinned: what a case is called and expects changes between versions.
const SUITE: &str = "autobahntestsuite==25.10.1";
/// The last tool that makes an environment of Python 2.7.
const VIRTUALENV: &str = "virtualenv<20.22";

/// The fuzzing client; `None` where there is no Python 2.7.
pub fn wstest() -> Result<Option<PathBuf>, Problem> {
    let folder = cache().join(SUITE.replace("autobahntestsuite==", "autobahn-"));
    let wstest = folder.join("bin/wstest");
    if wstest.is_file() {
        return Ok(Some(wstest));
    }
    let Some(python) = Python::find() else { return Ok(None) };
    install(&python, &folder)?;
    if wstest.is_file() {
        return Ok(Some(wstest));
    }
    Err(Problem(format!("{SUITE} brought no {}", wstest.display())))
}

fn install(python: &Python, folder: &Path) -> Result<(), Problem> {
    let tool = cache().join("virtualenv-for-python-2.7");
    let (tool, folder) = (tool.to_string_lossy(), folder.to_string_lossy());
    shell::run(&mut python.command(&["-m", "pip", "install", "--quiet", "--target", &tool, VIRTUALENV]))?;
    shell::run(python.command(&["-m", "virtualenv", "--quiet", &folder]).env("PYTHONPATH", &*tool))?;
    shell::run(&mut program(&format!("{folder}/bin/pip"), &["install", "--quiet", SUITE]))
}

/// A Python 2.7, and what pyenv must be told to give it.
struct Python {
    pyenv_version: Option<String>,
}

impl Python {
    /// The one on the path, or one that pyenv has.
    fn find() -> Option<Python> {
        let pyenv = program("pyenv", &["versions", "--bare"]).output().ok();
        let versions = pyenv.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
        let of_pyenv = versions.iter().flat_map(|lines| lines.lines()).map(str::trim);
        let of_pyenv =
            of_pyenv.filter(|version| version.starts_with("2.7")).map(|version| Some(version.to_owned()));
        let mut candidates =
            std::iter::once(None).chain(of_pyenv).map(|pyenv_version| Python { pyenv_version });
        candidates.find(Python::answers)
    }

    fn answers(&self) -> bool {
        let output = self.command(&["--version"]).output();
        output.is_ok_and(|output| output.status.success())
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = program("python2.7", arguments);
        if let Some(version) = &self.pyenv_version {
            command.env("PYENV_VERSION", version);
        }
        command
    }
}
