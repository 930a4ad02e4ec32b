//! `cargo xtask conformance`: the Autobahn fuzzing client against the node's own upgrade and socket code, held against a checked-in file.
//!
//! The testee is `crates/node/examples/echo.rs`, a whole node whose sessions say back what they hear; all of it happens on loopback.
//! Sections 1 to 7 and 10 are run. 9 measures speed with messages of up to 16 MiB, which no client of ours may send;
//! 12 and 13 are about compression, which is never negotiated.
//! The cases that no machine may leave out are tests: `crates/node/tests/it/conformance`.

use std::collections::BTreeMap;
use std::fmt;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ExitCode, Stdio};

use crate::autobahn;
use crate::shell::{self, Problem, cargo, program, root};

/// What a run ends with where it cannot run: "skipped" to automake and to the runners that learned from it.
const SKIPPED: u8 = 77;
/// All cases take 11 s on an idle machine.
const SECONDS_MAX: &str = "300";
/// The sections, as the suite takes them.
const SECTIONS: &str = r#"["1.*", "2.*", "3.*", "4.*", "5.*", "6.*", "7.*", "10.*"]"#;
/// Prints what is compared of each case, a case a line as in the checked-in file: its verdict, the verdict on the close,
/// and the code that the node closed with. In the suite's own Python, because the verbs have no dependencies and so no JSON.
const PRINT_INDEX: &str = r#"
import json, sys
cases = json.load(open(sys.argv[1]))["trunkline"]
for case in sorted(cases, key=lambda case: [int(part) for part in case.split(".")]):
    said = {field: cases[case][field] for field in ("behavior", "behaviorClose", "remoteCloseCode")}
    print('"%s": %s' % (case, json.dumps(said, sort_keys=True, separators=(",", ":"))))
"#;

/// Runs the cases. With the word `accept`, writes what came as what is expected from now on.
pub fn run(words: &[String]) -> Result<ExitCode, Problem> {
    let accept = match words {
        [] => false,
        [word] if word == "accept" => true,
        _ => return Err(Problem("usage: cargo xtask conformance [accept]".to_owned())),
    };
    let Some(wstest) = autobahn::wstest()? else {
        eprintln!("================================================================================");
        eprintln!("SKIPPED: no Python 2.7 is here, and the Autobahn suite runs on nothing newer.");
        eprintln!("Install it (`pyenv install 2.7.18`) and say `cargo xtask conformance` again.");
        eprintln!("The same cases by their numbers run without it: `cargo xtask test node`.");
        eprintln!("================================================================================");
        return Ok(ExitCode::from(SKIPPED));
    };
    let report = fuzz(&wstest)?;
    let came = Verdicts::of_report(&wstest, &report)?;
    println!("{came}");
    println!("report: {}", report.join("index.html").display());
    let file = root().join("crates/node/conformance/expected.json");
    if accept {
        came.write(&file)?;
        println!("accepted: {}", file.display());
        return Ok(ExitCode::SUCCESS);
    }
    let differences = Verdicts::read(&file)?.differences(&came);
    for difference in &differences {
        println!("{difference}");
    }
    match differences.len() {
        0 => Ok(ExitCode::SUCCESS),
        count => Err(Problem(format!("{count} cases differ from {}", file.display()))),
    }
}

