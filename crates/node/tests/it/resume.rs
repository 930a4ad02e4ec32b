//! Coming back with `have`: the gaps are pushed once and in order, on whatever node.

use serde_json::{Value, json};
use testkit::client::V1Client;

use crate::cluster::{Cluster, Setup};

async fn resume(cluster: &Cluster, idx: usize, user: &str, epoch: &Value, have: &Value) -> (V1Client, Value) {
    let url = cluster.node(idx).url(&format!("{user}?resume=1"));
    let mut client = V1Client::open(&url, |handshake| handshake).await.unwrap();
    let welcome = client.expect_type("welcome").await;
    let epoch = if epoch.is_null() { &welcome["epoch"] } else { epoch };
    client.send_json(&json!({"type": "hello", "id": "h", "epoch": epoch, "have": have})).await;
    (client, welcome)
}

/// The seqs of the messages up to `ready`.
async fn gap(client: &mut V1Client) -> Vec<u64> {
    let mut seqs = Vec::new();
    loop {
        let frame = client
            .expect("message or ready", |frame| frame["type"] == "message" || frame["type"] == "ready")
            .await;
        if frame["type"] == "ready" {
            return seqs;
        }
        seqs.push(frame["seq"].as_u64().unwrap());
    }
}

#[tokio::test]
async fn a_client_that_comes_back_on_another_node_sees_every_message_exactly_once_200_times_over() {
    const ROUNDS: u64 = 200;
    let limits = |limits: &mut wire::limits::Limits| limits.sends_per_second = 0;
    let cluster = Setup::of(3).limits(limits).start().await;
    let http = cluster.http(0);
    let made = http.put("/api/v1/groups/g", &json!({"members": ["1", "2"]})).await;
    assert!(made.status < 300, "{made:?}");
    let mut one = cluster.client(0, "1").await;
    let mut held = 0;
    let mut in_group = 0;
    for round in 0..ROUNDS {
        // Two of each before it is there, one of each while it is.
        for _ in 0..2 {
            one.send_to_user("2", round).await;
            one.send_to_group("g", round).await;
        }
        let idx = usize::try_from(round % 3).unwrap();
        let have = json!({"d:1:2": held, "g:g": in_group});
        let (mut two, _) = resume(&cluster, idx, "2", &Value::Null, &have).await;
        one.send_to_user("2", round).await;
        one.send_to_group("g", round).await;
        while held < 3 * (round + 1) || in_group < 3 * (round + 1) {
            let message = two.expect_type("message").await;
            let seq = message["seq"].as_u64().unwrap();
            let held = if message["conversation"] == "g:g" { &mut in_group } else { &mut held };
            assert_eq!(seq, *held + 1, "round {round}: {message}");
            *held = seq;
        }
        // In mid-traffic, without a goodbye.
        two.vanish();
    }
}

#[tokio::test]
async fn only_welcome_is_pushed_before_hello_then_the_gap_then_ready_then_live() {
    let cluster = Setup::of(2).start().await;
    let mut one = cluster.client(0, "1").await;
    for text in ["a", "b", "c"] {
        let id = one.send_to_user("2", text).await;
        one.expect_answer(&id).await;
    }
    let (mut two, welcome) = resume(&cluster, 1, "2", &Value::Null, &json!({"d:1:2": 1})).await;
    assert_eq!(welcome["unread"][0]["head"], 3);
    assert_eq!(gap(&mut two).await, [2, 3]);
    one.send_to_user("2", "d").await;
    assert_eq!(two.expect_type("message").await["seq"], 4);
}

#[tokio::test]
async fn another_epoch_and_more_than_the_store_holds_are_behind_from_0() {
    let cluster = Setup::of(1).start().await;
    let mut one = cluster.client(0, "1").await;
    let id = one.send_to_user("2", "a").await;
    one.expect_answer(&id).await;
    let behind = json!({"type": "behind", "conversation": "d:1:2", "after": 0, "head": 1});
    let other = json!("01ARZ3NDEKTSV4RRFFQ69G5FAV");
    let (mut two, _) = resume(&cluster, 0, "2", &other, &json!({"d:1:2": 1})).await;
    assert_eq!(two.expect_type("behind").await, behind);
    assert_eq!(gap(&mut two).await, [0u64; 0]);
    let (mut two, _) = resume(&cluster, 0, "2", &Value::Null, &json!({"d:1:2": 40})).await;
    assert_eq!(two.expect_type("behind").await, behind);
    assert_eq!(gap(&mut two).await, [0u64; 0]);
    one.send_to_user("2", "b").await;
    assert_eq!(two.expect_type("message").await["seq"], 2);
}

#[tokio::test]
async fn a_gap_over_the_limit_is_named_by_behind_and_live_goes_on_after_its_head() {
    let limits = |limits: &mut wire::limits::Limits| {
        limits.sends_per_second = 0;
        limits.behind_after = 5;
    };
    let cluster = Setup::of(2).limits(limits).start().await;
    let mut one = cluster.client(0, "1").await;
    for round in 0..7 {
        let id = one.send_to_user("2", round).await;
        one.expect_answer(&id).await;
    }
    let (mut two, _) = resume(&cluster, 1, "2", &Value::Null, &json!({"d:1:2": 1})).await;
    let behind = two.expect_type("behind").await;
    assert_eq!((&behind["after"], &behind["head"]), (&json!(1), &json!(7)));
    assert_eq!(gap(&mut two).await, [0u64; 0]);
    one.send_to_user("2", "next").await;
    assert_eq!(two.expect_type("message").await["seq"], 8);
}

#[tokio::test]
async fn what_one_sent_oneself_comes_back_with_its_id_and_other_peoples_conversations_are_ignored() {
    let cluster = Setup::of(1).start().await;
    let mut one = cluster.client(0, "1").await;
    one.send_as("mine", &json!({"user": "2"}), &json!("a")).await;
    one.expect_answer("mine").await;
    let have = json!({"d:1:2": 0, "d:7:8": 0, "g:unknown": 3});
    let (mut again, _) = resume(&cluster, 0, "1", &Value::Null, &have).await;
    let message = again.expect_type("message").await;
    assert_eq!((&message["id"], &message["seq"]), (&json!("mine"), &json!(1)));
    assert_eq!(gap(&mut again).await, [0u64; 0]);
}

#[tokio::test]
async fn without_resume_have_is_a_bad_field() {
    let cluster = Setup::of(1).start().await;
    let mut one = cluster.client(0, "1").await;
    let answer = one.request(json!({"type": "hello", "have": {"d:1:2": 1}})).await;
    assert_eq!((&answer["type"], &answer["code"]), (&json!("error"), &json!("bad_field")));
    assert_eq!(one.request(json!({"type": "hello"})).await["type"], "ready");
}
