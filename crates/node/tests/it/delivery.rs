//! Messages between users on different nodes, kept: receipts, order, other devices, cursors.

use std::time::Duration;

use serde_json::{Value, json};

use crate::cluster::Setup;

const QUIET: Duration = Duration::from_millis(200);

#[tokio::test]
async fn a_message_reaches_a_user_on_another_node_and_its_sender_gets_the_receipt() {
    let cluster = Setup::of(3).start().await;
    let mut one = cluster.client(0, "1").await;
    let mut two = cluster.client(1, "2").await;
    let id = one.send_to_user("2", json!({"text": "你好"})).await;
    let receipt = one.expect_answer(&id).await;
    assert_eq!(receipt["type"], "receipt");
    assert_eq!((&receipt["conversation"], &receipt["seq"]), (&json!("d:1:2"), &json!(1)));
    let message = two.expect_type("message").await;
    assert_eq!(message["content"], json!({"text": "你好"}));
    assert_eq!(message["message_id"], receipt["message_id"]);
    assert_eq!((&message["from"], &message["to"]), (&json!("1"), &json!({"user": "2"})));
    assert!(message.get("id").is_none(), "the sender's id is the sender's own affair");
    one.expect_silence(QUIET).await;
}

#[tokio::test]
async fn the_senders_other_devices_get_the_message_with_its_id() {
    let cluster = Setup::of(2).start().await;
    let mut web = cluster.client(0, "1?device=web").await;
    let mut phone = cluster.client(1, "1?device=phone").await;
    let mut tablet = cluster.client(0, "1?device=tablet").await;
    let id = web.send_to_user("2", "hi").await;
    web.expect_answer(&id).await;
    for other in [&mut phone, &mut tablet] {
        assert_eq!(other.expect_type("message").await["id"], json!(id));
    }
    web.expect_silence(QUIET).await;
}

#[tokio::test]
async fn a_message_to_oneself_is_kept_once_and_reaches_each_other_device_once() {
    let cluster = Setup::of(2).start().await;
    let mut web = cluster.client(0, "1?device=web").await;
    let mut phone = cluster.client(1, "1?device=phone").await;
    let id = web.send_to_user("1", "note").await;
    assert_eq!(web.expect_answer(&id).await["conversation"], "d:1:1");
    assert_eq!(phone.expect_type("message").await["seq"], 1);
    phone.expect_silence(QUIET).await;
    drop((web, phone));
    let mut later = cluster.client(0, "1?device=later").await;
    let answer = later.request(json!({"type": "conversations"})).await;
    assert_eq!(answer["conversations"][0]["unread"], 0, "one's own messages are never unread to oneself");
}

#[tokio::test]
async fn a_repeated_send_gets_the_first_receipt_and_is_seen_once_and_other_bytes_are_a_conflict() {
    let cluster = Setup::of(2).start().await;
    let mut one = cluster.client(0, "1").await;
    let mut again = cluster.client(1, "1?device=other").await;
    let mut two = cluster.client(1, "2").await;
    one.send_as("x", &json!({"user": "2"}), &json!("hi")).await;
    let first = one.expect_answer("x").await;
    again.send_as("x", &json!({"user": "2"}), &json!("hi")).await;
    assert_eq!(again.expect_answer("x").await, first);
    again.send_as("x", &json!({"user": "2"}), &json!("other")).await;
    let refused = again.expect("the refusal", |frame| frame["type"] == "error").await;
    assert_eq!(refused["code"], "conflict");
    assert!(refused.get("retry_ms").is_none());
    assert_eq!(two.expect_type("message").await["seq"], 1);
    two.expect_silence(QUIET).await;
}

#[tokio::test]
async fn both_sides_talking_at_once_see_every_message_once_and_in_order() {
    const EACH: usize = 40;
    let limits = |limits: &mut wire::limits::Limits| limits.sends_per_second = 0;
    let cluster = Setup::of(3).limits(limits).start().await;
    let mut one = cluster.client(0, "1").await;
    let mut two = cluster.client(1, "2").await;
    let mut watcher = cluster.client(2, "2?device=watcher").await;
    for round in 0..EACH {
        one.send_to_user("2", round).await;
        two.send_to_user("1", round).await;
    }
    let mut seqs = Vec::new();
    for _ in 0..2 * EACH {
        seqs.push(watcher.expect_type("message").await["seq"].as_u64().unwrap());
    }
    assert_eq!(seqs, (1..=2 * EACH as u64).collect::<Vec<_>>());
    for (client, from) in [(&mut one, "2"), (&mut two, "1")] {
        let mut last = 0;
        for round in 0..EACH {
            let message = client.expect_type("message").await;
            let seq = message["seq"].as_u64().unwrap();
            assert!(seq > last, "{message}");
            last = seq;
            assert_eq!((&message["from"], &message["content"]), (&json!(from), &json!(round)));
        }
    }
}

