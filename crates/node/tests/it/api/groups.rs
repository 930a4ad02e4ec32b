//! Groups over HTTP: who is in them, and what the nodes make of a change.

use std::time::Duration;

use serde_json::json;
use testkit::poll;
use tokio::io::AsyncWriteExt;

use crate::cluster::{PATIENCE, Setup};

#[tokio::test]
async fn put_makes_the_members_so_and_every_node_takes_it_in() {
    let cluster = Setup::of(2).start().await;
    let http = cluster.http(0);
    let mut one = cluster.client(0, "1").await;
    let mut two = cluster.client(1, "2").await;
    let mut three = cluster.client(1, "3").await;

    let made = http.put("/api/v1/groups/g1", &json!({"members": ["2", 1, "2"]})).await;
    assert_eq!((made.status, &made.json()["members"]), (200, &json!(["1", "2"])));
    for client in [&mut one, &mut two] {
        let told = client.expect_type("members").await;
        assert_eq!(
            (&told["group"], &told["joined"], &told["left"]),
            (&json!("g1"), &json!(["1", "2"]), &json!([]))
        );
    }
    let id = one.send_to_group("g1", "first").await;
    assert_eq!(one.expect_answer(&id).await["type"], "receipt");
    assert_eq!(two.expect_type("message").await["content"], "first");

    let changed = http.put("/api/v1/groups/g1", &json!({"members": ["1", "3"]})).await;
    assert_eq!(changed.json()["members"], json!(["1", "3"]));
    assert!(changed.json()["version"].as_u64() > made.json()["version"].as_u64());
    let told = three.expect_type("members").await;
    assert_eq!((&told["joined"], &told["left"]), (&json!(["3"]), &json!(["2"])));
    one.expect("the change", |frame| frame["type"] == "members" && frame["left"] == json!(["2"])).await;
    let id = one.send_to_group("g1", "second").await;
    assert_eq!(one.expect_answer(&id).await["seq"], 2);
    assert_eq!(three.expect_type("message").await["content"], "second");
    two.expect_silence(Duration::from_millis(300)).await;

    let id = two.send_to_group("g1", "may I?").await;
    assert_eq!(two.expect_answer(&id).await["code"], "forbidden");
    let history = two.request(json!({"type": "history", "conversation": "g:g1"})).await;
    assert_eq!(history["code"], "forbidden");
    let history = three.request(json!({"type": "history", "conversation": "g:g1"})).await;
    assert_eq!(history["messages"].as_array().unwrap().len(), 1, "what came before joining is not shown");

    let same = http.put("/api/v1/groups/g1", &json!({"members": ["3", "1"]})).await;
    assert_eq!(same.json(), changed.json(), "what is so already changes nothing");
    let kept = http.put("/api/v1/groups/g1", &json!({})).await;
    assert_eq!(kept.json()["members"], json!(["1", "3"]));
}

#[tokio::test]
async fn members_come_and_go_one_by_one_and_many_at_once() {
    let cluster = Setup::of(2).start().await;
    let http = cluster.http(0);
    let unknown = http.post("/api/v1/groups/g1/members", &json!({"members": ["1"]})).await;
    assert_eq!((unknown.status, &unknown.json()["error"]["code"]), (404, &json!("not_found")));
    for method in ["PUT", "DELETE"] {
        assert_eq!(http.request(method, "/api/v1/groups/g1/members/1", None).await.status, 404);
    }
    assert_eq!(http.get("/api/v1/groups/g1").await.status, 404);

    assert_eq!(http.put("/api/v1/groups/g1", &json!({"members": []})).await.json()["members"], json!([]));
    let many: Vec<String> = (0..10_000).map(|number| format!("{number:0>64}")).collect();
    let added = http.post("/api/v1/groups/g1/members", &json!({"members": many})).await;
    assert_eq!((added.status, added.json()["members"].as_array().unwrap().len()), (200, 10_000));
    let one = format!("{:0>64}", 5);
    assert_eq!(http.delete(&format!("/api/v1/groups/g1/members/{one}")).await.status, 204);
    assert_eq!(http.delete(&format!("/api/v1/groups/g1/members/{one}")).await.status, 204, "already so");
    assert_eq!(http.put("/api/v1/groups/g1/members/a%40b", &json!(null)).await.status, 204);
    let members = cluster.http(1).get("/api/v1/groups/g1/members").await.json();
    let members = members["members"].as_array().unwrap();
    assert_eq!(members.len(), 10_000);
    assert!(members.contains(&json!("a@b")) && !members.contains(&json!(one)));
}

