//! A real RabbitMQ (Debian's `rabbitmq-server`), with an epmd of its own.
//!
//! Its data outlives its restarts; nothing of it listens outside of loopback.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use tempfile::TempDir;

use super::{Server, recipe};
use crate::process::{Program, Stream};
use crate::proxy::Proxy;
use crate::{ports, scratch};

/// The user that every RabbitMQ has, and its password.
const GUEST: &str = "guest";
/// `rabbitmqctl` starts an Erlang of its own: a second on a free machine, many on a busy one.
const CTL_DEADLINE: Duration = Duration::from_secs(180);
/// What `rabbitmqctl` is run by: the script's variables, then the command, past Debian's wrapper.
const CTL: &str = r#". "$0/environment"; exec "${RABBITMQ_LIB:-/usr/lib/rabbitmq}/bin/rabbitmqctl" "$@""#;

/// A RabbitMQ server; killed when dropped.
#[derive(Debug)]
pub struct RabbitMq {
    // Before the folder: the process must be gone when the folder is removed.
    server: Server,
    port: u16,
    folder: TempDir,
}

/// A queue as its broker lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedQueue {
    /// Its name.
    pub name: String,
    /// How many messages lie in it, those on their way to a consumer too.
    pub messages: u64,
    /// How many consumers it has.
    pub consumers: u64,
}

impl RabbitMq {
    /// Starts one; its user is `guest`.
    ///
    /// # Panics
    ///
    /// When it is not installed or does not start.
    pub async fn start() -> Self {
        Self::start_with(&[]).await
    }

    /// Starts one with more lines in `rabbitmq.conf`.
    ///
    /// # Panics
    ///
    /// When it is not installed or does not start.
    pub async fn start_with(lines: &[&str]) -> Self {
        let folder = scratch::folder("rabbitmq");
        let port = ports::free();
        let program = Program::new(recipe("rabbitmq/start-rabbitmq.sh"))
            .called("RabbitMQ")
            .arg(folder.path())
            .args([port, ports::free(), ports::free()].map(|port| port.to_string()))
            .env("RABBITMQ_LINES", lines.join("\n"));
        let server = Server::start(program, "READY").await;
        Self { server, port, folder }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.port).into()
    }

    /// `amqp://guest:guest@127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        self.url_at(self.address())
    }

    /// As [`RabbitMq::url`], for another address that leads to it.
    pub fn url_at(&self, address: SocketAddr) -> String {
        format!("amqp://{GUEST}:{GUEST}@{address}")
    }

    /// A proxy in front of it.
    pub fn proxy(&self) -> Proxy {
        Proxy::start(self.address())
    }

    /// Its process: kill, stop, restart, pause, resume.
    pub fn server(&self) -> &Server {
        &self.server
    }

    /// See [`Server::kill_9`].
    pub async fn kill_9(&self) {
        self.server.kill_9().await;
    }

    /// See [`Server::stop`].
    pub async fn stop(&self) {
        self.server.stop().await;
    }

    /// See [`Server::restart`].
    pub async fn restart(&self) {
        self.server.restart().await;
    }

    /// See [`Server::pause`].
    pub fn pause(&self) {
        self.server.pause();
    }

    /// See [`Server::resume`].
    pub fn resume(&self) {
        self.server.resume();
    }

    /// What `rabbitmqctl` says to a command, without its headings.
    ///
    /// # Panics
    ///
    /// When the command fails.
    pub async fn ctl(&self, command: &[&str]) -> Vec<String> {
        let asked = Program::new("sh")
            .called("rabbitmqctl")
            .args(["-c", CTL])
            .arg(self.folder.path())
            .arg("--quiet")
            .args(command.iter().copied())
            .start();
        let code = asked.exit_code(CTL_DEADLINE).await;
        assert_eq!(code, 0, "rabbitmqctl {command:?}\n{}", asked.tail());
        asked.lines(Stream::Out)
    }

    /// All queues of the virtual host `/`.
    ///
    /// # Panics
    ///
    /// When it does not say.
    pub async fn queues(&self) -> Vec<ListedQueue> {
        let lines = self.ctl(&["list_queues", "--no-table-headers", "name", "messages", "consumers"]).await;
        let queue = |line: &String| {
            let [name, messages, consumers] = line.split('\t').collect::<Vec<_>>().try_into().ok()?;
            Some(ListedQueue {
                name: name.to_owned(),
                messages: messages.parse().ok()?,
                consumers: consumers.parse().ok()?,
            })
        };
        let queues: Option<Vec<ListedQueue>> = lines.iter().map(queue).collect();
        queues.unwrap_or_else(|| panic!("rabbitmqctl lists queues like this: {lines:?}"))
    }

    /// Whether it takes nothing from publishers, as when its memory is used up.
    ///
    /// # Panics
    ///
    /// When it refuses.
    pub async fn block_publishers(&self, blocked: bool) {
        self.ctl(&["set_vm_memory_high_watermark", if blocked { "0" } else { "0.9" }]).await;
    }
}
