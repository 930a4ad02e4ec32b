//! A client that no one here wrote: the Python library `websockets`.

use std::time::Duration;

use testkit::cluster::Up;
use testkit::process::Program;
use testkit::servers::cache_folder;

/// Where `cargo xtask install` puts the library.
const PACKAGE: &str = "websockets-17.4";

#[tokio::test]
async fn two_users_of_pythons_websockets_talk() {
    let package = cache_folder().join(PACKAGE);
    assert!(package.exists(), "{} is missing: run `cargo xtask install`", package.display());
    let up = Up::start(env!("CARGO_BIN_EXE_trunkline")).await;
    let url = format!("ws://127.0.0.1:{}/ws", up.port());
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/python.py");
    let program = Program::new("python3").arg(script).arg(&url).env("PYTHONPATH", &package);
    let python = program.start();
    python.wait_for_line("said and heard", Duration::from_secs(30)).await;
    assert_eq!(python.exit_code(Duration::from_secs(10)).await, 0);
}
