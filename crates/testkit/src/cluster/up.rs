//! `trunkline up`: a whole cluster in one process, with a data folder that outlives its restarts.

use std::path::Path;
use std::sync::Arc;

use super::Instance;
use crate::client::{ClassicClient, V1Client};
use crate::http::Http;
use crate::process::{Process, Program};
use crate::{ports, scratch};

/// The HTTP interface is on the port after the gateway's.
const API_OFFSET: u16 = 1;

/// A running `up`. Killed when dropped.
#[derive(Debug)]
pub struct Up {
    instance: Instance,
    port: u16,
}

impl Up {
    /// Starts one on free ports with an empty data folder, and waits until it is ready.
    ///
    /// # Panics
    ///
    /// When it ends or is not ready in time: with what it printed.
    pub async fn start(binary: impl AsRef<Path>) -> Self {
        Self::start_with(binary, &[]).await
    }

    /// Starts one with more arguments: `["--nodes", "2", "--set", "limits.sends_per_second=0"]`.
    ///
    /// # Panics
    ///
    /// When it ends or is not ready in time: with what it printed.
    pub async fn start_with(binary: impl AsRef<Path>, args: &[&str]) -> Self {
        let folder = scratch::folder("up");
        let port = ports::free_with(&[i32::from(API_OFFSET)]);
        let program = Program::new(binary.as_ref())
            .called("trunkline up")
            .args(["up", "--port", &port.to_string(), "--data", "data"])
            .args(args.iter().copied())
            .folder(folder.path());
        let instance = Instance::of(program, &format!("http://127.0.0.1:{port}"), folder);
        instance.restart().await;
        Self { instance, port }
    }

    /// `ws://127.0.0.1:PORT/ws/<user>?device=<device>`, through its gateway.
    pub fn url(&self, user: &str, device: &str) -> String {
        format!("ws://127.0.0.1:{}/ws/{user}?device={device}", self.port)
    }

    /// Its page and its probes: `http://127.0.0.1:PORT`.
    pub fn page(&self) -> Http {
        Http::at(&format!("http://127.0.0.1:{}", self.port))
    }

    /// The HTTP interface of its nodes.
    pub fn api(&self) -> Http {
        Http::at(&format!("http://127.0.0.1:{}", self.port + API_OFFSET))
    }

    /// A session of `user` on device `web`, welcomed.
    ///
    /// # Panics
    ///
    /// When it is refused.
    pub async fn login(&self, user: &str) -> V1Client {
        V1Client::connect(&self.url(user, "web")).await
    }

    /// A session of `user` in the dialect of the old clients.
    ///
    /// # Panics
    ///
    /// When it is refused.
    pub async fn login_classic(&self, user: i64) -> ClassicClient {
        let url = self.url(&user.to_string(), "web");
        match ClassicClient::open(&url, |handshake| handshake.protocols("classic")).await {
            Ok(client) => client,
            Err(answer) => panic!("{url} answers {}", answer.status),
        }
    }

    /// The port of its gateway.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Its data folder.
    pub fn data(&self) -> std::path::PathBuf {
        self.instance.folder().join("data")
    }

    /// Its process: lines, signals.
    pub fn process(&self) -> Arc<Process> {
        self.instance.process()
    }

    /// The instance: launch without waiting, pause, exit code.
    pub fn instance(&self) -> &Instance {
        &self.instance
    }

    /// `kill -9`.
    pub async fn kill_9(&self) {
        self.instance.kill_9().await;
    }

    /// SIGTERM, and exit code 0.
    pub async fn stop(&self) {
        self.instance.stop().await;
    }

    /// Starts again on the same ports with the same data, after [`Up::kill_9`] or [`Up::stop`].
    pub async fn restart(&self) {
        self.instance.restart().await;
    }
}