#[tokio::test]
async fn somebody_who_was_away_is_told_what_is_unread_and_reads_it_as_history() {
    let cluster = Setup::of(2).start().await;
    let mut one = cluster.client(0, "1").await;
    for text in ["a", "b", "c"] {
        let id = one.send_to_user("2", text).await;
        one.expect_answer(&id).await;
    }
    let mut two =
        testkit::client::V1Client::open(&cluster.node(1).url("2"), |handshake| handshake).await.unwrap();
    let welcome = two.expect_type("welcome").await;
    assert_eq!(welcome["unread"], json!([{"conversation": "d:1:2", "unread": 3, "head": 3}]));
    two.expect_silence(QUIET).await;
    let page = two.request(json!({"type": "history", "conversation": "d:1:2", "limit": 2})).await;
    let texts: Vec<&Value> =
        page["messages"].as_array().unwrap().iter().map(|message| &message["content"]).collect();
    assert_eq!(
        (texts, &page["more"], &page["first"]),
        (vec![&json!("b"), &json!("c")], &json!(true), &json!(1))
    );
    let page = two.request(json!({"type": "history", "conversation": "d:1:2", "before": 2})).await;
    assert_eq!((page["messages"].as_array().unwrap().len(), &page["more"]), (1, &json!(false)));
    two.send_json(&json!({"type": "read", "conversation": "d:1:2", "seq": 3})).await;
    let read = one.expect_type("read").await;
    assert_eq!((&read["user"], &read["seq"]), (&json!("2"), &json!(3)));
    let answer = two.request(json!({"type": "conversations"})).await;
    let line = &answer["conversations"][0];
    assert_eq!((&line["unread"], &line["read"], &line["head"]), (&json!(0), &json!(3), &json!(3)));
    assert_eq!(line["last"]["content"], "c");
}

#[tokio::test]
async fn history_of_other_people_is_forbidden() {
    let cluster = Setup::of(1).start().await;
    let mut three = cluster.client(0, "3").await;
    let refused = three.request(json!({"type": "history", "conversation": "d:1:2"})).await;
    assert_eq!((&refused["type"], &refused["code"]), (&json!("error"), &json!("forbidden")));
}

#[tokio::test]
async fn a_signal_reaches_who_is_there_and_is_kept_nowhere() {
    let cluster = Setup::of(2).start().await;
    let mut one = cluster.client(0, "1").await;
    let mut two = cluster.client(1, "2").await;
    one.send_signal(&json!({"user": "2"}), &json!({"typing": true})).await;
    let signal = two.expect_type("signal").await;
    assert_eq!((&signal["from"], &signal["content"]), (&json!("1"), &json!({"typing": true})));
    let answer = two.request(json!({"type": "conversations"})).await;
    assert_eq!(answer["conversations"], json!([]));
}

#[tokio::test]
async fn a_pong_means_that_everything_before_its_ping_was_answered() {
    let cluster = Setup::of(1).start().await;
    let mut one = cluster.client(0, "1").await;
    for round in 0..10 {
        one.send_as(&format!("s{round}"), &json!({"user": "2"}), &json!(round)).await;
    }
    one.send_json(&json!({"type": "ping", "id": "p"})).await;
    let mut order = Vec::new();
    loop {
        let frame = one.next_json(Duration::from_secs(5)).await;
        order.push(frame["id"].as_str().unwrap_or_default().to_owned());
        if frame["type"] == "pong" {
            break;
        }
    }
    let expected: Vec<String> = (0..10).map(|round| format!("s{round}")).chain(["p".to_owned()]).collect();
    assert_eq!(order, expected);
}

#[tokio::test]
async fn a_request_that_takes_long_is_not_taken_for_the_clients_silence() {
    let quick = |limits: &mut wire::limits::Limits| {
        limits.ping_every = Duration::from_millis(100);
        limits.pong_timeout = Duration::from_millis(100);
    };
    let cluster = Setup::of(1).limits(quick).start().await;
    let mut one = cluster.client(0, "1").await;
    cluster.kept().slow_writes(Duration::from_millis(800));
    let id = one.send_to_user("2", "slowly").await;
    assert_eq!(one.expect_answer(&id).await["type"], "receipt");
    one.ping().await;
}
