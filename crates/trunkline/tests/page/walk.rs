//! One walk through the page, in a folder of its own, on ports of its own.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use tempfile::TempDir;
use testkit::java::JavaProgram;
use testkit::process::{Process, Program, Signal, Stream};
use testkit::{poll, ports, scratch};

use crate::blocks::{Block, Deed, is_like, line_is_like};

/// The ports that the page gives to Trunkline's own processes.
const OWN_PORTS: [&str; 16] = [
    "19998", "19999", "20000", "20001", "19990", "19991", "19971", "19972", "19973", "19974", "19975",
    "19976", "8080", "8090", "19981", "19982",
];
/// A command, or a compiler of Java on two busy cores.
const RUN_DEADLINE: Duration = Duration::from_secs(40);
/// From a start to the line that says so, with back ends that are there.
const READY_DEADLINE: Duration = Duration::from_secs(40);
/// A list in Nacos, a message on its way.
const SEEN_DEADLINE: Duration = Duration::from_secs(30);
/// The hard stop of a drain is 75 s.
const END_DEADLINE: Duration = Duration::from_secs(90);
/// Programs that live for a second need no second compiler, and Chinese text must survive whatever the locale is.
const JAVA_OPTIONS: &str =
    "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC -Dfile.encoding=UTF-8 -Dstdout.encoding=UTF-8";

/// A walk through the page.
pub(crate) struct Walk {
    // Before the folder: the processes must be gone when it is removed.
    started: Vec<(String, Process)>,
    archives: Vec<(Process, JavaProgram)>,
    folder: TempDir,
    page: &'static str,
    ports: BTreeMap<String, u16>,
}

impl Walk {
    /// A walk through `page` with these ports in the place of those that it names; the rest of Trunkline's own get free ones.
    pub(crate) fn new(page: &'static str, named: &[(&str, u16)]) -> Walk {
        let named = named.iter().map(|(written, real)| ((*written).to_owned(), *real));
        let own = OWN_PORTS.iter().map(|written| ((*written).to_owned(), ports::free()));
        Walk {
            started: Vec::new(),
            archives: Vec::new(),
            folder: scratch::folder("page"),
            page,
            ports: own.chain(named).collect(),
        }
    }

    /// Does what the blocks say, one after the other.
    pub(crate) async fn take_all(&mut self, blocks: &[Block]) {
        let mut steps = blocks.iter().peekable();
        while let Some(step) = steps.next() {
            let shows = steps.next_if(|next| next.deed == Deed::Shows);
            self.take(step, shows).await;
        }
    }

    /// Does what a block says, and compares what it shows.
    async fn take(&mut self, block: &Block, shows: Option<&Block>) {
        let shown = shows.map(|shows| self.real(&shows.text));
        let text = self.real(&block.text);
        let at = format!("{}, line {}", self.page, block.line);
        match block.deed {
            Deed::Write => self.write(&block.file, &text),
            Deed::Run => compare(&at, shown.as_deref(), &self.run(&at, &text).await),
            Deed::Until => {
                let shown = shown.unwrap_or_else(|| panic!("{at}: nothing to wait for"));
                poll::until(&at, SEEN_DEADLINE, async || {
                    let printed = self.run(&at, &text).await;
                    if is_like(&shown, &printed) { Ok(()) } else { Err(printed) }
                })
                .await;
            }
            Deed::Start => {
                for line in text.lines() {
                    self.start(line).await;
                }
            }
            Deed::Java => {
                self.write(&block.file, &text);
                compare(&at, shown.as_deref(), &self.run(&at, &format!("java {}", block.file)).await);
            }
            Deed::JavaRocketMq => {
                let main = block.file.strip_suffix(".java").unwrap_or_default();
                let program = JavaProgram::compile(main, &text).await;
                let archive = program.start(&[]);
                await_line(&at, &archive, &shown.unwrap_or_default()).await;
                self.archives.push((archive, program));
            }
            Deed::Tail => {
                let tail = self.started.iter().rev().find(|(line, _)| line.starts_with("trunkline tail"));
                let (_, tail) = tail.unwrap_or_else(|| panic!("{at}: nobody follows"));
                await_line(&at, tail, &text).await;
            }
            Deed::Shows => panic!("{at}: shows what no block before it has printed"),
        }
    }

