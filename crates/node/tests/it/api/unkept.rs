//! The HTTP interface where nothing is kept.

use std::time::Duration;

use ports::memory::bus::MemoryBus;
use serde_json::json;

use crate::cluster::Setup;

#[tokio::test]
async fn the_answer_says_how_far_a_message_came() {
    let cluster = Setup::of(2).keeping_nothing().start().await;
    let http = cluster.http(0);
    let mut here = cluster.client(0, "here").await;
    let mut there = cluster.client(1, "there").await;
    for (to, reach) in [("here", "delivered"), ("there", "posted")] {
        let message = json!({"from": "1", "to": {"user": to}, "content": "hi", "id": to});
        let answer = http.post("/api/v1/messages", &message).await;
        assert_eq!((answer.status, &answer.json()["reach"]), (201, &json!(reach)), "{to}");
        assert_eq!(answer.json().get("seq"), None);
        let again = http.post("/api/v1/messages", &message).await;
        assert_eq!((again.status, again.json()), (200, answer.json()));
    }
    assert_eq!(here.expect_type("message").await["content"], "hi");
    assert_eq!(there.expect_type("message").await["content"], "hi");
    here.expect_silence(Duration::from_millis(200)).await;

    let nobody = json!({"from": "1", "to": {"user": "nobody"}, "content": "hi"});
    let answer = http.post("/api/v1/messages", &nobody).await;
    assert_eq!((answer.status, &answer.json()["error"]["code"]), (404, &json!("offline")));
    let empty = json!({"from": "1", "to": {"group": "g1"}, "content": "hi"});
    assert_eq!(http.post("/api/v1/messages", &empty).await.json()["reach"], "nobody");

    let list = json!({"from": "1", "to": {"users": ["nobody", "there"]}, "content": "hi", "id": "list"});
    let results = http.post("/api/v1/messages", &list).await.json();
    assert_eq!(results["results"][0]["error"]["code"], "offline");
    assert_eq!(
        (&results["results"][1]["user"], &results["results"][1]["reach"]),
        (&json!("there"), &json!("posted"))
    );
}

#[tokio::test]
async fn an_outage_is_an_error_that_says_when_to_try_again() {
    let cluster = Setup::of(2).keeping_nothing().start().await;
    let mut there = cluster.client(1, "2").await;
    cluster.bus.cut();
    let message = json!({"from": "1", "to": {"user": "2"}, "content": "hi", "id": "m1"});
    let answer = cluster.http(0).post("/api/v1/messages", &message).await;
    assert_eq!((answer.status, &answer.json()["error"]["code"]), (503, &json!("unavailable")));
    assert!(answer.json()["error"]["retry_ms"].as_u64().is_some_and(|ms| ms > 0), "{answer:?}");
    assert!(answer.header("Retry-After").is_some());
    cluster.bus.mend();
    let answer = cluster.http(0).post("/api/v1/messages", &message).await;
    assert_eq!(answer.status, 201, "a send that failed is not remembered as answered: {answer:?}");
    assert_eq!(there.expect_type("message").await["content"], "hi");
}

#[tokio::test]
async fn what_is_accepted_is_copied_once_whoever_holds_its_recipient() {
    let cluster = Setup::of(2).keeping_nothing().on_bus(MemoryBus::with_copies()).start().await;
    let http = cluster.http(0);
    let _two = cluster.client(1, "2").await;
    for to in [json!({"user": "2"}), json!({"user": "2"}), json!({"group": "everyone"})] {
        let id = to.to_string().replace('"', "'");
        let message = json!({"from": "1", "to": to, "content": "kept elsewhere", "id": id});
        assert!(http.post("/api/v1/messages", &message).await.status < 300);
    }
    let copies = cluster.bus.copies();
    assert_eq!(copies.len(), 2, "a repeat is not copied again: {copies:?}");
    for (_, body) in copies {
        let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
        assert_eq!((&body["content"], &body["from"]), (&json!("kept elsewhere"), &json!(1)));
    }
}

#[tokio::test]
async fn what_needs_a_store_says_that_there_is_none() {
    let cluster = Setup::of(1).keeping_nothing().start().await;
    let http = cluster.http(0);
    let members = json!({"members": ["1"]});
    let calls = [
        ("GET", "/api/v1/conversations/d:1:2/messages", None),
        ("GET", "/api/v1/users/1/conversations", None),
        ("GET", "/api/v1/groups/g1", None),
        ("PUT", "/api/v1/groups/g1", Some(&members)),
        ("DELETE", "/api/v1/groups/g1", None),
        ("GET", "/api/v1/groups/g1/members", None),
        ("POST", "/api/v1/groups/g1/members", Some(&members)),
        ("PUT", "/api/v1/groups/g1/members/1", None),
        ("DELETE", "/api/v1/groups/g1/members/1", None),
    ];
    for (method, path, body) in calls {
        let answer = http.request(method, path, body).await;
        let error = &answer.json()["error"];
        assert_eq!((answer.status, &error["code"]), (501, &json!("no_store")), "{method} {path}");
        assert!(error["reason"].as_str().unwrap().contains("store: none") && error.get("retry_ms").is_none());
    }
}
