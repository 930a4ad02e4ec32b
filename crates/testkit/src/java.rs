//! Small Java programs, compiled and run against the jars of the cached RocketMQ.
//!
//! They are the peers that nobody here wrote: the official client, and consumers as strict as the Java services of our users.

use std::path::PathBuf;
use std::time::Duration;

use tempfile::TempDir;

use crate::process::{Process, Program, Stream};
use crate::scratch;
use crate::servers::rocketmq_jars;

const INSTALL: &str = "apt-get install default-jdk-headless";
/// The jars bring a logging configuration that prints 200 lines to standard output; this one is found before it.
const QUIET: &str = r#"<configuration>
  <statusListener class="org.apache.rocketmq.logging.ch.qos.logback.core.status.NopStatusListener"/>
  <root level="OFF"/>
</configuration>
"#;
/// A compiler on two busy cores.
const COMPILE_DEADLINE: Duration = Duration::from_secs(120);

/// A compiled program; it may be run any number of times.
#[derive(Debug)]
pub struct JavaProgram {
    main: String,
    class_path: String,
    folder: TempDir,
}

impl JavaProgram {
    /// Compiles `source`, whose public class is `main`.
    ///
    /// # Panics
    ///
    /// When there is no Java compiler, the jars were not fetched, or it does not compile: with what the compiler said.
    pub async fn compile(main: &str, source: &str) -> Self {
        let folder = scratch::folder("java");
        let file = write(&folder, &format!("{main}.java"), source);
        write(&folder, "rmq.logback.xml", QUIET);
        let jars = rocketmq_jars().await.join("*");
        let class_path = format!("{}:{}", folder.path().display(), jars.display());
        let compiler = Program::new("javac")
            .installed_by(INSTALL)
            .args(["-nowarn", "-encoding", "UTF-8", "-cp", &class_path, "-d"])
            .arg(folder.path())
            .arg(file)
            .start();
        let code = compiler.exit_code(COMPILE_DEADLINE).await;
        assert_eq!(code, 0, "{main}.java does not compile\n{}", compiler.tail());
        Self { main: main.to_owned(), class_path, folder }
    }

    /// Starts it. What the RocketMQ client remembers in the home of its user stays in the folder of this program.
    ///
    /// # Panics
    ///
    /// When there is no Java.
    pub fn start(&self, args: &[&str]) -> Process {
        let folder = self.folder.path().display();
        Program::new("java")
            .installed_by(INSTALL)
            .called(&self.main)
            .args(["-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-XX:-UsePerfData", "-Xmx128m"])
            .args(["-Dfile.encoding=UTF-8", "-Dstdout.encoding=UTF-8"])
            .args([format!("-Duser.home={folder}"), format!("-Djava.io.tmpdir={folder}")])
            .args(["-cp", &self.class_path, &self.main])
            .args(args.iter().copied())
            .start()
    }

    /// Runs it to its end and returns the lines of its standard output.
    ///
    /// # Panics
    ///
    /// When it does not end in time, or with another code than 0.
    pub async fn run(&self, args: &[&str], deadline: Duration) -> Vec<String> {
        let process = self.start(args);
        let code = process.exit_code(deadline).await;
        assert_eq!(code, 0, "{} {args:?}\n{}", self.main, process.tail());
        process.lines(Stream::Out)
    }
}

fn write(folder: &TempDir, name: &str, text: &str) -> PathBuf {
    let path = folder.path().join(name);
    std::fs::write(&path, text).unwrap_or_else(|error| panic!("cannot write {}: {error}", path.display()));
    path
}
