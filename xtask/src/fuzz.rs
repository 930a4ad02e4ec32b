//! What strangers can send, tried by the million: builds the fuzzers of `fuzz/`, runs each for a while, says what they reached.
//!
//! No other toolchain and no other tool is needed: the compiler itself puts in the counters that libFuzzer reads.
//! What a run finds new is kept in `target/fuzz/corpus` and is where the next one begins; `--keep` takes what widens the corpus of the
//! repository into it. An input that breaks something is put into `fuzz/corpus` once it is mended, and is tried first from then on.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;

use crate::shell::{Done, Problem, cargo_program, program, root, run as run_program, show};
use crate::tally::Tally;

/// What CI gives each target; whoever works on a decoder gives more.
const SECONDS: u64 = 60;
/// As many at once as the smallest machine has cores.
const AT_ONCE: usize = 2;
/// An input that takes longer is a defect, on a machine that is busy too.
const INPUT_SECONDS_MAX: u32 = 20;
/// Memory of one fuzzer: no input may make a decoder take much more than the input has.
const MEMORY_MIB_MAX: u32 = 1_024;
/// Longer inputs reach nothing that shorter ones do not; each target's limits are as small.
const INPUT_BYTES_MAX: u32 = 4_096;

/// What makes the compiler put in counters of coverage and comparisons, as `cargo fuzz -s none` does.
const RUSTFLAGS: &str = "-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares -Ccodegen-units=1 --cfg fuzzing";

/// `[--secs N] [--keep] [TARGET [INPUT]]`.
#[derive(Debug, Default, PartialEq, Eq)]
struct Wanted {
    seconds: Option<u64>,
    keep: bool,
    target: Option<String>,
    input: Option<PathBuf>,
}

/// Runs the fuzzers; with a target only that one; with a file too, that one on that input alone.
pub fn run(words: &[String]) -> Done {
    let wanted = Wanted::parse(words)?;
    let targets: Vec<String> = targets()?
        .into_iter()
        .filter(|target| wanted.target.as_ref().is_none_or(|only| only == target))
        .collect();
    if targets.is_empty() {
        let known = self::targets()?.join(", ");
        return Err(Problem(format!("there is no such target; there are {known}")));
    }
    build()?;
    match (&wanted.input, targets.as_slice()) {
        (Some(input), [target]) => return run_program(Command::new(binary(target)?).arg(input)),
        _ if wanted.keep => return targets.iter().try_for_each(|target| keep(target)),
        _ => {}
    }
    let tally = fuzz(&targets, wanted.seconds.unwrap_or(SECONDS))?;
    if tally.failed > 0 {
        Err(Problem("what broke, and how to repeat it, stands above".to_owned()))
    } else {
        Ok(())
    }
}

/// All of them for a minute each, as tests.
pub fn as_tests() -> Result<Tally, Problem> {
    build()?;
    fuzz(&targets()?, SECONDS)
}

impl Wanted {
    fn parse(words: &[String]) -> Result<Wanted, Problem> {
        let mut wanted = Wanted::default();
        let mut words = words.iter();
        while let Some(word) = words.next() {
            match (word.as_str(), &wanted.target, &wanted.input) {
                ("--secs", ..) => {
                    let seconds = words.next().and_then(|seconds| seconds.parse().ok());
                    wanted.seconds =
                        Some(seconds.ok_or_else(|| Problem("--secs takes a number of seconds".to_owned()))?);
                }
                ("--keep", ..) => wanted.keep = true,
                (target, None, _) => wanted.target = Some(target.to_owned()),
                (input, Some(_), None) => wanted.input = Some(PathBuf::from(input)),
                (word, ..) => return Err(Problem(format!("`{word}` is one word too many"))),
            }
        }
        Ok(wanted)
    }
}

/// The names of the targets, from the files that define them.
fn targets() -> Result<Vec<String>, Problem> {
    let names = names_in(&root().join("fuzz/targets"))?;
    Ok(names.into_iter().filter_map(|name| name.strip_suffix(".rs").map(str::to_owned)).collect())
}

/// The names of the files of a folder, sorted.
fn names_in(folder: &Path) -> Result<Vec<String>, Problem> {
    let lost = |error: std::io::Error| Problem(format!("{}: {error}", folder.display()));
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(lost)? {
        names.push(entry.map_err(lost)?.file_name().to_string_lossy().into_owned());
    }
    names.sort();
    Ok(names)
}

fn build() -> Done {
    let host = host()?;
    // A triple that is named keeps the flags away from build scripts and macros, which have no fuzzer to count for.
    let mut cargo = cargo_program(&["build", "--release", "--manifest-path", "fuzz/Cargo.toml", "--bins"]);
    cargo.args(["--target", &host, "--target-dir", "target/fuzz"]);
    cargo.env_remove("CARGO_ENCODED_RUSTFLAGS").env("RUSTFLAGS", RUSTFLAGS);
    run_program(&mut cargo)
}

