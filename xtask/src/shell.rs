//! Running other programs, and saying which one failed.

use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Why a verb did not succeed, in one line.
#[derive(Debug)]
pub struct Problem(pub String);

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a verb comes to.
pub type Done = Result<(), Problem>;

/// The root of the repository.
pub fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_owned()
}

/// The folder that keeps test servers between runs, and between checkouts.
pub fn cache() -> PathBuf {
    let folder = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    folder("TRUNKLINE_CACHE")
        .or_else(|| folder("XDG_CACHE_HOME").map(|cache| cache.join("trunkline")))
        .or_else(|| folder("HOME").map(|home| home.join(".cache/trunkline")))
        .unwrap_or_else(|| root().join("target/cache"))
}

/// A program to run in the root of the repository.
pub fn program(name: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(name);
    command.args(arguments).current_dir(root());
    command
}

/// The cargo that runs us.
pub fn cargo_program(arguments: &[&str]) -> Command {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    program(&cargo, arguments)
}

/// Runs cargo in the root of the repository.
pub fn cargo(arguments: &[&str]) -> Done {
    run(&mut cargo_program(arguments))
}

/// Runs a program; its failure is ours.
pub fn run(command: &mut Command) -> Done {
    let shown = show(command);
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(Problem(format!("`{shown}` ended with {status}"))),
        Err(error) => Err(Problem(format!("`{shown}` did not start: {error}"))),
    }
}

/// True when a program of this name is there.
pub fn is_there(name: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(name).is_file())
}

/// A command as a person would type it.
pub fn show(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}
