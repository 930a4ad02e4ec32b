//! Processes of a cluster start, end in every way, and come back on their ports with their data.
//!
//! A small Python program stands in for the binary: these are tests of the kit, not of the product.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests, and the helpers between them")]

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tempfile::TempDir;
use testkit::client::PATIENCE;
use testkit::cluster::{Instance, Up};
use testkit::http::Http;
use testkit::{ports, scratch};

/// Serves `/readyz` (503 the first time) on the port of `--port`, or of the line `port: N` in the file after `-c`;
/// counts its lives in `--data`; ends with 0 on SIGTERM, and with 64 where it finds no port.
const STAND_IN: &str = r#"#!/usr/bin/env python3
import http.server, os, pathlib, signal, sys
args = sys.argv[1:]
def after(flag): return args[args.index(flag) + 1] if flag in args else None
port = after("--port") or next((l[6:] for l in open(after("-c")).read().splitlines() if l.startswith("port: ")), None)
if not port:
    print("trunkline.yml: no port", file=sys.stderr)
    sys.exit(64)
lives = pathlib.Path(after("--data") or ".") / "lives"
lives.parent.mkdir(exist_ok=True)
lives.write_text(str(int(lives.read_text()) + 1 if lives.exists() else 1))
asked = 0
class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        global asked
        asked += 1
        body = (self.path + " " + lives.read_text()).encode()
        self.send_response(200 if asked > 1 else 503)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *_): pass
signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
server = http.server.ThreadingHTTPServer(("127.0.0.1", int(port)), Answer)
print("args", *args, flush=True)
server.serve_forever()
"#;

fn stand_in() -> (PathBuf, TempDir) {
    let folder = scratch::folder("stand-in");
    let path = folder.path().join("trunkline");
    std::fs::write(&path, STAND_IN).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    (path, folder)
}

fn lives(folder: &Path) -> String {
    std::fs::read_to_string(folder.join("lives")).unwrap()
}

#[tokio::test]
async fn up_comes_back_on_its_port_with_its_data() {
    let (binary, _folder) = stand_in();
    let up = Up::start_with(&binary, &["--nodes", "2"]).await;
    let args = up.process().wait_for_line("args", PATIENCE).await;
    assert_eq!(args, format!("args up --port {} --data data --nodes 2", up.port()));
    assert_eq!(up.page().get("/").await.text(), "/ 1");
    up.kill_9().await;
    assert!(up.page().try_request("GET", "/", None).await.is_err(), "a killed process answers");
    up.restart().await;
    assert_eq!((up.page().get("/").await.text().as_str(), lives(&up.data()).as_str()), ("/ 2", "2"));
    up.stop().await;
    assert!(!up.instance().is_running());
    assert_eq!(up.url("1", "ios"), format!("ws://127.0.0.1:{}/ws/1?device=ios", up.port()));
}

#[tokio::test]
async fn an_instance_gets_the_configuration_that_the_test_wrote() {
    let (binary, _folder) = stand_in();
    let (first, second) = (ports::free(), ports::free());
    let base = format!("http://127.0.0.1:{first}");
    let node = Instance::start(&binary, "node --insecure", &format!("port: {first}\n"), &base).await;
    let args = node.process().wait_for_line("args", PATIENCE).await;
    assert_eq!(args, "args node --insecure -c trunkline.yml");
    node.pause();
    let http = Http::at(&base);
    let asked = tokio::time::timeout(Duration::from_millis(200), http.get("/"));
    assert!(asked.await.is_err(), "a stopped process answered");
    node.resume();
    assert_eq!(http.get("/").await.text(), "/ 1");
    node.stop().await;
    node.configure(&format!("port: {second}\n"));
    node.launch();
    node.process().wait_for_line("args", PATIENCE).await;
    assert!(http.try_request("GET", "/", None).await.is_err());
    assert_eq!(Http::at(&format!("http://127.0.0.1:{second}")).get("/").await.text(), "/ 2");
}

#[tokio::test]
async fn a_refused_configuration_is_an_exit_code_and_a_line() {
    let (binary, _folder) = stand_in();
    let node = Instance::prepare(&binary, "node", "nothing", "http://127.0.0.1:1");
    node.launch();
    assert_eq!(node.exit_code().await, 64);
    assert!(node.process().tail().contains("trunkline.yml: no port"));
}

#[tokio::test]
#[should_panic(expected = "trunkline.yml: no port")]
async fn an_instance_that_does_not_start_shows_what_it_said() {
    let (binary, _folder) = stand_in();
    Instance::start(&binary, "gateway", "nothing", "http://127.0.0.1:1").await;
}
