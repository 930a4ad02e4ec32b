//! A process that was started with few files and sockets takes as many as the system allows it.

use testkit::client::V1Client;
use testkit::cluster::Instance;
use testkit::ports;

use crate::bed::{TRUNKLINE, node_yml};
use crate::crowd::crowd;

/// What the process is started with; a shell gives 1,024.
const FEW: usize = 64;
const SESSIONS: usize = 4 * FEW;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_is_started_with_few_files_takes_more_sessions_than_they_allow() {
    let (port, api_port) = (ports::free(), ports::free());
    let base = format!("http://127.0.0.1:{api_port}");
    let program = tempfile::tempdir().unwrap();
    let script = program.path().join("few-files");
    std::fs::write(&script, format!("#!/bin/sh\nulimit -Sn {FEW}\nexec {TRUNKLINE} \"$@\"\n")).unwrap();
    std::fs::set_permissions(&script, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let _node = Instance::start(&script, "node", &node_yml(port, api_port, ""), &base).await;
    let all = crowd(SESSIONS, |nth| async move {
        V1Client::connect(&format!("ws://127.0.0.1:{port}/ws/many-{nth}")).await
    })
    .await;
    assert_eq!(all.len(), SESSIONS);
}
