//! Child processes are heard, obey, and never outlive their owner.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests, and the helpers between them")]

use std::time::Duration;

use testkit::poll;
use testkit::process::{Process, Program, Signal, Stream};

const SOON: Duration = Duration::from_secs(10);

fn shell(script: &str) -> Process {
    Program::new("sh").called("the shell").args(["-c", script]).start()
}

/// Whether it is there and not merely waiting to be reaped, which a machine's first process may be slow to do for orphans.
fn lives(pid: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"));
    stat.is_ok_and(|stat| !stat.contains(") Z "))
}

#[tokio::test]
async fn both_streams_are_kept_and_told_apart() {
    let process = shell("echo one; echo two >&2; printf three");
    assert_eq!(process.exit_code(SOON).await, 0);
    assert_eq!(process.wait_for_line("thr", SOON).await, "three");
    assert_eq!(process.wait_for_line("two", SOON).await, "two");
    assert_eq!(process.lines(Stream::Out), ["one", "three"]);
    assert_eq!(process.lines(Stream::Err), ["two"]);
}

#[tokio::test]
async fn a_line_seen_before_is_passed_over() {
    let process = shell("echo ready 1; echo ready 2");
    process.wait_for_line("ready 2", SOON).await;
    let first = process.wait_for_line_from(0, "ready", SOON).await;
    let second = process.wait_for_line_from(1, "ready", SOON).await;
    assert_eq!((first.as_str(), second.as_str()), ("ready 1", "ready 2"));
}

#[tokio::test]
#[should_panic(expected = "it ended without")]
async fn waiting_for_a_line_of_a_process_that_has_ended_ends_at_once() {
    shell("echo something else").wait_for_line("ready", Duration::from_secs(3600)).await;
}

#[tokio::test]
async fn signals_reach_the_process_itself() {
    let process = shell("trap 'echo term; exit 7' TERM; echo trapped; while :; do sleep 0.05; done");
    process.wait_for_line("trapped", SOON).await;
    process.signal(Signal::Stop);
    process.signal(Signal::Term);
    let stopped = || std::fs::read_to_string(format!("/proc/{}/stat", process.pid())).unwrap_or_default();
    poll::until("the process stands still", SOON, async || {
        let stat = stopped();
        if stat.contains(") T ") { Ok(()) } else { Err(stat) }
    })
    .await;
    process.signal(Signal::Cont);
    assert_eq!(process.exit_code(SOON).await, 7);
}

#[tokio::test]
async fn a_dropped_process_is_gone_when_drop_returns() {
    let process = shell("while :; do sleep 1; done");
    let pid = process.pid();
    assert!(lives(pid));
    drop(process);
    assert!(!lives(pid));
}

#[test]
fn a_process_outlives_the_thread_and_the_runtime_that_started_it() {
    let start = || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async { shell("echo up; while :; do sleep 1; done") })
    };
    let process = std::thread::spawn(start).join().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        process.wait_for_line("up", SOON).await;
        assert!(process.is_running());
        process.kill_9().await;
    });
    assert!(!lives(process.pid()));
}

#[tokio::test]
async fn a_child_dies_with_the_program_that_started_it() {
    // This test program again, told to run only the test that leaves a child behind by being killed.
    let program = std::env::current_exe().unwrap();
    let test = "leaves_a_child_behind_when_told_to";
    let inner =
        Program::new(program).args([test, "--exact", "--nocapture"]).env("LEAVE_A_CHILD", "1").start();
    let line = inner.wait_for_line("child ", SOON).await;
    let child: u32 = line.rsplit("child ").next().unwrap().trim().parse().unwrap();
    assert!(lives(child));
    inner.kill_9().await;
    poll::until("the orphan is gone", SOON, async || !lives(child)).await;
}

#[tokio::test]
async fn leaves_a_child_behind_when_told_to() {
    if std::env::var_os("LEAVE_A_CHILD").is_some() {
        let process = shell("while :; do sleep 1; done");
        eprintln!("child {}", process.pid());
        process.exit_status(Duration::from_secs(3600)).await;
    }
}

#[test]
#[should_panic(expected = "apt-get install nothing")]
fn a_missing_program_names_the_step_that_installs_it() {
    Program::new("no-such-program-here").installed_by("apt-get install nothing").start();
}
