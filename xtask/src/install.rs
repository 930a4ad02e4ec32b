//! What the tests need besides Rust: Debian's Redis, PostgreSQL, RabbitMQ and Chromium, RocketMQ's Java broker, rnacos, a C++ compiler, and packages of npm and PyPI.
//!
//! Each is installed where it is missing and nowhere else; what costs long is kept in the cache folder by its version.

use std::path::Path;
use std::process::Command;

use crate::shell::{self, Done, Problem, cache, is_there, program, root};

/// A program, and the Debian package that brings it.
const PROGRAMS: [(&str, &str); 11] = [
    ("redis-server", "redis-server"),
    ("rabbitmq-server", "rabbitmq-server"),
    // The server itself lies on no path; this comes with it and not with its clients.
    ("pg_createcluster", "postgresql"),
    ("chromium", "chromium"),
    ("mvn", "maven"),
    ("javac", "default-jdk-headless"),
    ("node", "nodejs"),
    ("npm", "npm"),
    ("python3", "python3"),
    ("pip3", "python3-pip"),
    // The fuzzers are linked with a runtime in C++.
    ("c++", "g++"),
];
/// A font with Chinese characters, for the browser tests, and where Debian puts it.
const FONT: (&str, &str) = ("/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc", "fonts-noto-cjk");
/// The Python client that no one here wrote.
const PYTHON_WEBSOCKETS: &str = "websockets==17.4";

/// Installs everything, what is fetched beside what is compiled.
pub fn run_beside(compile: impl FnOnce() -> Done) -> Done {
    std::thread::scope(|scope| {
        let fetching = scope.spawn(fetch);
        let compiled = compile();
        let fetched =
            fetching.join().unwrap_or_else(|_| Err(Problem("fetching did not come to its end".to_owned())));
        compiled.and(fetched)
    })?;
    rnacos()
}

/// Installs everything.
pub fn run() -> Done {
    run_beside(|| Ok(()))
}

fn fetch() -> Done {
    debian()?;
    rocketmq()?;
    npm("clients/js")?;
    npm("web/test")?;
    python()
}

fn debian() -> Done {
    let mut missing: Vec<&str> =
        PROGRAMS.iter().filter(|(name, _)| !is_there(name)).map(|(_, package)| *package).collect();
    if !Path::new(FONT.0).exists() {
        missing.push(FONT.1);
    }
    if missing.is_empty() {
        return Ok(());
    }
    if !is_there("apt-get") {
        return Err(Problem(format!("please install {}: there is no apt-get here", missing.join(", "))));
    }
    let apt = |arguments: &[&str]| {
        let as_root = !is_there("sudo") || is_root();
        let mut command = if as_root {
            program("apt-get", arguments)
        } else {
            let mut command = program("sudo", &["apt-get"]);
            command.args(arguments);
            command
        };
        shell::run(command.env("DEBIAN_FRONTEND", "noninteractive"))
    };
    apt(&["update", "-q"])?;
    let mut arguments = vec!["install", "-q", "--yes", "--no-install-recommends"];
    arguments.extend(missing);
    apt(&arguments)
}

fn is_root() -> bool {
    let output = program("id", &["-u"]).output();
    output.is_ok_and(|output| output.stdout.trim_ascii() == b"0")
}

fn rocketmq() -> Done {
    let script = root().join("crates/testkit/servers/rocketmq/start-rocketmq.sh");
    let scratch = root().join("target/fetch-rocketmq");
    let mut command = Command::new("bash");
    command.arg(script).arg(scratch);
    shell::run(command.env("ROCKETMQ_FETCH_ONLY", "1").env("ROCKETMQ_CACHE", cache().join("rocketmq")))
}

/// Built from source, which takes some minutes once; not beside our own build, which would only slow both down.
fn rnacos() -> Done {
    let script = root().join("crates/testkit/servers/nacos/start-rnacos.sh");
    let scratch = root().join("target/fetch-rnacos");
    let mut command = Command::new("bash");
    command.arg(script).arg(scratch);
    shell::run(command.env("RNACOS_FETCH_ONLY", "1").env("TRUNKLINE_SERVER_CACHE", cache()))
}

fn npm(folder: &str) -> Done {
    let folder = root().join(folder);
    let newer = |name: &str| folder.join(name).metadata().and_then(|file| file.modified()).ok();
    // npm writes this file last.
    if newer("node_modules/.package-lock.json") >= newer("package-lock.json") {
        return Ok(());
    }
    shell::run(program("npm", &["ci", "--no-audit", "--no-fund", "--loglevel=error"]).current_dir(folder))
}

/// The Python that runs the tests' client, with its package in a folder of its own.
pub fn python_folder() -> std::path::PathBuf {
    cache().join(PYTHON_WEBSOCKETS.replace("==", "-"))
}

fn python() -> Done {
    let folder = python_folder();
    if folder.join("websockets/__init__.py").exists() {
        return Ok(());
    }
    let target = folder.to_string_lossy().into_owned();
    let arguments = ["-m", "pip", "install", "--quiet", "--target", &target, PYTHON_WEBSOCKETS];
    shell::run(&mut program("python3", &arguments))
}
