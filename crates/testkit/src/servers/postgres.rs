//! A real PostgreSQL (Debian's): a cluster of its own, with every commit on the disk.
//!
//! Its text is ordered as people order it, not by bytes, so that a store which relies on bytes has to say so.
//! PostgreSQL refuses to run as root: there it runs as the user that its package has made.

use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::Duration;

use tempfile::TempDir;

use super::Server;
use crate::process::{Program, Signal, signal_pid};
use crate::{poll, ports, scratch};

/// The user that owns everything in it.
const USER: &str = "trunkline";
/// The database that [`Postgres::url`] names.
const DATABASE: &str = "trunkline";
/// The user of the system that Debian's package makes.
const SYSTEM_USER: &str = "postgres";
const INSTALL: &str = "apt-get install postgresql";
/// For the processes of a killed server; the kernel needs milliseconds.
const GONE_DEADLINE: Duration = Duration::from_secs(20);

/// A PostgreSQL server; killed when dropped.
#[derive(Debug)]
pub struct Postgres {
    // Before the folder: the process must be gone when the folder is removed.
    server: Server,
    port: u16,
    password: Option<String>,
    _folder: TempDir,
}

impl Postgres {
    /// Starts one that lets everybody in.
    ///
    /// # Panics
    ///
    /// When it is not installed or does not start.
    pub async fn start() -> Self {
        Self::start_with(&[]).await
    }

    /// Starts one with more settings, as in `postgresql.conf`: `[("synchronous_commit", "off")]`.
    ///
    /// # Panics
    ///
    /// When it is not installed or does not start.
    pub async fn start_with(settings: &[(&str, &str)]) -> Self {
        let folder = scratch::folder("postgres");
        let data = folder.path().join("data");
        hand_over(folder.path());
        run(Command::new("cp").arg("-a").arg(template()).arg(&data));
        let port = ports::free();
        let mut program = as_server(&binary("postgres")).called("postgres").installed_by(INSTALL);
        program = program.arg("-D").arg(&data).folder(folder.path());
        let port_text = port.to_string();
        let ours = [
            ("listen_addresses", "127.0.0.1"),
            ("port", port_text.as_str()),
            ("unix_socket_directories", ""),
            ("shared_buffers", "32MB"),
            ("max_wal_size", "256MB"),
        ];
        for (name, value) in ours.iter().chain(settings) {
            program = program.arg("-c").arg(format!("{name}={value}"));
        }
        let ready = "database system is ready to accept";
        let server = Server::start_ended_by(program, ready, Signal::Int).await;
        Self { server, port, password: None, _folder: folder }
    }

    /// Starts one that asks its user for this password.
    ///
    /// # Panics
    ///
    /// When it is not installed or does not start.
    pub async fn start_with_password(password: &str) -> Self {
        let mut postgres = Self::start().await;
        let quoted = password.replace('\'', "''");
        postgres.execute(&format!("ALTER USER {USER} PASSWORD '{quoted}'")).await;
        let rules = postgres.execute("SHOW hba_file").await;
        let asked = "host all all 127.0.0.1/32 scram-sha-256\n";
        std::fs::write(&rules, asked).unwrap_or_else(|error| panic!("cannot write {rules}: {error}"));
        // A reload is done some time after it was asked for.
        postgres.restart().await;
        postgres.password = Some(password.to_owned());
        postgres
    }

    /// `postgres://USER@127.0.0.1:PORT/DATABASE`, with the password if it has one.
    pub fn url(&self) -> String {
        self.url_of(DATABASE)
    }

    /// [`Postgres::url`] with another database.
    pub fn url_of(&self, database: &str) -> String {
        let escaped =
            |password: &str| -> String { password.bytes().map(|byte| format!("%{byte:02X}")).collect() };
        let login =
            self.password.as_deref().map_or_else(String::new, |password| format!(":{}", escaped(password)));
        format!("postgres://{USER}{login}@127.0.0.1:{}/{database}", self.port)
    }