/// Runs the suite against a testee of its own; the folder of its report.
fn fuzz(wstest: &Path) -> Result<PathBuf, Problem> {
    cargo(&["build", "--quiet", "--package", "node", "--features", "echo", "--example", "echo"])?;
    let folder = root().join("target/conformance");
    let report = folder.join("report");
    let lost = |error: std::io::Error| Problem(format!("{}: {error}", folder.display()));
    if report.exists() {
        std::fs::remove_dir_all(&report).map_err(lost)?;
    }
    std::fs::create_dir_all(&report).map_err(lost)?;
    let testee = Testee::start()?;
    let spec = format!(
        r#"{{"outdir": "{}", "servers": [{{"agent": "trunkline", "url": "{}"}}], "cases": {SECTIONS},
            "exclude-cases": [], "exclude-agent-cases": {{}}}}"#,
        report.display(),
        testee.url,
    );
    let (spec_file, log_file) = (folder.join("fuzzingclient.json"), folder.join("wstest.log"));
    std::fs::write(&spec_file, spec).map_err(lost)?;
    let log = std::fs::File::create(&log_file).map_err(lost)?;
    let mut command = program("timeout", &[SECONDS_MAX]);
    command.arg(wstest).args(["--mode", "fuzzingclient", "--spec"]).arg(&spec_file);
    let logged = command.stdout(log.try_clone().map_err(lost)?).stderr(log);
    shell::run(logged).map_err(|problem| Problem(format!("{problem}; see {}", log_file.display())))?;
    Ok(report)
}

/// The running testee. It ends when it is dropped.
struct Testee {
    child: Child,
    url: String,
}

impl Testee {
    fn start() -> Result<Testee, Problem> {
        let path = root().join("target/debug/examples/echo");
        let lost = |error: std::io::Error| Problem(format!("{}: {error}", path.display()));
        let mut command = program(&path.to_string_lossy(), &[]);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().map_err(lost)?;
        let mut url = String::new();
        if let Some(output) = child.stdout.take() {
            BufReader::new(output).read_line(&mut url).map_err(lost)?;
        }
        let testee = Testee { child, url: url.trim().to_owned() };
        if testee.url.is_empty() {
            return Err(Problem(format!("{} said no URL", path.display())));
        }
        Ok(testee)
    }
}

impl Drop for Testee {
    fn drop(&mut self) {
        // Its end of input is its end; who is gone already needs none.
        drop(self.child.stdin.take());
        if let Err(error) = self.child.wait() {
            eprintln!("the testee: {error}");
        }
    }
}

/// What was said of each case, by its number.
#[derive(Debug, Default, PartialEq)]
struct Verdicts(BTreeMap<Vec<u32>, String>);

impl Verdicts {
    /// Reads the index of the suite's report.
    fn of_report(wstest: &Path, report: &Path) -> Result<Verdicts, Problem> {
        let python = wstest.with_file_name("python");
        let mut command = program(&python.to_string_lossy(), &["-c", PRINT_INDEX]);
        let output = command.arg(report.join("index.json")).output();
        let output = output.map_err(|error| Problem(format!("{}: {error}", python.display())))?;
        if !output.status.success() {
            return Err(Problem(String::from_utf8_lossy(&output.stderr).into_owned()));
        }
        Verdicts::parse(&String::from_utf8_lossy(&output.stdout))
    }

    /// Reads a file that [`Verdicts::write`] wrote.
    fn read(file: &Path) -> Result<Verdicts, Problem> {
        let lost = |error: &dyn fmt::Display| Problem(format!("{}: {error}", file.display()));
        let text = std::fs::read_to_string(file).map_err(|error| lost(&error))?;
        Verdicts::parse(&text).map_err(|problem| lost(&problem))
    }

    /// A case a line, `"1.1.1": {...}`, in braces and with commas or without.
    fn parse(text: &str) -> Result<Verdicts, Problem> {
        let lines = text.lines().map(|line| line.trim().trim_end_matches(','));
        let cases = lines.filter(|line| !matches!(*line, "" | "{" | "}")).map(|line| {
            let (case, said) = line.strip_prefix('"')?.split_once("\": ")?;
            let number = case.split('.').map(str::parse).collect::<Result<Vec<u32>, _>>().ok()?;
            Some((number, said.to_owned()))
        });
        let cases: Option<BTreeMap<_, _>> = cases.collect();
        cases.map(Verdicts).ok_or_else(|| Problem("not a case a line".to_owned()))
    }