/// The triple that this machine's compiler builds for.
fn host() -> Result<String, Problem> {
    let output = program("rustc", &["-vV"]).output().map_err(|error| Problem(format!("rustc: {error}")))?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let host = text.lines().find_map(|line| line.strip_prefix("host: "));
    host.map(str::to_owned).ok_or_else(|| Problem("rustc -vV names no host".to_owned()))
}

fn binary(target: &str) -> Result<PathBuf, Problem> {
    Ok(root().join("target/fuzz").join(host()?).join("release").join(target))
}

/// Where a target's new inputs are kept between runs, outside of the repository.
fn found(target: &str) -> PathBuf {
    root().join("target/fuzz/corpus").join(target)
}

fn kept(target: &str) -> PathBuf {
    root().join("fuzz/corpus").join(target)
}

/// Runs the targets, some at once, and prints a line for each as it ends.
fn fuzz(targets: &[String], seconds: u64) -> Result<Tally, Problem> {
    let waiting = Mutex::new(targets.iter());
    let work = || -> Result<Tally, Problem> {
        let mut tally = Tally::default();
        loop {
            let next = waiting.lock().ok().and_then(|mut waiting| waiting.next());
            let Some(target) = next else { return Ok(tally) };
            let report = fuzz_one(target, seconds)?;
            println!("{report}");
            tally = tally + report.tally();
        }
    };
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..AT_ONCE).map(|_| scope.spawn(work)).collect();
        let mut ended = workers.into_iter().map(|worker| worker.join());
        ended.try_fold(Tally::default(), |sum, ended| {
            let one = ended.unwrap_or_else(|_| Err(Problem("a fuzzer's reader did not end".to_owned())));
            Ok(sum + one?)
        })
    })
}

fn fuzz_one(target: &str, seconds: u64) -> Result<Report, Problem> {
    let (found, crashes) = (found(target), root().join("target/fuzz/crashes"));
    for folder in [&found, &crashes] {
        std::fs::create_dir_all(folder).map_err(|error| Problem(format!("{}: {error}", folder.display())))?;
    }
    let mut fuzzer = Command::new(binary(target)?);
    fuzzer
        .arg(format!("-max_total_time={seconds}"))
        .arg(format!("-timeout={INPUT_SECONDS_MAX}"))
        .arg(format!("-rss_limit_mb={MEMORY_MIB_MAX}"))
        .arg(format!("-max_len={INPUT_BYTES_MAX}"))
        .arg(format!("-artifact_prefix={}/{target}-", crashes.display()))
        .arg("-print_final_stats=1")
        .args([&found, &kept(target)]);
    let shown = show(&fuzzer);
    let lost = |error: std::io::Error| Problem(format!("`{shown}`: {error}"));
    // libFuzzer says everything on its standard error.
    let mut child = fuzzer.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().map_err(lost)?;
    let mut said = Vec::new();
    if let Some(output) = child.stderr.take() {
        for line in BufReader::new(output).split(b'\n') {
            said.push(String::from_utf8_lossy(&line.map_err(lost)?).into_owned());
        }
    }
    let status = child.wait().map_err(lost)?;
    Ok(Report::of(target, status.success(), &said))
}

/// How one run ended.
#[derive(Debug, PartialEq, Eq)]
struct Report {
    target: String,
    /// What libFuzzer said of itself: `cov`, `ft`, `corp`, `exec/s`, and the number of inputs under `#`.
    figures: BTreeMap<String, String>,
    broken: Option<Broken>,
}

/// An input that broke something.
#[derive(Debug, PartialEq, Eq)]
struct Broken {
    /// Where it was written; empty where the fuzzer itself did not start.
    input: String,
    /// The last of what was said.
    lines: Vec<String>,
}

/// Lines shown of a fuzzer that stopped: the panic's and what is around it.
const LINES_SHOWN: usize = 30;

impl Report {
    fn of(target: &str, ended_well: bool, said: &[String]) -> Report {
        let last = said.iter().rev().find(|line| line.starts_with('#') && line.contains(" cov: "));
        let mut figures = BTreeMap::new();
        if let Some((number, rest)) = last.and_then(|line| line.trim_start_matches('#').split_once('\t')) {
            figures.insert("#".to_owned(), number.to_owned());
            let words: Vec<&str> = rest.split_whitespace().collect();
            let pairs =
                words.windows(2).filter_map(|pair| Some((pair.first()?.strip_suffix(':')?, pair.last()?)));
            figures.extend(pairs.map(|(name, value)| (name.to_owned(), (*value).to_owned())));
        }
        let input =
            said.iter().find_map(|line| line.split_once("Test unit written to ")).map(|(_, file)| file);
        let broken = (!ended_well).then(|| Broken {
            input: input.unwrap_or_default().to_owned(),
            lines: said.iter().skip(said.len().saturating_sub(LINES_SHOWN)).cloned().collect(),
        });
        Report { target: target.to_owned(), figures, broken }
    }

    fn tally(&self) -> Tally {
        let failed = u64::from(self.broken.is_some());
        Tally { passed: 1 - failed, failed }
    }
}