    /// Where it listens on loopback.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Makes a database and returns its URL.
    ///
    /// # Panics
    ///
    /// As [`Postgres::execute`].
    pub async fn create_database(&self, name: &str) -> String {
        self.execute(&format!("CREATE DATABASE {name}")).await;
        self.url_of(name)
    }

    /// Runs SQL on a connection of its own, and returns its rows: a line a row, `|` between columns.
    ///
    /// # Panics
    ///
    /// When PostgreSQL refuses.
    pub async fn execute(&self, sql: &str) -> String {
        self.execute_in(DATABASE, sql).await
    }

    /// As [`Postgres::execute`], in another database.
    ///
    /// # Panics
    ///
    /// When PostgreSQL refuses.
    pub async fn execute_in(&self, database: &str, sql: &str) -> String {
        let port = self.port.to_string();
        let mut psql = tokio::process::Command::new(binary("psql"));
        psql.args(["-XAtq", "-v", "ON_ERROR_STOP=1", "-h", "127.0.0.1", "-U", USER]);
        psql.args(["-p", &port, "-d", database, "-c", sql]).kill_on_drop(true);
        if let Some(password) = &self.password {
            psql.env("PGPASSWORD", password);
        }
        let output =
            psql.output().await.unwrap_or_else(|error| panic!("cannot start psql: {error}; {INSTALL}"));
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "psql: {sql}: {told}\n{}", self.server.tail());
        String::from_utf8_lossy(&output.stdout).trim_end().to_owned()
    }

    /// `kill -9` of the server and all its processes at once, as when the machine loses power; does nothing when it does not run.
    ///
    /// # Panics
    ///
    /// When they do not end.
    pub async fn kill_9(&self) {
        let processes = self.processes();
        for process in &processes {
            signal_pid(*process, Signal::Kill);
        }
        self.server.kill_9().await;
        // A new server refuses to start beside processes of an old one.
        let gone = async || processes.iter().all(|process| parent(*process).is_none());
        poll::until("the processes of a killed server are gone", GONE_DEADLINE, gone).await;
    }

    /// Ends it: clients are cut off, and everything is written.
    ///
    /// # Panics
    ///
    /// When it does not end.
    pub async fn stop(&self) {
        self.resume();
        self.server.stop().await;
    }

    /// See [`Server::restart`].
    pub async fn restart(&self) {
        self.stop().await;
        self.server.restart().await;
    }

    /// SIGSTOP of the server and all its processes: connections stay open and new ones are taken, and nothing answers.
    pub fn pause(&self) {
        self.signal_all(Signal::Stop);
    }

    /// SIGCONT: goes on after [`Postgres::pause`].
    pub fn resume(&self) {
        self.signal_all(Signal::Cont);
    }

    /// See [`Server::is_running`].
    pub fn is_running(&self) -> bool {
        self.server.is_running()
    }

    /// See [`Server::tail`].
    pub fn tail(&self) -> String {
        self.server.tail()
    }

    /// The server first, so that it starts no process behind our back.
    fn signal_all(&self, signal: Signal) {
        if let Some(server) = self.server.pid() {
            signal_pid(server, signal);
            self.processes().into_iter().for_each(|process| signal_pid(process, signal));
        }
    }

    /// Its processes, without the server itself.
    fn processes(&self) -> Vec<u32> {
        let Some(server) = self.server.pid() else { return Vec::new() };
        let Ok(entries) = std::fs::read_dir("/proc") else { return Vec::new() };
        let pids = entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok());
        pids.filter(|pid| parent(*pid) == Some(server)).collect()
    }
}

/// The parent of a process that has not ended.
fn parent(pid: u32) -> Option<u32> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name stands in brackets, and may hold anything.
    let mut words = stat.rsplit_once(')')?.1.split_whitespace();
    let state = words.next()?;
    words.next()?.parse().ok().filter(|_| state != "Z")
}

