//! One too many: a second process on a file or a port, a second signal. And the first signal, which is enough.

use std::time::Duration;

use testkit::cluster::Up;
use testkit::process::{Process, Program, Signal, Stream};
use testkit::{poll, ports, scratch};
use tokio::time::Instant;

use crate::deployment::TRUNKLINE;

/// Found at the start, not after `start_wait`, on two busy cores.
const AT_ONCE: Duration = Duration::from_secs(20);
/// What needs no waiting for anybody.
const PATIENCE: Duration = Duration::from_secs(15);

/// Runs it to its end: the exit code, and its one line.
async fn ends(program: Program) -> (i32, String) {
    let folder = scratch::folder("second");
    let process = program.folder(folder.path()).start();
    let code = process.exit_code(AT_ONCE).await;
    (code, its_line(&process))
}

/// The one line that says why it ended; it prints nothing else that is not a line of its log.
fn its_line(process: &Process) -> String {
    let lines: Vec<String> = process.lines(Stream::Err).into_iter().collect();
    let said: Vec<&String> = lines.iter().filter(|line| line.starts_with("trunkline: ")).collect();
    assert_eq!(said.len(), 1, "{lines:#?}");
    assert_eq!(lines.last(), Some(said[0]), "the last line says why");
    said[0].clone()
}

fn trunkline(args: &[&str]) -> Program {
    Program::new(TRUNKLINE).args(args.iter().copied())
}

/// The first goes on as if nothing had happened.
async fn serves(up: &Up) {
    let mut one = up.login("1").await;
    let id = one.send_to_user("2", "still here").await;
    assert_eq!(one.expect_answer(&id).await["type"], "receipt");
    one.close().await;
}

#[tokio::test]
async fn a_second_process_on_the_same_file_exits_69_and_says_what_to_do() {
    let up = Up::start_with(TRUNKLINE, &["--nodes", "1"]).await;
    let data = up.data();
    let port = ports::free_with(&[1]).to_string();
    let (code, line) = ends(trunkline(&["up", "--port", &port, "--data", data.to_str().unwrap()])).await;
    assert_eq!(code, 69, "{line}");
    let advice = "trunkline.db is in use by another process, and nodes cannot share an SQLite file";
    assert!(line.contains(advice), "{line}");
    serves(&up).await;

    let store = format!("sqlite:{}", data.join("trunkline.db").display());
    let (ws, api) = (format!("ws.port={}", ports::free()), format!("api.listen=127.0.0.1:{}", ports::free()));
    let node = ["node", "--store", &store, "--set", &ws, "--set", &api];
    let (code, line) = ends(trunkline(&node)).await;
    assert_eq!(code, 69, "{line}");
    assert!(line.contains(advice), "{line}");
    serves(&up).await;

    // It is the process that holds the file, not the file that remembers.
    up.kill_9().await;
    up.restart().await;
    serves(&up).await;
}

#[tokio::test]
async fn a_port_that_is_taken_exits_69_and_is_named() {
    let up = Up::start_with(TRUNKLINE, &["--nodes", "1"]).await;
    let taken = up.port();
    let address = format!("127.0.0.1:{taken}");
    let is_named = async |args: &[&str]| {
        let (code, line) = ends(trunkline(args)).await;
        assert_eq!(code, 69, "{args:?}: {line}");
        assert!(line.contains(&address), "{args:?}: {line}");
    };
    is_named(&["up", "--port", &(taken - 1).to_string()]).await;
    let (code, line) = ends(trunkline(&["up", "--port", &taken.to_string()])).await;
    assert_eq!(code, 69, "{line}");
    assert!(line.contains("cannot listen on 127.0.0.1:"), "{line}");
    let (ws, api) = (format!("ws.port={taken}"), format!("api.listen={address}"));
    let (free_ws, free_api) =
        (format!("ws.port={}", ports::free()), format!("api.listen=127.0.0.1:{}", ports::free()));
    is_named(&["node", "--store", "none", "--set", &ws, "--set", &free_api]).await;
    is_named(&["node", "--store", "none", "--set", &free_ws, "--set", &api]).await;
    let gateway = ["gateway", "--registry", "fixed:trunkline=127.0.0.1:1"];
    let listen = [format!("gateway.listen={address}"), format!("gateway.api={address}")];
    for (key, other) in [(&listen[0], "gateway.api"), (&listen[1], "gateway.listen")] {
        let free = format!("{other}=127.0.0.1:{}", ports::free());
        is_named(&[&gateway[..], &["--set", key, "--set", &free]].concat()).await;
    }
    serves(&up).await;
}

#[tokio::test]
async fn the_first_signal_drains_and_exits_0() {
    for signal in [Signal::Term, Signal::Int] {
        let up = Up::start(TRUNKLINE).await;
        let mut one = up.login("1").await;
        let id = one.send_to_user("2", "kept").await;
        one.expect_answer(&id).await;
        up.process().signal(signal);
        let bye = one.expect_bye(1001).await;
        assert_eq!((&bye["reason"], &bye["reconnect"]), (&"draining".into(), &true.into()));
        assert_eq!(up.process().exit_code(PATIENCE).await, 0, "{signal:?}");
        up.restart().await;
        let two = up.login("2").await;
        assert_eq!(two.welcome["unread"][0]["head"], 1, "{}", two.welcome);
    }
}

#[tokio::test]
async fn a_second_signal_ends_at_once_with_130() {
    let up = Up::start_with(TRUNKLINE, &["--set", "limits.drain_notice=60s"]).await;
    let mut one = up.login("1").await;
    up.process().signal(Signal::Term);
    poll::until("it drains", PATIENCE, async || {
        let state = up.api().get("/readyz").await.json()["state"].clone();
        if state == "draining" { Ok(()) } else { Err(state.to_string()) }
    })
    .await;
    one.ping().await;
    let asked = Instant::now();
    up.process().signal(Signal::Int);
    assert_eq!(up.process().exit_code(PATIENCE).await, 130);
    assert!(asked.elapsed() < PATIENCE, "{:?}", asked.elapsed());
    assert!(its_line(&up.process()).contains("second signal"), "{}", its_line(&up.process()));
}

#[tokio::test]
async fn a_signal_while_it_still_waits_for_a_server_is_enough() {
    let (ws, api) = (format!("ws.port={}", ports::free()), format!("api.listen=127.0.0.1:{}", ports::free()));
    let nobody = ports::free();
    let (directory, bus) = (format!("redis://127.0.0.1:{nobody}"), format!("rocketmq://127.0.0.1:{nobody}"));
    let args =
        ["node", "--store", "none", "--directory", &directory, "--bus", &bus, "--set", &ws, "--set", &api];
    let folder = scratch::folder("waiting");
    let process = trunkline(&args).folder(folder.path()).start();
    let line = process.wait_for_line("waiting for the directory", PATIENCE).await;
    assert!(line.contains(&nobody.to_string()), "it says what it waits for: {line}");
    process.signal(Signal::Term);
    assert_eq!(process.exit_code(PATIENCE).await, 0);
}