#[tokio::test]
async fn a_deleted_group_is_gone_on_every_node() {
    let cluster = Setup::of(3).start().await;
    let mut one = cluster.client(0, "1").await;
    let mut two = cluster.client(1, "2").await;
    let http = cluster.http(2);
    http.put("/api/v1/groups/g1", &json!({"members": ["1", "2"]})).await;
    for client in [&mut one, &mut two] {
        client.expect_type("members").await;
    }
    let id = one.send_to_group("g1", "before").await;
    one.expect_answer(&id).await;
    two.expect_type("message").await;

    assert_eq!(http.delete("/api/v1/groups/g1").await.status, 204);
    assert_eq!(http.delete("/api/v1/groups/g1").await.status, 404);
    for client in [&mut one, &mut two] {
        let id = client.send_to_group("g1", "after").await;
        assert_eq!(client.expect_answer(&id).await["code"], "not_found");
        client.send_signal(&json!({"group": "g1"}), &json!("typing")).await;
        assert_eq!(client.expect_type("error").await["code"], "not_found");
    }
    let page = http.get("/api/v1/conversations/g:g1/messages").await;
    assert_eq!((page.status, &page.json()["error"]["code"]), (404, &json!("not_found")));

    // Made again without user 2, its old members' sessions are not its members.
    http.put("/api/v1/groups/g1", &json!({"members": ["1"]})).await;
    one.expect_type("members").await;
    let message = json!({"from": "9", "to": {"group": "g1"}, "content": "anew"});
    let receipt = http.post("/api/v1/messages", &message).await.json();
    assert_eq!(receipt["seq"], 2, "its log goes on above the old one");
    assert_eq!(one.expect_type("message").await["content"], "anew");
    two.expect_silence(Duration::from_millis(300)).await;
    let page = http.get("/api/v1/conversations/g:g1/messages").await.json();
    assert_eq!((&page["first"], page["messages"].as_array().unwrap().len()), (&json!(2), 1));
}

#[tokio::test]
async fn everyone_is_nobodys_to_change() {
    let cluster = Setup::of(1).start().await;
    let http = cluster.http(0);
    let members = json!({"members": ["1"]});
    let calls = [
        ("GET", "/api/v1/groups/everyone", None),
        ("PUT", "/api/v1/groups/everyone", Some(&members)),
        ("DELETE", "/api/v1/groups/everyone", None),
        ("GET", "/api/v1/groups/everyone/members", None),
        ("POST", "/api/v1/groups/everyone/members", Some(&members)),
        ("PUT", "/api/v1/groups/everyone/members/1", None),
        ("DELETE", "/api/v1/groups/everyone/members/1", None),
    ];
    for (method, path, body) in calls {
        let answer = http.request(method, path, body).await;
        assert_eq!(
            (answer.status, &answer.json()["error"]["code"]),
            (403, &json!("forbidden")),
            "{method} {path}"
        );
    }
    assert_eq!(http.get("/api/v1/conversations/g:everyone/messages").await.status, 200);
}

#[tokio::test]
async fn a_change_whose_caller_is_gone_is_told_all_the_same() {
    let cluster = Setup::of(2).start().await;
    let mut two = cluster.client(1, "2").await;
    // The change is made, its caller is gone, and only then the node hears of its own change.
    cluster.kept().slow_writes(Duration::from_secs(2));
    let address = cluster.node(0).node.api_address().unwrap();
    let body = r#"{"members":["2"]}"#;
    let request = format!(
        "PUT /api/v1/groups/g1 HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    poll::until("the change is made", PATIENCE, async || {
        cluster.http(1).get("/api/v1/groups/g1").await.status == 200
    })
    .await;
    two.expect_silence(Duration::from_millis(1)).await;
    stream.set_zero_linger().unwrap();
    drop(stream);
    assert_eq!(two.expect_type("members").await["joined"], json!(["2"]));
}

#[tokio::test]
async fn a_big_exchange_of_members_is_told_in_frames_that_are_not_too_long() {
    let cluster = Setup::of(1).start().await;
    let mut one = cluster.client(0, "1").await;
    let members = |from: usize| {
        let others = (from..from + 199).map(|number| format!("{number:x>64}"));
        json!({ "members": others.chain(["1".to_owned()]).collect::<Vec<_>>() })
    };
    let http = cluster.http(0);
    assert_eq!(http.put("/api/v1/groups/g1", &members(0)).await.status, 200);
    assert_eq!(one.expect_type("members").await["joined"].as_array().unwrap().len(), 200);
    assert_eq!(http.put("/api/v1/groups/g1", &members(1_000)).await.status, 200);
    let (mut joined, mut left) = (0, 0);
    while joined < 199 || left < 199 {
        // The client itself holds each frame against the limit.
        let told = one.expect_type("members").await;
        joined += told["joined"].as_array().unwrap().len();
        left += told["left"].as_array().unwrap().len();
    }
    assert_eq!((joined, left), (199, 199));
    let what = "the other node-wide view is the store's";
    poll::until(what, PATIENCE, async || {
        http.get("/api/v1/groups/g1").await.json()["members"].as_array().unwrap().len() == 200
    })
    .await;
}
