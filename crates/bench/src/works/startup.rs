//! Starting a node, and what it needs before anybody comes.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use testkit::http::Http;
use testkit::process::Program;
use testkit::{ports, scratch};

use crate::clock;
use crate::suite::{Aim, Figure, Options};
use crate::usage::resident_bytes;

/// Between two looks whether it is ready: short beside what is measured.
const LOOK: Duration = Duration::from_millis(1);
/// A hundred times what it should need.
const READY_DEADLINE_NS: u64 = 30_000_000_000;

/// A node as it starts out of the box: with its own store, and nobody behind the other seams.
pub(super) async fn startup(options: Arc<Options>) -> Vec<Figure> {
    let binary = options.trunkline();
    let (mut ready, mut resident) = (Vec::new(), Vec::new());
    for _ in 0..options.rounds() {
        let (ms, bytes) = start_once(&options).await;
        ready.push(ms);
        resident.push(bytes);
    }
    let size = binary.metadata().map_or(0, |file| file.len()) as f64;
    let aim = |value: f64| Aim { value: Some(value), ratios: &[] };
    let settings = || json!({ "store": "sqlite" });
    vec![
        Figure::alone("node_ready", "ms", &ready, aim(300.0), settings()),
        Figure::alone("node_resident", "MB", &resident, aim(25.0), settings()),
        Figure::alone("binary_size", "MB", &[size / 1e6], aim(40.0), settings()),
    ]
}

/// Milliseconds from start to ready, and megabytes in use then.
async fn start_once(options: &Options) -> (f64, f64) {
    let (folder, port, api) = (scratch::folder("startup"), ports::free(), ports::free());
    let program = Program::new(options.trunkline()).arg("node").folder(folder.path());
    let program =
        program.args(["--set", &format!("ws.port={port}"), "--set", &format!("api.listen=127.0.0.1:{api}")]);
    let http = Http::at(&format!("http://127.0.0.1:{port}"));
    let begin = clock::now_ns();
    let process = program.start();
    loop {
        let took_ns = clock::now_ns() - begin;
        match http.try_request("GET", "/readyz", None).await {
            Ok(answer) if answer.status == 200 => {
                let resident = resident_bytes(process.pid()).unwrap_or_else(|error| panic!("{error}"));
                return (took_ns as f64 / 1e6, resident as f64 / 1e6);
            }
            _ if took_ns > READY_DEADLINE_NS => panic!("a node is not ready\n{}", process.tail()),
            _ => tokio::time::sleep(LOOK).await,
        }
    }
}
