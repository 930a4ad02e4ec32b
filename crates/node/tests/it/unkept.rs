//! `store: none`: nothing is kept, and the answer says how far a message came.

use std::time::Duration;

use serde_json::json;

use crate::cluster::Setup;

const QUIET: Duration = Duration::from_millis(200);

#[tokio::test]
async fn a_send_is_answered_by_how_far_it_came() {
    let cluster = Setup::of(3).keeping_nothing().start().await;
    let mut one = cluster.client(0, "1").await;
    let mut here = cluster.client(0, "2").await;
    let mut there = cluster.client(1, "3").await;
    let id = one.send_to_user("2", "hi").await;
    assert_eq!(one.expect_answer(&id).await["reach"], "delivered");
    let message = here.expect_type("message").await;
    assert!(message.get("seq").is_none());
    assert_eq!(message["content"], "hi");
    let id = one.send_to_user("3", "hi").await;
    assert_eq!(one.expect_answer(&id).await["reach"], "posted");
    assert_eq!(there.expect_type("message").await["content"], "hi");
    let id = one.send_to_user("4", "hi").await;
    let refused = one.expect_answer(&id).await;
    assert_eq!((&refused["type"], &refused["code"]), (&json!("error"), &json!("offline")));
    assert!(refused.get("retry_ms").is_none());
}

#[tokio::test]
async fn welcome_says_that_nothing_is_kept_and_what_needs_a_store_is_refused() {
    let cluster = Setup::of(1).keeping_nothing().start().await;
    let url = cluster.node(0).url("1?resume=1");
    let mut one = testkit::client::V1Client::open(&url, |handshake| handshake).await.unwrap();
    let welcome = one.expect_type("welcome").await;
    assert_eq!(welcome["store"], "none");
    assert!(welcome.get("unread").is_none() && welcome.get("epoch").is_none());
    for request in [json!({"type": "history", "conversation": "d:1:2"}), json!({"type": "conversations"})] {
        assert_eq!(one.request(request).await["code"], "no_store");
    }
    one.send_json(&json!({"type": "read", "conversation": "d:1:2", "seq": 1})).await;
    one.ping().await;
    assert_eq!(one.request(json!({"type": "hello", "have": {"d:1:2": 1}})).await["type"], "ready");
}

#[tokio::test]
async fn a_repeat_gets_the_same_answer_and_is_seen_once_whoever_repeats_it() {
    let cluster = Setup::of(3).keeping_nothing().start().await;
    let mut one = cluster.client(0, "1").await;
    let mut again = cluster.client(2, "1?device=other").await;
    let mut two = cluster.client(1, "2").await;
    one.send_as("x", &json!({"user": "2"}), &json!("hi")).await;
    let first = one.expect_answer("x").await;
    one.send_as("x", &json!({"user": "2"}), &json!("hi")).await;
    assert_eq!(one.expect_answer("x").await, first);
    again.send_as("x", &json!({"user": "2"}), &json!("hi")).await;
    again.expect("its answer", |frame| frame["type"] == "sent").await;
    two.expect_type("message").await;
    two.expect_silence(QUIET).await;
}

#[tokio::test]
async fn a_groups_members_are_the_sessions_that_joined_it() {
    let cluster = Setup::of(2).keeping_nothing().start().await;
    let mut one = cluster.client(0, "1").await;
    let mut two = cluster.client(1, "2").await;
    let mut three = cluster.client(1, "3").await;
    let id = one.send_to_group("g", "hi").await;
    assert_eq!(one.expect_answer(&id).await["code"], "forbidden");
    one.request(json!({"type": "join", "group": "g"})).await;
    let id = one.send_to_group("g", "alone").await;
    assert_eq!(one.expect_answer(&id).await["reach"], "nobody");
    two.request(json!({"type": "join", "group": "g"})).await;
    let id = one.send_to_group("g", "hi").await;
    assert_eq!(one.expect_answer(&id).await["reach"], "posted");
    assert_eq!(two.expect_type("message").await["content"], "hi");
    three.expect_silence(QUIET).await;
    two.request(json!({"type": "leave", "group": "g"})).await;
    one.send_to_group("g", "gone").await;
    two.expect_silence(QUIET).await;
}

#[tokio::test]
async fn without_the_directory_or_the_bus_a_send_is_unavailable_and_says_when_to_try_again() {
    let cluster = Setup::of(2).keeping_nothing().start().await;
    let mut one = cluster.client(0, "1").await;
    let _two = cluster.client(1, "2").await;
    cluster.bus.cut();
    let id = one.send_to_user("2", "hi").await;
    let refused = one.expect_answer(&id).await;
    assert_eq!(refused["code"], "unavailable");
    assert!(refused["retry_ms"].as_u64().unwrap() > 0);
    cluster.bus.mend();
    let id = one.send_to_user("2", "hi").await;
    assert_eq!(one.expect_answer(&id).await["reach"], "posted");
    cluster.directory.cut();
    let id = one.send_to_user("2", "hi").await;
    assert_eq!(one.expect_answer(&id).await["code"], "unavailable");
}
