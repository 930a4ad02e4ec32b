//! Clients that ask for much at once: they are answered as fast as they read, and lose neither their session nor an answer.

use std::time::Duration;

use serde_json::{Value, json};
use testkit::client::{Frame, V1Client};
use tokio::time::Instant;

use crate::cluster::{Cluster, Setup};

async fn resume(cluster: &Cluster, user: &str, epoch: Option<&str>, have: &Value) -> V1Client {
    let url = cluster.node(0).url(&format!("{user}?resume=1"));
    let mut client = V1Client::open(&url, |handshake| handshake).await.unwrap();
    client.expect_type("welcome").await;
    client.send_json(&json!({"type": "hello", "id": "h", "epoch": epoch, "have": have})).await;
    client
}

/// How many frames of a kind come before `ready`.
async fn count_until_ready(client: &mut V1Client, kind: &str) -> usize {
    let mut count = 0;
    loop {
        let frame =
            client.expect("a gap or ready", |frame| frame["type"] == kind || frame["type"] == "ready").await;
        if frame["type"] == "ready" {
            return count;
        }
        count += 1;
    }
}

#[tokio::test]
async fn who_comes_back_to_many_full_conversations_is_pushed_all_of_them() {
    const CONVERSATIONS: usize = 12;
    const MESSAGES: usize = 100;
    let cluster = Setup::of(1).start().await;
    let http = cluster.http(0);
    for idx in 0..CONVERSATIONS {
        for said in 0..MESSAGES {
            let message = json!({"from": format!("u{idx}"), "to": {"user": "r"}, "content": said});
            assert_eq!(http.post("/api/v1/messages", &message).await.status, 201);
        }
    }
    let have: serde_json::Map<String, Value> =
        (0..CONVERSATIONS).map(|idx| (format!("d:r:u{idx}"), json!(0))).collect();
    let mut client = resume(&cluster, "r", None, &have.into()).await;
    assert_eq!(count_until_ready(&mut client, "message").await, CONVERSATIONS * MESSAGES);
}

#[tokio::test]
async fn a_thousand_conversations_of_another_store_are_each_told_to_be_behind() {
    let cluster = Setup::of(1).start().await;
    let have: serde_json::Map<String, Value> =
        (0..1_000).map(|idx| (format!("d:r:u{idx}"), json!(5))).collect();
    let have = Value::from(have);
    let mut client = resume(&cluster, "r", Some("01ARZ3NDEKTSV4RRFFQ69G5FAV"), &have).await;
    assert_eq!(count_until_ready(&mut client, "behind").await, 1_000);
    let mut client = resume(&cluster, "r", None, &have).await;
    assert_eq!(count_until_ready(&mut client, "behind").await, 1_000, "above the head is behind too");
}

#[tokio::test]
async fn a_thousand_requests_at_once_are_answered_in_order_and_read_no_faster_than_the_pace() {
    let cluster = Setup::of(1).start().await;
    let mut client = cluster.client(0, "1").await;
    let requests: Vec<u8> = (0..1_000)
        .flat_map(|idx| Frame::text(&json!({"type": "ping", "id": idx.to_string()}).to_string()).encode())
        .collect();
    let began = Instant::now();
    client.raw().write(&requests).await.unwrap();
    for idx in 0..1_000 {
        assert_eq!(client.expect_type("pong").await["id"], idx.to_string());
    }
    // 600 at once, and then 200 a second, so that a client that floods leaves room for its neighbours.
    let took = began.elapsed();
    assert!(took > Duration::from_millis(1_900), "{took:?}");
    client.close().await;
}

#[tokio::test]
async fn a_thousand_fragments_without_a_byte_are_read_no_faster_than_the_pace() {
    let cluster = Setup::of(1).start().await;
    let mut client = cluster.client(0, "1").await;
    let first = Frame::text(r#"{"type":"ping"}"#).unfinished();
    let mut fragments = vec![Frame::continuation(b"").unfinished(); 1_000];
    fragments.push(Frame::continuation(b""));
    let bytes: Vec<u8> = std::iter::once(first).chain(fragments).flat_map(|frame| frame.encode()).collect();
    let began = Instant::now();
    client.raw().write(&bytes).await.unwrap();
    client.expect_type("pong").await;
    // A message that never ends must not be a way to have a node work without end.
    let took = began.elapsed();
    assert!(took > Duration::from_millis(1_900), "{took:?}");
    client.close().await;
}

#[tokio::test]
async fn a_thousand_pings_of_the_socket_at_once_do_not_make_a_client_slow() {
    let cluster = Setup::of(1).limits(|limits| limits.sends_per_second = 0).start().await;
    let mut client = cluster.client(0, "1").await;
    let pings: Vec<u8> = (0..1_000u16).flat_map(|idx| Frame::ping(&idx.to_be_bytes()).encode()).collect();
    client.raw().write(&pings).await.unwrap();
    client.ping().await;
    client.close().await;
}