impl std::fmt::Display for Report {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let figure = |name: &str| self.figures.get(name).map_or("?", String::as_str);
        let Report { target, broken, .. } = self;
        for line in broken.iter().flat_map(|broken| &broken.lines) {
            writeln!(f, "  {line}")?;
        }
        let word = if broken.is_some() { "BROKEN" } else { "ok" };
        write!(
            f,
            "fuzz {target}: {word}, {} inputs, {} a second, coverage {}, features {}",
            figure("#"),
            figure("exec/s"),
            figure("cov"),
            figure("ft")
        )?;
        match broken {
            Some(broken) if !broken.input.is_empty() => {
                let input = Path::new(&broken.input);
                let input = input.strip_prefix(root()).unwrap_or(input).display();
                write!(f, "\n  the same again: cargo xtask fuzz {target} {input}")
            }
            _ => Ok(()),
        }
    }
}

/// Takes what earlier runs found, and what adds to it, into the corpus of the repository: the smallest inputs that reach as much.
///
/// What has a name of its own, `seed-…` or `broke-…`, stays whatever it reaches.
fn keep(target: &str) -> Done {
    let (kept, merged) = (kept(target), root().join("target/fuzz/merged").join(target));
    let lost = |error: std::io::Error| Problem(format!("{}: {error}", merged.display()));
    if merged.exists() {
        std::fs::remove_dir_all(&merged).map_err(lost)?;
    }
    std::fs::create_dir_all(&merged).map_err(lost)?;
    let mut fuzzer = Command::new(binary(target)?);
    // By the edges that are reached, not by how often: that is a third of the files.
    fuzzer.args(["-set_cover_merge=1", "-use_counters=0", "-reduce_inputs=1"]);
    fuzzer.arg(format!("-max_len={INPUT_BYTES_MAX}"));
    fuzzer.args([&merged, &found(target), &kept]);
    run_program(&mut fuzzer)?;
    for name in names_in(&kept)? {
        if !has_own_name(&name) {
            std::fs::remove_file(kept.join(name)).map_err(lost)?;
        }
    }
    let own: Vec<Vec<u8>> = names_in(&kept)?
        .iter()
        .map(|name| std::fs::read(kept.join(name)))
        .collect::<Result<_, _>>()
        .map_err(lost)?;
    for name in names_in(&merged)? {
        let input = std::fs::read(merged.join(&name)).map_err(lost)?;
        if !own.contains(&input) {
            std::fs::write(kept.join(name), input).map_err(lost)?;
        }
    }
    println!("fuzz {target}: {} inputs are kept", names_in(&kept)?.len());
    Ok(())
}

fn has_own_name(name: &str) -> bool {
    name.starts_with("seed-") || name.starts_with("broke-")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whoever clones the repository pays for its corpus: files of one target, bytes of all.
    const FILES_MAX: usize = 600;
    const BYTES_MAX: u64 = 1_000_000;

    fn words(text: &str) -> Vec<String> {
        text.split_whitespace().map(str::to_owned).collect()
    }

    #[test]
    fn every_target_is_built_and_has_a_corpus_and_the_corpora_are_small() {
        let manifest = std::fs::read_to_string(root().join("fuzz/Cargo.toml")).unwrap();
        let mut bytes = 0;
        for target in targets().unwrap() {
            assert!(manifest.contains(&format!("name = \"{target}\"")), "{target} is not in fuzz/Cargo.toml");
            let names = names_in(&kept(&target)).unwrap();
            assert!(names.iter().any(|name| name.starts_with("seed-")), "{target} has no seed");
            assert!(names.len() < FILES_MAX, "{target} has {} files", names.len());
            bytes += names.iter().map(|name| kept(&target).join(name).metadata().unwrap().len()).sum::<u64>();
        }
        assert!(bytes < BYTES_MAX, "{bytes} bytes");
    }

    #[test]
    fn the_words_behind_fuzz_are_understood() {
        let wanted = Wanted::parse(&words("--secs 5 token some/file")).map_err(|problem| problem.0);
        let expected = Wanted {
            seconds: Some(5),
            keep: false,
            target: Some("token".to_owned()),
            input: Some("some/file".into()),
        };
        assert_eq!(wanted, Ok(expected));
        assert!(Wanted::parse(&words("--secs soon")).is_err());
        assert!(Wanted::parse(&words("token file more")).is_err());
    }

    #[test]
    fn a_run_is_read_from_what_the_fuzzer_says() {
        let said =
            ["#2\tINITED cov: 9 ft: 9", "#500\tDONE   cov: 120 ft: 340 corp: 7/40b exec/s: 250 rss: 30Mb"];
        let report = Report::of("token", true, &said.map(str::to_owned));
        assert_eq!(
            report.to_string(),
            "fuzz token: ok, 500 inputs, 250 a second, coverage 120, features 340"
        );
        let said = ["#7\tNEW    cov: 3 ft: 4", "thread panicked", "Test unit written to /x/token-crash-1"];
        let report = Report::of("token", false, &said.map(str::to_owned));
        assert_eq!(report.tally(), Tally { passed: 0, failed: 1 });
        let shown = report.to_string();
        assert!(shown.contains("thread panicked"), "{shown}");
        assert!(shown.ends_with("the same again: cargo xtask fuzz token /x/token-crash-1"), "{shown}");
    }
}
