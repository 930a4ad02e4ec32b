//! What CI checks besides the tests: formatting, clippy, and the rules of the house that no compiler knows.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use crate::shell::{Done, Problem, cargo, cargo_program, root};

/// Which crates of ours a crate may depend on; what stands in brackets is for its tests alone.
const EDGES: [(&str, &[&str], &[&str]); 13] = [
    ("wire", &[], &[]),
    ("ports", &["wire"], &[]),
    ("edge", &["wire"], &["testkit"]),
    ("rocketmq", &[], &["testkit"]),
    ("adapters", &["wire", "ports", "rocketmq"], &["testkit"]),
    ("node", &["wire", "ports", "edge"], &["testkit"]),
    ("gateway", &["wire", "ports", "edge"], &["testkit"]),
    ("trunkline", &["wire", "ports", "edge", "adapters", "node", "gateway"], &["testkit"]),
    ("testkit", &["wire", "ports"], &[]),
    ("sim", &["wire", "ports", "edge", "node", "testkit"], &[]),
    ("chaos", &["wire", "ports", "testkit"], &[]),
    ("bench", &["wire", "testkit"], &[]),
    ("xtask", &[], &[]),
];

/// All source files of ours, and what is in them.
type Sources = BTreeMap<PathBuf, String>;

/// Runs all checks.
pub fn run() -> Done {
    let sources = sources()?;
    let problems = [edges()?, files_without_a_purpose(&sources), files_that_nothing_names(&sources)].concat();
    if !problems.is_empty() {
        return Err(Problem(problems.join("\n")));
    }
    cargo(&["fmt", "--all", "--check"])?;
    cargo(&["fmt", "--manifest-path", "fuzz/Cargo.toml", "--check"])?;
    cargo(&["clippy", "--quiet", "--workspace", "--all-targets", "--", "--deny", "warnings"])?;
    // What only simulations and conformance have.
    let features = ["--features", "sim/whole,node/faults,node/sabotage,node/echo"];
    let (before, after) = (
        ["clippy", "--quiet", "--package", "sim", "--package", "node"],
        ["--all-targets", "--", "--deny", "warnings"],
    );
    cargo(&[&before[..], &features, &after].concat())
}

/// Dependencies between our crates that the house does not have.
fn edges() -> Result<Vec<String>, Problem> {
    let output = cargo_program(&["metadata", "--format-version", "1", "--no-deps"]).output();
    let output = output.map_err(|error| Problem(format!("cargo metadata: {error}")))?;
    if !output.status.success() {
        return Err(Problem(String::from_utf8_lossy(&output.stderr).into_owned()));
    }
    let mut problems = Vec::new();
    for (name, allowed, in_tests) in EDGES {
        let manifest = if name == "xtask" { root().join("xtask") } else { root().join("crates").join(name) };
        let manifest = read(&manifest.join("Cargo.toml"))?;
        let (code, tests) = manifest.split_once("[dev-dependencies]").unwrap_or((&manifest, ""));
        for (text, allowed) in [(code, allowed.to_vec()), (tests, [allowed, in_tests].concat())] {
            let named = ours_in(text).into_iter().filter(|other| !allowed.contains(&other.as_str()));
            problems.extend(named.map(|other| format!("crates/{name} must not depend on {other}")));
        }
    }
    Ok(problems)
}

/// The crates of ours that a piece of a manifest names as dependencies.
fn ours_in(manifest: &str) -> BTreeSet<String> {
    let dependencies = manifest.split_once("[dependencies]").map_or(manifest, |(_, rest)| rest);
    let names = dependencies.lines().filter_map(|line| line.split(['.', ' ', '=']).next());
    names.filter(|name| EDGES.iter().any(|(ours, ..)| ours == name)).map(str::to_owned).collect()
}

/// Source files that do not open with what they are for.
fn files_without_a_purpose(sources: &Sources) -> Vec<String> {
    let lost = sources.iter().filter(|(_, text)| !text.starts_with("//!"));
    lost.map(|(file, _)| format!("{} does not open with what it is for", shown(file))).collect()
}

/// Source files that are no module of anything: nobody compiles them, so tests in them never fail.
fn files_that_nothing_names(sources: &Sources) -> Vec<String> {
    let lost = sources.keys().filter(|file| !is_compiled(file, sources));
    lost.map(|file| format!("{} is no module of anything", shown(file))).collect()
}

/// Whether a file is one that Cargo takes by itself, or a module of another.
fn is_compiled(file: &Path, sources: &Sources) -> bool {
    fn text_of(part: Option<&std::ffi::OsStr>) -> &str {
        part.and_then(|part| part.to_str()).unwrap_or_default()
    }
    let (Some(folder), stem) = (file.parent(), text_of(file.file_stem())) else { return true };
    // Each file in such a folder is a program, or the tests, of its own.
    let is_cargos = |folder: &Path| {
        let is_beside_manifest = folder.parent().is_some_and(|above| above.join("Cargo.toml").exists());
        folder.ends_with("src/bin") || (is_beside_manifest && !folder.ends_with("src"))
    };
    if is_cargos(folder) || matches!(stem, "main" | "lib") {
        return true;
    }
    let (module, house) = match folder.parent() {
        Some(above) if stem == "mod" => (text_of(folder.file_name()), above),
        _ => (stem, folder),
    };
    // It is named by the file of the folder that it is in, or by one beside it that gives its path.
    let (named, placed) = (format!("mod {module};"), format!("\"{stem}.rs\""));
    sources.iter().any(|(other, text)| {
        let is_of_house = other.parent() == Some(house)
            && (is_cargos(house) || matches!(text_of(other.file_stem()), "mod" | "lib" | "main"));
        let is_house = *other == house.with_extension("rs");
        ((is_of_house || is_house) && text.contains(&named))
            || (other.parent() == Some(folder) && text.contains(&placed))
    })
}

fn sources() -> Result<Sources, Problem> {
    let mut files = Vec::new();
    for folder in ["crates", "fuzz", "xtask"] {
        gather(&root().join(folder), &mut files)?;
    }
    files.into_iter().map(|file| read(&file).map(|text| (file, text))).collect()
}

fn shown(file: &Path) -> std::path::Display<'_> {
    file.strip_prefix(root()).unwrap_or(file).display()
}

fn gather(folder: &Path, files: &mut Vec<PathBuf>) -> Done {
    let lost = |error: std::io::Error| Problem(format!("{}: {error}", folder.display()));
    for entry in std::fs::read_dir(folder).map_err(lost)? {
        let path = entry.map_err(lost)?.path();
        if path.is_dir() && !path.ends_with("target") {
            gather(&path, files)?;
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    Ok(())
}

fn read(file: &Path) -> Result<String, Problem> {
    std::fs::read_to_string(file).map_err(|error| Problem(format!("{}: {error}", file.display())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_crates_depend_on_each_other_as_the_house_is_drawn() {
        assert_eq!(edges().map_err(|problem| problem.0), Ok(Vec::new()));
    }

    #[test]
    fn every_file_is_compiled() {
        assert_eq!(
            sources().map(|all| files_that_nothing_names(&all)).map_err(|problem| problem.0),
            Ok(Vec::new())
        );
    }

    #[test]
    fn every_file_opens_with_what_it_is_for() {
        assert_eq!(
            sources().map(|all| files_without_a_purpose(&all)).map_err(|problem| problem.0),
            Ok(Vec::new())
        );
    }
}