    /// Ends everything as an operator does: nodes and gateways drain, and say so by their exit code.
    pub(crate) async fn end(self) {
        for (_, process) in &self.started {
            process.signal(Signal::Term);
        }
        for (line, process) in self.started.iter().filter(|(line, _)| !line.starts_with("trunkline tail")) {
            assert_eq!(process.exit_code(END_DEADLINE).await, 0, "{line}\n{}", process.tail());
        }
        drop(self.archives);
    }

    /// A text of the page with the ports of this walk.
    fn real(&self, text: &str) -> String {
        let mut real = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(start) = rest.find(|c: char| c.is_ascii_digit()) {
            let (before, from) = rest.split_at(start);
            let end = from.find(|c: char| !c.is_ascii_digit()).unwrap_or(from.len());
            let (number, after) = from.split_at(end);
            real.push_str(before);
            match self.ports.get(number) {
                Some(port) => real.push_str(&port.to_string()),
                None => real.push_str(number),
            }
            rest = after;
        }
        real.push_str(rest);
        real.lines().map(|line| format!("{}\n", self.addressed(line))).collect()
    }

    /// `send` and `tail` without an address go to the port that `up` has by itself; here it has another.
    fn addressed(&self, line: &str) -> String {
        let talks = line.starts_with("trunkline send ") || line.starts_with("trunkline tail ");
        match self.ports.get("8080") {
            Some(port) if talks && !line.contains("--url") => {
                line.replacen(" --user", &format!(" --url ws://127.0.0.1:{port}/ws --user"), 1)
            }
            _ => line.to_owned(),
        }
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.folder.path().join(name), text).unwrap_or_else(|error| panic!("{name}: {error}"));
    }

    async fn run(&self, at: &str, script: &str) -> String {
        let process = self.shell(script).called(at).start();
        let code = process.exit_code(RUN_DEADLINE).await;
        assert_eq!(code, 0, "{at}\n{script}\n{}", process.tail());
        process.lines(Stream::Out).join("\n")
    }

    /// Starts a process, and waits until it says that it is ready.
    pub(crate) async fn start(&mut self, line: &str) {
        // `exec`, so that what is signalled is the program and not a shell around it.
        let process = self.shell(&format!("exec env {line}")).called(line).start();
        let ready = match line {
            line if line.contains("trunkline tail") => "\"type\":\"welcome\"",
            line if line.contains("trunkline gateway") => "the gateway listens",
            line if line.contains("trunkline up") => "Ctrl-C ends it politely",
            _ => "ready: WebSocket",
        };
        process.wait_for_line(ready, READY_DEADLINE).await;
        self.started.push((line.to_owned(), process));
    }

    fn shell(&self, script: &str) -> Program {
        let folder = Path::new(env!("CARGO_BIN_EXE_trunkline")).parent().expect("a folder of the binary");
        let path = format!("export PATH=\"{}:$PATH\"", folder.display());
        Program::new("sh")
            .args(["-e", "-c", &format!("{path}\n{script}")])
            .env("JAVA_TOOL_OPTIONS", JAVA_OPTIONS)
            .folder(self.folder.path())
    }
}

fn compare(at: &str, shown: Option<&str>, printed: &str) {
    let Some(shown) = shown else { return };
    assert!(is_like(shown, printed), "{at}: the page shows\n{shown}\nand this was printed\n{printed}");
}

async fn await_line(at: &str, process: &Process, pattern: &str) {
    let pattern = pattern.trim();
    poll::until(at, SEEN_DEADLINE, async || {
        let lines = process.lines(Stream::Out);
        let found = lines.iter().any(|line| line_is_like(pattern, line));
        if found { Ok(()) } else { Err(format!("no line like {pattern}\n{}", lines.join("\n"))) }
    })
    .await;
}
