//! Counts what the seams are asked for each session, for each message to a user and for each message to a group, at several sizes of cluster.
//!
//! What does not depend on anybody's doing, renewals and the like, is measured first and taken off.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Arc;
use std::time::Duration;

use ports::Store;
use testkit::judge::Facts;
use tokio::sync::mpsc;
use tokio_util::task::TaskTracker;

use crate::client::line::{Came, Line};
use crate::plan::Plan;
use crate::stage::Stage;

/// The sizes of cluster that are compared.
const SIZES: [usize; 3] = [3, 10, 30];
/// Users, on the nodes in turn.
const USERS: usize = 60;
/// Members of the group, on the nodes in turn.
const MEMBERS: usize = 10;
/// Messages of each kind.
const MESSAGES: usize = 600;
/// Between two messages: no two are under way at once, so that none shares a call with another.
const PACE: Duration = Duration::from_millis(40);
/// How long what was begun may take to come to its end.
const SETTLE: Duration = Duration::from_secs(20);
/// How long the idle cluster is watched.
const IDLE: Duration = Duration::from_secs(120);
/// The seed of the weather, which is fair.
const SEED: u64 = 1;

/// Calls by what they are on and what they are.
type Calls = BTreeMap<(String, String), f64>;

/// What was counted in one size of cluster.
struct Counted {
    nodes: usize,
    idle: Calls,
    session: Calls,
    direct: Calls,
    group: Calls,
}

/// Which part of it.
type Of = fn(&Counted) -> &Calls;

/// The table, in Markdown.
///
/// # Panics
/// When a runtime cannot be made.
pub fn table() -> String {
    let counted: Vec<Counted> = SIZES.iter().map(|nodes| count(*nodes)).collect();
    let mut table = String::new();
    let kinds: [(&str, Of); 4] = [
        ("one login and logout", |counted| &counted.session),
        ("one message to a user on another node", |counted| &counted.direct),
        ("one message to a group of 10, on as many nodes as there are", |counted| &counted.group),
        ("a second of an idle node", |counted| &counted.idle),
    ];
    for (name, of) in kinds {
        section(&mut table, name, &counted, of)
            .unwrap_or_else(|error| panic!("a text takes no text: {error}"));
    }
    table
}

fn section(table: &mut String, name: &str, counted: &[Counted], of: Of) -> std::fmt::Result {
    let sizes: Vec<String> = counted.iter().map(|counted| format!("{} nodes", counted.nodes)).collect();
    writeln!(table, "\n| {name} | {} |\n| --- |{}", sizes.join(" | "), " ---: |".repeat(sizes.len()))?;
    let mut names: Vec<&(String, String)> = counted.iter().flat_map(|counted| of(counted).keys()).collect();
    names.sort();
    names.dedup();
    for key in names {
        let numbers = counted.iter().map(|counted| of(counted).get(key).copied().unwrap_or(0.0));
        let numbers: Vec<f64> = numbers.collect();
        // What falls to a hundredth is the noise of what is done at a time of its own.
        if numbers.iter().all(|number| number.abs() < 0.01) {
            continue;
        }
        let numbers: Vec<String> = numbers.iter().map(|number| format!("{number:.2}")).collect();
        writeln!(table, "| {}: {} | {} |", key.0, key.1, numbers.join(" | "))?;
    }
    Ok(())
}

fn count(nodes: usize) -> Counted {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    let runtime = runtime.unwrap_or_else(|error| panic!("no runtime: {error}"));
    tokio::task::LocalSet::new().block_on(&runtime, measure(nodes))
}

