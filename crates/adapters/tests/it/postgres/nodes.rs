//! Several nodes on one database: what they write at once is in one order, kept once, and nobody waits in a circle.

use std::collections::BTreeSet;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use adapters::sql::PostgresStore;
use futures_util::future::join_all;
use ports::store::{Appended, Denied, StoreError};
use ports::{Retry, Store};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};
use wire::Target;
use wire::id::{ConversationId, GroupId, UserId};

use super::setup::{fresh_database, group, log, open, open_nodes, outage, server, try_log, user};
use crate::sqlite::draft;

async fn close(nodes: Vec<Arc<PostgresStore>>) {
    for node in nodes {
        node.close().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nodes_that_start_at_once_make_the_tables_once() {
    let url = fresh_database("starting").await;
    let nodes = open_nodes(&url, 6).await;
    let epochs: BTreeSet<String> = nodes.iter().map(|node| node.epoch().to_string()).collect();
    assert_eq!(epochs.len(), 1, "one database is one life: {epochs:?}");
    close(nodes).await;
    let again = open(&url).await;
    assert!(epochs.contains(&again.epoch().to_string()));
    again.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_sends_through_two_nodes_at_once_are_kept_once() {
    const SENDS: usize = 1_000;
    const CONVERSATIONS: usize = 10;
    let nodes = open_nodes(&fresh_database("twice").await, 2).await;
    let send = |node: &Arc<PostgresStore>, number: usize| {
        let (node, from) = (node.clone(), format!("u{}", number % CONVERSATIONS));
        async move {
            node.append(draft(&from, user("hub"), &format!("id-{number}"), number as u64)).await.unwrap()
        }
    };
    for some in (0..SENDS).collect::<Vec<_>>().chunks(100) {
        let first = join_all(some.iter().map(|number| send(&nodes[0], *number)));
        let second = join_all(some.iter().map(|number| send(&nodes[1], *number)));
        let (first, second) = tokio::join!(first, second);
        for (one, other) in first.iter().zip(&second) {
            assert_ne!(one.fresh, other.fresh, "kept once: {:?}", one.message.id);
            assert_eq!(one.message.frame(), other.message.frame(), "and both are told the same");
        }
    }
    for number in 0..CONVERSATIONS {
        assert_eq!(log(&*nodes[0], &format!("d:hub:u{number}")).await.len(), SENDS / CONVERSATIONS);
    }
    close(nodes).await;
}

/// One id, said to other people through other nodes: the rows of the conversations do not hold these apart.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_id_for_several_people_through_several_nodes_is_kept_for_one_of_them() {
    const ROUNDS: usize = 6;
    const SENDS: usize = 240;
    let url = fresh_database("conflict").await;
    let nodes = open_nodes(&url, 3).await;
    let before = deadlocks(&url).await;
    for round in 0..ROUNDS {
        // One conversation a node, so that what it says is one transaction with many rows.
        let send = |node: usize, id: usize| {
            let to = user(&format!("to-{node}"));
            nodes[node].append(draft("1", to, &format!("{round}-{id}"), node as u64))
        };
        // In opposite orders, so that two of them are likely to hold what the other wants.
        let (one, other, third) = tokio::join!(
            join_all((0..SENDS).map(|id| send(0, id))),
            join_all((0..SENDS).rev().map(|id| send(1, id))),
            join_all((0..SENDS).map(|id| send(2, (id * 7) % SENDS)))
        );
        for id in 0..SENDS {
            let third = third.iter().enumerate().find(|(place, _)| (place * 7) % SENDS == id).unwrap().1;
            let answers = [one.get(id).unwrap(), other.get(SENDS - 1 - id).unwrap(), third];
            let kept = answers.iter().filter(|answer| answer.is_ok()).count();
            let denied = |answer: &&_| matches!(answer, Err(StoreError::Denied(Denied::Conflict)));
            assert_eq!((kept, answers.into_iter().filter(denied).count()), (1, 2), "{round}-{id}");
        }
    }
    close(nodes).await;
    assert_eq!(deadlocks(&url).await, before, "nobody waited in a circle");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hot_conversation_of_three_nodes_is_one_log_that_never_shows_a_hole() {
    const SENDERS: usize = 8;
    const EACH: u64 = 40;
    let nodes = open_nodes(&fresh_database("hot").await, 3).await;
    let senders: Vec<UserId> = (0..3 * SENDERS).map(|number| format!("u{number}").parse().unwrap()).collect();
    nodes[0].put_group(&"hot".parse().unwrap(), Some(&senders)).await.unwrap();
    let is_over = Arc::new(AtomicBool::new(false));
    let mut reading = JoinSet::new();
    for node in &nodes {
        let (node, is_over) = (node.clone(), is_over.clone());
        reading.spawn(async move {
            let mut seen = 0;
            while !is_over.load(Ordering::Relaxed) {
                let messages = log(&*node, "g:hot").await;
                assert!(messages.len() >= seen, "what was readable stays readable");
                seen = messages.len();
            }
        });
    }
    let mut sending = JoinSet::new();
    for (number, sender) in senders.into_iter().enumerate() {
        let node = nodes[number % 3].clone();
        sending.spawn(async move {
            // All under way at once, as one caller's, and kept in that order.
            let all = (0..EACH)
                .map(|turn| node.append(draft(sender.as_str(), group("hot"), &format!("{turn}"), turn)));
            let kept = join_all(all).await;
            let seqs: Vec<u64> = kept.into_iter().map(|kept| kept.unwrap().message.seq.unwrap()).collect();
            assert!(seqs.is_sorted(), "{sender}: {seqs:?}");
        });
    }
    sending.join_all().await;
    is_over.store(true, Ordering::Relaxed);
    reading.join_all().await;
    for node in &nodes {
        assert_eq!(log(&**node, "g:hot").await.len() as u64, 3 * SENDERS as u64 * EACH);
    }
    close(nodes).await;
}

/// Everything that nodes write, about the same few conversations, many of which are not there yet.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_nodes_write_at_once_nobody_waits_in_a_circle() {
    const TASKS: u64 = 12;
    const TURNS: u64 = 60;
    let url = fresh_database("circle").await;
    let nodes = open_nodes(&url, 3).await;
    let mut writing = JoinSet::new();
    for (number, node) in nodes.iter().enumerate() {
        for task in 0..TASKS {
            let node = node.clone();
            let seed = number as u64 * TASKS + task + 1;
            writing.spawn(async move {
                for turn in 0..TURNS {
                    write_something(
                        &node,
                        seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ (turn << 7),
                        &format!("{seed}-{turn}"),
                    )
                    .await;
                }
            });
        }
    }
    writing.join_all().await;
    for name in ["g:a", "g:b", "g:everyone"] {
        log(&*nodes[1], name).await;
    }
    assert!(nodes.iter().all(|node| node.state().up), "{:?}", nodes[0].state());
    close(nodes).await;
    assert_eq!(deadlocks(&url).await, 0);
}

async fn write_something(node: &PostgresStore, dice: u64, id: &str) {
    let dice = dice ^ (dice >> 29);
    let people = ["1", "2", "3", "4", "5", "6"];
    let person = |shift: u32| people[(dice >> shift) as usize % people.len()];
    let one: UserId = person(8).parse().unwrap();
    let circle: GroupId = ["a", "b"][(dice >> 16) as usize % 2].parse().unwrap();
    let everyone: Vec<UserId> = people.iter().map(|id| id.parse().unwrap()).collect();
    let told = match dice % 8 {
        0 => node.put_group(&circle, Some(&everyone)).await.map(|_| ()).map_err(StoreError::Port),
        1 => node.add_members(&circle, &[one], true).await.map(|_| ()),
        2 => node.remove_members(&circle, &[one]).await.map(|_| ()),
        3 => node
            .arrive(&[one, format!("new-{id}").parse().unwrap()], 5)
            .await
            .map(|_| ())
            .map_err(StoreError::Port),
        4 => node.mark_read(&one, &ConversationId::group(&circle), dice % 50).await.map(|_| ()),
        _ => {
            // Several at once, so that they share a transaction, and another order on every node.
            let targets = [user(person(24)), Target::Group(circle), user(person(32)), group("everyone")];
            let turned = (dice >> 40) as usize % targets.len();
            let all = (0..targets.len()).map(|place| {
                let to = targets[(place + turned) % targets.len()].clone();
                node.append(draft(one.as_str(), to, &format!("{id}-{place}"), dice >> 44))
            });
            join_all(all).await.into_iter().find_map(Result::err).map_or(Ok(()), Err)
        }
    };
    // A group may not be there, or not have this member, at the time.
    if let Err(StoreError::Port(error)) = told {
        panic!("{}", error.chain());
    }
}

/// How often PostgreSQL has ended a transaction because some waited in a circle.
async fn deadlocks(url: &str) -> u64 {
    let database = url.rsplit('/').next().unwrap();
    let sql = format!("SELECT deadlocks FROM pg_stat_database WHERE datname = '{database}'");
    server().await.execute(&sql).await.parse().unwrap()
}

/// Somebody holds a row with a tool of his own.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_conversation_that_somebody_holds_stalls_only_its_share_and_is_no_outage() {
    const OTHERS: usize = 40;
    let url = fresh_database("held").await;
    let node = open(&url).await;
    assert!(send(&node, "held", "first").await.1.is_ok());
    let holder = Holder::of(&url, &["d:1:held"]).await;

    let mut stalled = JoinSet::new();
    stalled.spawn(send(&node, "held", "second"));
    let at_once = kept_at_once(&node, OTHERS).await;
    // One of four shares is held up; chance gives it few or many of the others, but hardly half of them.
    assert!(at_once >= OTHERS / 2, "only {at_once} of {OTHERS} others were kept at once");
    let (took, refused) = stalled.join_next().await.unwrap().unwrap();
    let error = outage(refused.unwrap_err());
    assert!(matches!(error.retry, Retry::After(_)), "{}", error.chain());
    assert!(took < Duration::from_secs(6), "{took:?}");
    assert!(node.state().up, "the database works: {:?}", node.state());

    holder.let_go().await;
    let again = timeout(Duration::from_secs(20), send(&node, "held", "second")).await.unwrap().1.unwrap();
    assert_eq!(again.message.seq, Some(2));
    assert_eq!(try_log(&*node, "d:1:held").await.unwrap().len(), 2);
    node.close().await;
}

/// As many are held up as may be at work at once, and more.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn transactions_that_are_held_up_do_not_keep_the_turns_of_others() {
    const OTHERS: usize = 40;
    const HELD: [&str; 3] = ["held-1", "held-2", "held-3"];
    let url = fresh_database("turns").await;
    let node = open(&url).await;
    for to in HELD {
        assert!(send(&node, to, "first").await.1.is_ok());
    }
    let holder = Holder::of(&url, &HELD.map(|to| format!("d:1:{to}"))).await;
    let stalled = join_all(HELD.map(|to| send(&node, to, "second")));
    let others = join_all((0..OTHERS).map(|number| send(&node, &format!("other-{number}"), "other")));
    let (stalled, others) = tokio::join!(stalled, others);
    holder.let_go().await;
    // Given up by the server, which is long after all that nobody holds.
    let given_up = stalled.iter().map(|(took, _)| *took).min().unwrap();
    assert!(stalled.iter().all(|(_, kept)| kept.is_err()), "{stalled:?}");
    let at_once = others.iter().filter(|(took, kept)| kept.is_ok() && *took < given_up / 2).count();
    // The three lie in two of the four shares.
    assert!(at_once >= OTHERS / 4, "only {at_once} of {OTHERS} others were kept before {given_up:?}");
    node.close().await;
}

