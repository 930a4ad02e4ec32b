//! A node that empties itself politely: who is still let in, who is told what, and within which time.

use std::time::Duration;

use ports::registry::{Instances, Registry};
use serde_json::json;
use testkit::client::{Message, PATIENCE, RawClient, V1Client};
use testkit::poll;
use tokio::time::Instant;

use crate::cluster::Setup;

#[tokio::test]
async fn a_draining_node_is_not_ready_but_lets_people_in_until_the_notice_is_over() {
    let setup = Setup::of(1).limits(|limits| {
        limits.drain_notice = Duration::from_millis(1_500);
        limits.drain_spread = Duration::from_millis(200);
    });
    let cluster = setup.start().await;
    let running = cluster.node(0);
    let mut client = cluster.client(0, "1").await;
    // Reads nothing, so that the node has somebody to wait for while others knock.
    let _deaf = RawClient::open(&running.url("deaf"), |handshake| handshake).await.unwrap();
    let mut listed = cluster.registry.watch("trunkline");
    let watcher = async {
        poll::until("the node says so", PATIENCE, async || {
            let readiness = running.probe().get("/readyz").await;
            assert_eq!(running.probe().get("/healthz").await.status, 200, "it is alive all the same");
            readiness.status == 503 && readiness.json()["state"] == "draining"
        })
        .await;
        let drained = listed.wait_for(|list| weights(list) == [0.0]).await.map(|list| list.is_some());
        assert!(drained.unwrap(), "gateways send nobody new");
        let late = V1Client::connect(&running.url("late")).await;
        assert_eq!(late.welcome["user"], "late", "who was sent here by a stale list is let in");
        let bye = client.expect_bye(1001).await;
        assert_eq!((&bye["reason"], &bye["reconnect"]), (&json!("draining"), &json!(true)));
        let answer = RawClient::open(&running.url("3"), |handshake| handshake).await.unwrap_err();
        assert_eq!((answer.status, &answer.json()["error"]["code"]), (503, &json!("draining")), "{answer:?}");
        assert!(answer.header("Retry-After").is_some(), "{answer:?}");
    };
    tokio::join!(running.node.drain(), watcher);
    assert_eq!(running.node.sessions(), 0);
    assert_eq!(running.count("drain_ended"), 1);
    assert_eq!(weights(&cluster.registry.watch("trunkline").borrow()), [0.0; 0], "it is no longer listed");
    assert_eq!(cluster.bindings("1").await, [], "its sessions were released");
}

fn weights(list: &Instances) -> Vec<f64> {
    list.iter().flat_map(|list| list.iter()).map(|instance| instance.weight).collect()
}

#[tokio::test]
async fn sessions_are_closed_at_a_hundred_a_second_or_faster_and_not_all_at_once() {
    const SESSIONS: usize = 40;
    // A minute would be the most that they may take; nobody is made to wait for it.
    let cluster = Setup::of(1).start().await;
    let running = cluster.node(0);
    let mut clients = Vec::new();
    for nth in 0..SESSIONS {
        clients.push(cluster.client(0, &format!("u{nth}")).await);
    }
    let closing = clients.into_iter().map(|mut client| async move {
        client.expect_bye(1001).await;
        Instant::now()
    });
    let closing = tokio::task::JoinSet::from_iter(closing);
    let began = Instant::now();
    let ((), mut ended) = tokio::join!(running.node.drain(), closing.join_all());
    ended.sort();
    let (first, last) = (ended[0] - began, ended[SESSIONS - 1] - began);
    assert!(last - first >= Duration::from_millis(200), "all at once: {first:?} to {last:?}");
    assert!(last < Duration::from_secs(10), "slower than a hundred a second: {last:?}");
}

#[tokio::test]
async fn the_hard_stop_ends_a_drain_whatever_is_left() {
    let setup = Setup::of(1).limits(|limits| {
        limits.drain_notice = Duration::from_secs(600);
        limits.drain_hard_stop = Duration::from_millis(600);
    });
    let cluster = setup.start().await;
    let running = cluster.node(0);
    let url = running.url("1");
    let mut client = RawClient::open(&url, |handshake| handshake).await.unwrap();
    let began = Instant::now();
    let last = async {
        loop {
            match client.next_data(PATIENCE).await {
                Ok(Message::Close(close)) => break close,
                Ok(_) => {}
                Err(ended) => panic!("no Close: {ended}"),
            }
        }
    };
    let ((), close) = tokio::join!(running.node.drain(), last);
    assert_eq!(close.code, Some(1001));
    assert!(began.elapsed() < Duration::from_secs(15), "{:?}", began.elapsed());
    assert_eq!(running.count("drain_ended"), 1);
}