async fn measure(nodes: usize) -> Counted {
    let plan = Plan { users: USERS, ..Plan::of(SEED, 10, nodes).only(&[]) };
    let stage = Stage::new(plan, Facts::in_memory());
    stage.cluster.start().await;
    let members: Vec<_> = (0..MEMBERS).filter_map(|user| name(user).parse().ok()).collect();
    if let Ok(group) = "g".parse() {
        let made = stage.seams.store.put_group(&group, Some(&members)).await;
        assert!(made.is_ok(), "a group could not be made: {made:?}");
    }
    tokio::time::sleep(SETTLE).await;
    let idle = rate(&stage, IDLE, async { tokio::time::sleep(IDLE).await }).await;
    let taken = |calls: Calls, times: usize| -> Calls {
        calls.into_iter().map(|(key, number)| (key, number / times as f64)).collect()
    };

    let crowd = TaskTracker::new();
    let mut lines = Vec::new();
    let arriving = async {
        for user in 0..USERS {
            lines.push(log_in(&stage, &crowd, user).await);
            tokio::time::sleep(PACE).await;
        }
        tokio::time::sleep(SETTLE).await;
    };
    let arrived = above(&stage, &idle, arriving).await;
    // Sessions are looked at in turn, which is taken off too.
    let busy = rate(&stage, IDLE, async { tokio::time::sleep(IDLE).await }).await;
    let direct = above(&stage, &busy, async {
        for message in 0..MESSAGES {
            let (from, to) = (message % USERS, (message + 1) % USERS);
            say(&lines, from, message, &format!(r#"{{"user":"{}"}}"#, name(to))).await;
        }
        tokio::time::sleep(SETTLE).await;
    });
    let direct = taken(direct.await, MESSAGES);
    let group = above(&stage, &busy, async {
        for message in 0..MESSAGES {
            say(&lines, message % MEMBERS, MESSAGES + message, r#"{"group":"g"}"#).await;
        }
        tokio::time::sleep(SETTLE).await;
    });
    let group = taken(group.await, MESSAGES);
    let leaving = async {
        lines.clear();
        // Interest in a group is given up half a minute after its last member has gone.
        tokio::time::sleep(SETTLE * 3).await;
    };
    let mut session = above(&stage, &idle, leaving).await;
    for (key, number) in arrived {
        *session.entry(key).or_default() += number;
    }
    stage.cluster.end();
    let idle = taken(idle, nodes);
    Counted { nodes, idle, session: taken(session, USERS), direct, group }
}

/// Calls a second while something goes on for so long.
async fn rate(stage: &Stage, long: Duration, work: impl Future<Output = ()>) -> Calls {
    let before = calls(stage);
    work.await;
    let seconds = long.as_secs_f64();
    since(stage, &before).into_iter().map(|(key, number)| (key, number / seconds)).collect()
}

/// Calls while something goes on, above what goes on anyway.
async fn above(stage: &Stage, anyway: &Calls, work: impl Future<Output = ()>) -> Calls {
    let (before, began) = (calls(stage), tokio::time::Instant::now());
    work.await;
    let seconds = began.elapsed().as_secs_f64();
    let above = |(key, number): ((String, String), f64)| {
        let usual = anyway.get(&key).copied().unwrap_or(0.0) * seconds;
        (key, number - usual)
    };
    since(stage, &before).into_iter().map(above).collect()
}

fn since(stage: &Stage, before: &Calls) -> Calls {
    let since = |(key, number): ((String, String), f64)| {
        let earlier = before.get(&key).copied().unwrap_or(0.0);
        (key, number - earlier)
    };
    calls(stage).into_iter().map(since).collect()
}

/// Calls on the seams, and what the nodes had to take in.
fn calls(stage: &Stage) -> Calls {
    let mut calls: Calls = stage
        .seams
        .weather
        .calls()
        .into_iter()
        .map(|((seam, during), number)| ((seam.to_owned(), during.to_owned()), number as f64))
        .collect();
    let said = stage.cluster.said();
    for (event, what) in [("envelope_arrived", "take in an envelope"), ("pushed", "push to its sessions")] {
        let number = said.get(event).copied().unwrap_or(0);
        calls.insert(("node".to_owned(), what.to_owned()), number as f64);
    }
    calls
}

fn name(user: usize) -> String {
    format!("u{user}")
}

async fn say(lines: &[mpsc::Sender<String>], from: usize, number: usize, to: &str) {
    let frame = format!(r#"{{"type":"send","id":"m{number}","to":{to},"content":{number}}}"#);
    if let Some(line) = lines.get(from) {
        let said = line.send(frame).await;
        assert!(said.is_ok(), "the session of {} has ended", name(from));
    }
    tokio::time::sleep(PACE).await;
}

/// # Panics
/// When nobody lets it in, with nothing broken.
async fn log_in(stage: &Arc<Stage>, crowd: &TaskTracker, user: usize) -> mpsc::Sender<String> {
    let node = user % stage.plan.nodes;
    let opened = Line::open(stage, node, &format!("/ws/{}", name(user)), "trunkline.v1").await;
    let Some((line, _)) = opened else { panic!("{} was not let in", name(user)) };
    let (says, said) = mpsc::channel(8);
    crowd.spawn(sit(line, said));
    says
}

/// Says what it is told to, until nobody tells it anything.
async fn sit(mut line: Line, mut said: mpsc::Receiver<String>) {
    loop {
        let went_on = tokio::select! {
            biased;
            frame = said.recv() => match frame {
                Some(frame) => line.say(&frame).await,
                None => return line.leave().await,
            },
            came = line.next() => match came {
                Came::Ping(payload) => line.pong(&payload).await,
                Came::Text(_) => true,
                Came::Closed(_) | Came::Cut => false,
            },
        };
        if !went_on {
            return;
        }
    }
}