/// Sends to `to` on `node`: how long it took, and what became of it.
fn send(
    node: &Arc<PostgresStore>,
    to: &str,
    id: &str,
) -> impl Future<Output = (Duration, Result<Appended, StoreError>)> + Send + use<> {
    let (node, draft) = (node.clone(), draft("1", user(to), &format!("{id}-{to}"), 1));
    async move {
        let began = Instant::now();
        let kept = node.append(draft).await;
        (began.elapsed(), kept)
    }
}

/// Of so many sends to as many conversations, those that were kept without much of a wait.
async fn kept_at_once(node: &Arc<PostgresStore>, sends: usize) -> usize {
    let all = join_all((0..sends).map(|number| send(node, &format!("other-{number}"), "other"))).await;
    all.iter().filter(|(took, kept)| kept.is_ok() && *took < Duration::from_secs(3)).count()
}

/// Somebody who holds rows with a tool of his own.
struct Holder {
    psql: tokio::process::Child,
    /// Which sessions of the server are his.
    his: String,
}

impl Holder {
    /// Returns once the rows of these conversations are held.
    async fn of(url: &str, conversations: &[impl AsRef<str>]) -> Holder {
        let names: Vec<String> = conversations.iter().map(|name| format!("'{}'", name.as_ref())).collect();
        let holding = format!(
            "BEGIN; SELECT head FROM conversations WHERE conversation IN ({}) FOR UPDATE; SELECT pg_sleep(60)",
            names.join(", ")
        );
        let mut psql = tokio::process::Command::new("psql");
        psql.args(["-X", "-c", &holding, url]).stdout(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true);
        let psql = psql.spawn().unwrap();
        let his = format!("datname = '{}' AND wait_event = 'PgSleep'", url.rsplit('/').next().unwrap());
        let held = format!("SELECT count(*) FROM pg_stat_activity WHERE {his}");
        let is_held = async || server().await.execute(&held).await == "1";
        testkit::poll::until("somebody holds the rows", Duration::from_secs(20), is_held).await;
        Holder { psql, his }
    }

    /// The server notices only at the end of the sleep that its client is gone, so it is told.
    async fn let_go(mut self) {
        self.psql.kill().await.unwrap();
        let sql = format!("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {}", self.his);
        server().await.execute(&sql).await;
    }
}
