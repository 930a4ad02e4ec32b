//! A server that dies, hangs or is restarted: nothing that was receipted is lost, every wait ends, and all mends itself.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use adapters::sql::PostgresStore;
use ports::store::StoreError;
use ports::{Retry, Store};
use testkit::poll::until;
use testkit::servers::Postgres;
use tokio::task::JoinSet;
use tokio::time::Instant;
use wire::Message;

use super::setup::{log, open, open_nodes, outage, try_log, user};
use crate::sqlite::draft;

/// From the end of a fault to the first thing that works again: some looks of a writer, and a busy machine.
const MENDED: Duration = Duration::from_secs(40);

/// What was receipted, by conversation and seq.
type Receipts = BTreeMap<(String, u64), Message>;

/// Sends to one conversation until told to stop, each message again and again under its id until it is receipted.
async fn send_on(
    node: Arc<PostgresStore>,
    from: String,
    is_over: Arc<AtomicBool>,
    kept: Arc<AtomicU64>,
) -> Receipts {
    let mut receipts = Receipts::new();
    let mut number = 0;
    while !is_over.load(Ordering::Relaxed) {
        number += 1;
        let said = draft(&from, user("hub"), &format!("id-{number}"), number);
        let appended = loop {
            match node.append(said.clone()).await {
                Ok(appended) => break appended,
                Err(StoreError::Port(error)) => {
                    assert!(matches!(error.retry, Retry::After(_)), "{}", error.chain())
                }
                Err(StoreError::Denied(denied)) => panic!("{from} {number}: {denied}"),
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        };
        kept.fetch_add(1, Ordering::Relaxed);
        let place = (format!("d:hub:{from}"), appended.message.seq.unwrap());
        assert!(receipts.insert(place, appended.message).is_none(), "a place is given once");
    }
    receipts
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_receipted_outlives_kills_of_the_server_in_the_middle_of_it() {
    const SENDERS: usize = 12;
    const KILLS: u64 = 3;
    let server = Postgres::start().await;
    let nodes = open_nodes(&server.url(), 2).await;
    let (is_over, kept) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let mut sending = JoinSet::new();
    for number in 0..SENDERS {
        let node = nodes[number % 2].clone();
        sending.spawn(send_on(node, format!("u{number}"), is_over.clone(), kept.clone()));
    }
    for _ in 0..KILLS {
        let before = kept.load(Ordering::Relaxed);
        let enough = async || kept.load(Ordering::Relaxed) > before + 100;
        until("messages are kept again", MENDED, enough).await;
        server.kill_9().await;
        let refused = async || nodes.iter().all(|node| !node.state().up);
        until("both nodes know", MENDED, refused).await;
        server.restart().await;
    }
    let before = kept.load(Ordering::Relaxed);
    until("and go on", MENDED, async || kept.load(Ordering::Relaxed) > before + 100).await;
    is_over.store(true, Ordering::Relaxed);
    let receipts: Receipts = sending.join_all().await.into_iter().flatten().collect();
    let mut logs = BTreeMap::new();
    for number in 0..SENDERS {
        let name = format!("d:hub:u{number}");
        logs.insert(name.clone(), log(&*nodes[0], &name).await);
    }
    for ((name, seq), receipt) in &receipts {
        let there = logs.get(name).and_then(|log| log.get(usize::try_from(*seq).unwrap() - 1));
        assert_eq!(there.map(Message::frame), Some(receipt.frame()), "receipted, but not kept");
    }
    let all: usize = logs.values().map(Vec::len).sum();
    assert_eq!(all, receipts.len(), "every id was sent until it was receipted, so nothing else is there");
    for node in nodes {
        until("all is well", MENDED, async || node.state().up).await;
        node.close().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_hangs_hangs_nobody_and_is_used_again_when_it_goes_on() {
    let server = Postgres::start().await;
    let node = open(&server.url()).await;
    node.append(draft("1", user("2"), "before", 1)).await.unwrap();
    assert_eq!(log(&*node, "d:1:2").await.len(), 1);
    server.pause();
    for turn in 0..3 {
        let began = Instant::now();
        let (sent, read) =
            tokio::join!(node.append(draft("1", user("2"), "during", 2)), try_log(&*node, "d:1:2"));
        let took = began.elapsed();
        let (sent, read) = (outage(sent.unwrap_err()), read.unwrap_err());
        assert!(matches!((sent.retry, read.retry), (Retry::After(_), Retry::After(_))), "{}", sent.chain());
        assert!(took < Duration::from_secs(9), "{took:?} in turn {turn}");
    }
    until("the node knows", MENDED, async || !node.state().up).await;
    server.resume();
    let works = async || node.append(draft("1", user("2"), "during", 2)).await.is_ok();
    until("the same send is kept when the server goes on", MENDED, works).await;
    until("and the node is well", MENDED, async || node.state().up).await;
    assert_eq!(log(&*node, "d:1:2").await.len(), 2, "however often it was sent");
    node.close().await;
}

/// Connections were cut while nobody used them. That is found out, not passed on to whoever comes next.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_restart_nobody_is_refused_because_of_an_old_connection() {
    let server = Postgres::start().await;
    let node = open(&server.url()).await;
    for number in 0..8 {
        node.append(draft("1", user(&format!("to{number}")), &format!("first-{number}"), 1)).await.unwrap();
    }
    let (one, other) = tokio::join!(try_log(&*node, "d:1:to0"), try_log(&*node, "d:1:to1"));
    assert_eq!((one.unwrap().len(), other.unwrap().len()), (1, 1));
    server.restart().await;
    for number in 0..8 {
        let name = format!("d:1:to{number}");
        assert_eq!(log(&*node, &name).await.len(), 1);
        node.append(draft("1", user(&format!("to{number}")), &format!("second-{number}"), 2)).await.unwrap();
        assert_eq!(log(&*node, &name).await.len(), 2);
    }
    node.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_outage_is_seen_and_its_end_too_while_nobody_writes() {
    let server = Postgres::start().await;
    let node = open(&server.url()).await;
    assert_eq!((node.state().up, node.state().note), (true, None));
    server.stop().await;
    until("the outage is seen", MENDED, async || !node.state().up).await;
    let note = node.state().note.unwrap();
    server.restart().await;
    until("its end is seen", MENDED, async || node.state().up).await;
    assert!(!note.is_empty());
    node.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_is_closed_in_bounded_time_while_the_server_hangs() {
    let server = Postgres::start().await;
    let node = open(&server.url()).await;
    node.append(draft("1", user("2"), "before", 1)).await.unwrap();
    server.pause();
    let mut sending = JoinSet::new();
    let sender = node.clone();
    sending.spawn(async move { sender.append(draft("1", user("2"), "during", 2)).await });
    let began = Instant::now();
    node.close().await;
    assert!(began.elapsed() < Duration::from_secs(15), "{:?}", began.elapsed());
    assert!(sending.join_next().await.unwrap().unwrap().is_err(), "nobody has kept it");
    server.resume();
}
