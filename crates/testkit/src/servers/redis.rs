//! A real Redis (Debian's `redis-server`).
//!
//! By default it keeps nothing: after a restart it is empty.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::Server;
use crate::process::Program;
use crate::{ports, scratch};

/// For one command; a Redis that hangs is made to hang by a test, which then does not ask it anything here.
const COMMAND_DEADLINE: Duration = Duration::from_secs(10);

/// A Redis server; killed when dropped.
#[derive(Debug)]
pub struct Redis {
    // Before the folder: the process must be gone when the folder is removed.
    server: Server,
    port: u16,
    password: Option<String>,
    _folder: TempDir,
}

/// What Redis answered to a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// `+OK` and the like.
    Simple(String),
    /// `-ERR …` and the like.
    Error(String),
    /// A number.
    Integer(i64),
    /// A string of bytes, shown as text.
    Bulk(String),
    /// No value.
    Nil,
    /// Several replies.
    Array(Vec<Reply>),
}

impl Redis {
    /// Starts one without persistence and without a password.
    ///
    /// # Panics
    ///
    /// When it is not installed or does not start.
    pub async fn start() -> Self {
        Self::start_with(&[]).await
    }

    /// Starts one with more settings, as in `redis.conf`: `[("appendonly", "yes"), ("maxmemory-policy", "allkeys-lru")]`.
    ///
    /// # Panics
    ///
    /// When it is not installed or does not start.
    pub async fn start_with(settings: &[(&str, &str)]) -> Self {
        let folder = scratch::folder("redis");
        let port = ports::free();
        let mut program = Program::new("redis-server")
            .installed_by("apt-get install redis-server")
            .args(["--bind", "127.0.0.1", "--port", &port.to_string(), "--daemonize", "no", "--logfile", ""])
            .args(["--save", "", "--maxmemory-policy", "noeviction"])
            .arg("--dir")
            .arg(folder.path());
        for (name, value) in settings {
            program = program.arg(format!("--{name}")).arg(*value);
        }
        let password = settings.iter().find(|(name, _)| *name == "requirepass");
        let password = password.map(|(_, value)| (*value).to_owned());
        let server = Server::start(program, "Ready to accept connections").await;
        Self { server, port, password, _folder: folder }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.port).into()
    }

    /// `redis://127.0.0.1:PORT`, with the password if it has one.
    pub fn url(&self) -> String {
        match &self.password {
            Some(password) => format!("redis://:{password}@{}", self.address()),
            None => format!("redis://{}", self.address()),
        }
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

    /// See [`Server::restart`]; without `appendonly` it comes back empty.
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

    /// Sends one command on a connection of its own.
    ///
    /// # Panics
    ///
    /// When there is no answer; an answer that is an error is [`Reply::Error`].
    pub async fn command(&self, words: &[&str]) -> Reply {
        let exchange = timeout(COMMAND_DEADLINE, self.exchange(words)).await;
        let answer = exchange.unwrap_or_else(|_| Err(std::io::ErrorKind::TimedOut.into()));
        answer.unwrap_or_else(|error| {
            panic!("redis does not answer {words:?}: {error}\n{}", self.server.tail())
        })
    }

    /// `FLUSHALL`: everything is forgotten.
    ///
    /// # Panics
    ///
    /// When Redis refuses.
    pub async fn flush_all(&self) {
        assert_eq!(self.command(&["FLUSHALL"]).await, Reply::Simple("OK".to_owned()));
    }

    async fn exchange(&self, words: &[&str]) -> std::io::Result<Reply> {
        let mut stream = BufReader::new(TcpStream::connect(self.address()).await?);
        if let Some(password) = &self.password {
            stream.write_all(&encode(&["AUTH", password])).await?;
            read_reply(&mut stream).await?;
        }
        stream.write_all(&encode(words)).await?;
        read_reply(&mut stream).await
    }
}

fn encode(words: &[&str]) -> Vec<u8> {
    let mut bytes = format!("*{}\r\n", words.len());
    for word in words {
        bytes.push_str(&format!("${}\r\n{word}\r\n", word.len()));
    }
    bytes.into_bytes()
}

async fn read_reply(stream: &mut BufReader<TcpStream>) -> std::io::Result<Reply> {
    let mut line = String::new();
    stream.read_line(&mut line).await?;
    let line = line.trim_end();
    let (kind, rest) = line.split_at_checked(1).ok_or(std::io::ErrorKind::UnexpectedEof)?;
    let number = || rest.parse::<i64>().map_err(std::io::Error::other);
    Ok(match kind {
        "+" => Reply::Simple(rest.to_owned()),
        "-" => Reply::Error(rest.to_owned()),
        ":" => Reply::Integer(number()?),
        "$" => match usize::try_from(number()?) {
            Err(_) => Reply::Nil,
            Ok(length) => {
                let mut bytes = vec![0; length + 2];
                stream.read_exact(&mut bytes).await?;
                bytes.truncate(length);
                Reply::Bulk(String::from_utf8_lossy(&bytes).into_owned())
            }
        },
        "*" => match usize::try_from(number()?) {
            Err(_) => Reply::Nil,
            Ok(length) => {
                let mut replies = Vec::new();
                for _ in 0..length {
                    replies.push(Box::pin(read_reply(stream)).await?);
                }
                Reply::Array(replies)
            }
        },
        _ => return Err(std::io::Error::other(format!("not a reply: {line:?}"))),
    })
}