    /// Writes a case a line.
    fn write(&self, file: &Path) -> Result<(), Problem> {
        let lines: Vec<String> =
            self.0.iter().map(|(case, said)| format!("  \"{}\": {said}", shown(case))).collect();
        std::fs::write(file, format!("{{\n{}\n}}\n", lines.join(",\n")))
            .map_err(|error| Problem(format!("{}: {error}", file.display())))
    }

    /// A line for each case that came otherwise than expected, or only here or there.
    fn differences(&self, came: &Verdicts) -> Vec<String> {
        let cases = self.0.keys().chain(came.0.keys().filter(|case| !self.0.contains_key(*case)));
        let of = |verdicts: &Verdicts, case| verdicts.0.get(case).cloned().unwrap_or("nothing".to_owned());
        cases
            .filter(|case| self.0.get(*case) != came.0.get(*case))
            .map(|case| format!("case {}: expected {}, came {}", shown(case), of(self, case), of(came, case)))
            .collect()
    }
}

impl fmt::Display for Verdicts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
        for said in self.0.values() {
            *counts.entry(field(said, "behavior")).or_default() += 1;
        }
        let counts: Vec<String> =
            counts.iter().map(|(verdict, count)| format!("{count} {verdict}")).collect();
        write!(f, "{} cases: {}", self.0.len(), counts.join(", "))
    }
}

/// A text field of a verdict.
fn field<'a>(said: &'a str, name: &str) -> &'a str {
    let value = said.split_once(&format!("\"{name}\":\"")).and_then(|(_, rest)| rest.split_once('"'));
    value.map_or("nothing", |(value, _)| value)
}

fn shown(case: &[u32]) -> String {
    case.iter().map(u32::to_string).collect::<Vec<_>>().join(".")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdicts(cases: &[(&str, &str)]) -> Verdicts {
        let line = |(case, verdict): &(&str, &str)| {
            format!(r#""{case}": {{"behavior":"{verdict}","behaviorClose":"OK","remoteCloseCode":1000}}"#)
        };
        let lines: Vec<String> = cases.iter().map(line).collect();
        Verdicts::parse(&lines.join("\n")).unwrap_or_else(|problem| panic!("{problem}"))
    }

    #[test]
    fn every_case_that_came_otherwise_is_named_and_no_other() {
        let expected = verdicts(&[("1.1.1", "OK"), ("2.10", "OK"), ("6.4.3", "NON-STRICT")]);
        let came = verdicts(&[("1.1.1", "OK"), ("6.4.3", "FAILED"), ("7.1.1", "OK")]);
        assert!(expected.differences(&expected).is_empty());
        let differences = expected.differences(&came);
        let named: Vec<&str> = differences.iter().filter_map(|line| line.split(':').next()).collect();
        assert_eq!(named, ["case 2.10", "case 6.4.3", "case 7.1.1"], "{differences:?}");
    }

    #[test]
    fn the_page_counts_what_the_checked_in_file_has() {
        let expected = Verdicts::read(&root().join("crates/node/conformance/expected.json"));
        let counted = expected.unwrap_or_else(|problem| panic!("{problem}")).to_string();
        let page = std::fs::read_to_string(root().join("docs/conformance.md")).unwrap_or_default();
        assert!(page.contains(&counted), "docs/conformance.md does not say: {counted}");
    }

    #[test]
    fn the_checked_in_file_has_the_sections_and_accepts_no_failed_case() {
        let file = root().join("crates/node/conformance/expected.json");
        let expected = Verdicts::read(&file).unwrap_or_else(|problem| panic!("{problem}"));
        let sections: std::collections::BTreeSet<u32> = expected.0.keys().map(|case| case[0]).collect();
        assert_eq!(sections.into_iter().collect::<Vec<_>>(), [1, 2, 3, 4, 5, 6, 7, 10]);
        for (case, said) in &expected.0 {
            for verdict in [field(said, "behavior"), field(said, "behaviorClose")] {
                assert!(matches!(verdict, "OK" | "NON-STRICT" | "INFORMATIONAL"), "{}: {said}", shown(case));
            }
        }
    }
}
