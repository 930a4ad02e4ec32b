//! A real Nacos server: rnacos, which speaks Nacos' gRPC and HTTP interfaces.

use std::net::{Ipv4Addr, SocketAddr};

use tempfile::TempDir;

use super::{Server, cache_folder, recipe};
use crate::process::Program;
use crate::proxy::Proxy;
use crate::{ports, scratch};

/// Clients take the gRPC port from the HTTP port by adding this.
const GRPC_OFFSET: u16 = 1000;

/// What a Nacos may be started with; [`Default`] is without authentication.
#[derive(Clone, Debug, Default)]
pub struct NacosOptions {
    /// User and password: clients have to log in with them.
    pub login: Option<(String, String)>,
    /// After how many seconds a client that says nothing is dropped; the server's own default is 15.
    pub hang_seconds: Option<u32>,
}

/// A Nacos server; killed when dropped.
#[derive(Debug)]
pub struct Nacos {
    // Before the folder: the process must be gone when the folder is removed.
    server: Server,
    port: u16,
    login: Option<(String, String)>,
    _folder: TempDir,
}

impl Nacos {
    /// Starts one without authentication.
    ///
    /// # Panics
    ///
    /// When it is not built or does not start.
    pub async fn start() -> Self {
        Self::start_with(NacosOptions::default()).await
    }

    /// Starts one with options.
    ///
    /// # Panics
    ///
    /// When it is not built or does not start.
    pub async fn start_with(options: NacosOptions) -> Self {
        let folder = scratch::folder("nacos");
        let port = ports::free_with(&[i32::from(GRPC_OFFSET)]);
        let mut program = Program::new(recipe("nacos/start-rnacos.sh"))
            .called("rnacos")
            .arg(folder.path())
            .arg(port.to_string())
            .env("TRUNKLINE_SERVER_CACHE", cache_folder())
            .env("RNACOS_FETCH_NEVER", "1");
        if let Some((user, password)) = &options.login {
            program = program.env("NACOS_USER", user).env("NACOS_PASSWORD", password);
        }
        if let Some(seconds) = options.hang_seconds {
            program = program.env("RNACOS_HANG_SECONDS", seconds.to_string());
        }
        let server = Server::start(program, "READY").await;
        Self { server, port, login: options.login, _folder: folder }
    }

    /// Where its HTTP interface listens; clients are given this address.
    pub fn address(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.port).into()
    }

    /// Where its gRPC interface listens: the HTTP port + 1,000.
    pub fn grpc_address(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.port + GRPC_OFFSET).into()
    }

    /// `nacos://127.0.0.1:PORT`, with user and password if it has them.
    pub fn url(&self) -> String {
        match &self.login {
            Some((user, password)) => format!("nacos://{user}:{password}@{}", self.address()),
            None => format!("nacos://{}", self.address()),
        }
    }

    /// Two proxies in front of it, for HTTP and for gRPC: clients are given the address of the first and find the second by themselves.
    ///
    /// # Panics
    ///
    /// When they cannot listen.
    pub fn proxies(&self) -> (Proxy, Proxy) {
        let port = ports::free_with(&[i32::from(GRPC_OFFSET)]);
        let http = Proxy::start_on((Ipv4Addr::LOCALHOST, port).into(), self.address());
        let grpc = Proxy::start_on((Ipv4Addr::LOCALHOST, port + GRPC_OFFSET).into(), self.grpc_address());
        (http, grpc)
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

    /// See [`Server::restart`]; ephemeral instances are gone until their clients register them again.
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
}