/// The data of a cluster that was just made; it takes seconds, so it is made once a program.
fn template() -> &'static Path {
    static TEMPLATE: OnceLock<TempDir> = OnceLock::new();
    let folder = TEMPLATE.get_or_init(|| {
        let folder = scratch::folder("postgres-template");
        hand_over(folder.path());
        let data = folder.path().join("data");
        let mut initdb = command_as_server(&binary("initdb"));
        initdb.args(["--auth=trust", "--no-sync", "--wal-segsize=1", "--encoding=UTF8", "--locale=C.UTF-8"]);
        initdb.args(["--locale-provider=icu", "--icu-locale=en", "-U", USER]);
        run(initdb.arg("-D").arg(&data).current_dir(folder.path()));
        let statement = folder.path().join("first.sql");
        let written = std::fs::write(&statement, format!("CREATE DATABASE {DATABASE}\n"));
        written.unwrap_or_else(|error| panic!("cannot write {}: {error}", statement.display()));
        let mut single = command_as_server(&binary("postgres"));
        single.args(["--single", "-D"]).arg(&data).arg("postgres").current_dir(folder.path());
        let input = std::fs::File::open(&statement);
        run(single.stdin(input.unwrap_or_else(|error| panic!("{}: {error}", statement.display()))));
        folder
    });
    // A folder with this name within the one that is ours alone.
    static DATA: OnceLock<PathBuf> = OnceLock::new();
    DATA.get_or_init(|| folder.path().join("data"))
}

/// Gives a folder to the user that the server runs as.
fn hand_over(folder: &Path) {
    let Some((user, group)) = system_user() else { return };
    chown(folder, Some(user), Some(group))
        .unwrap_or_else(|error| panic!("cannot hand over {}: {error}", folder.display()));
}

/// The user and group that the server is to run as, where it may not run as we do.
fn system_user() -> Option<(u32, u32)> {
    static FOUND: OnceLock<Option<(u32, u32)>> = OnceLock::new();
    *FOUND.get_or_init(|| {
        let id = |arguments: &[&str]| -> Option<u32> {
            let output = Command::new("id").args(arguments).output().ok()?;
            String::from_utf8(output.stdout).ok()?.trim().parse().ok()
        };
        if id(&["-u"]) != Some(0) {
            return None;
        }
        let found = id(&["-u", SYSTEM_USER]).zip(id(&["-g", SYSTEM_USER]));
        Some(found.unwrap_or_else(|| panic!("there is no user {SYSTEM_USER}; {INSTALL}")))
    })
}

/// The words before a program that run it as the server's user and let it die with us.
fn prefix() -> Vec<String> {
    let Some((user, group)) = system_user() else { return Vec::new() };
    // The kernel forgets whom a process is to die with when its user changes, so it is said again.
    let words = ["--clear-groups", "--pdeathsig", "KILL", "--"].map(str::to_owned);
    let user = ["setpriv".to_owned(), format!("--reuid={user}"), format!("--regid={group}")];
    user.into_iter().chain(words).collect()
}

fn as_server(path: &Path) -> Program {
    match prefix().split_first() {
        Some((first, rest)) => Program::new(first).args(rest).arg(path),
        None => Program::new(path),
    }
}

fn command_as_server(path: &Path) -> Command {
    match prefix().split_first() {
        Some((first, rest)) => {
            let mut command = Command::new(first);
            command.args(rest).arg(path);
            command
        }
        None => Command::new(path),
    }
}

/// A program of PostgreSQL's: the newest version that Debian has installed beside each other, else that on `PATH`.
fn binary(name: &str) -> PathBuf {
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let version = |path: &Path| path.file_name()?.to_str()?.parse::<u32>().ok();
    let folders = versions.map(|entry| entry.path()).filter(|path| path.join("bin").join(name).is_file());
    let newest = folders.max_by_key(|path| version(path));
    newest.map_or_else(|| PathBuf::from(name), |folder| folder.join("bin").join(name))
}

fn run(command: &mut Command) {
    let output =
        command.output().unwrap_or_else(|error| panic!("cannot start {command:?}: {error}; {INSTALL}"));
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {}: {told}", output.status);
}
