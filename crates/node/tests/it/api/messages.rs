//! Sending and reading over HTTP, where messages are kept.

use std::time::Duration;

use serde_json::{Value, json};
use testkit::poll;

use crate::cluster::{PATIENCE, Setup};

#[tokio::test]
async fn a_message_reaches_its_user_on_another_node_and_every_session_of_its_sender() {
    let cluster = Setup::of(2).start().await;
    let mut one = cluster.client(0, "1").await;
    let mut two = cluster.client(1, "2").await;
    let message = json!({"from": 1, "to": {"user": 2}, "content": {"text": "hi"}, "id": "m1"});
    let answer = cluster.http(0).post("/api/v1/messages", &message).await;
    assert_eq!(answer.status, 201, "{answer:?}");
    let receipt = answer.json();
    assert_eq!(
        (&receipt["id"], &receipt["conversation"], &receipt["seq"]),
        (&json!("m1"), &json!("d:1:2"), &json!(1))
    );

    let received = two.expect_type("message").await;
    assert_eq!(received["content"], json!({"text": "hi"}));
    assert_eq!((&received["message_id"], &received["time"]), (&receipt["message_id"], &receipt["time"]));
    assert_eq!(received.get("id"), None, "the send's id is the sender's own");
    assert_eq!(one.expect_type("message").await["id"], "m1");

    // The other node knows the send too.
    let again = cluster.http(1).post("/api/v1/messages", &message).await;
    assert_eq!((again.status, again.json()), (200, receipt));
    two.expect_silence(Duration::from_millis(300)).await;
}

#[tokio::test]
async fn an_id_that_was_used_for_something_else_is_a_conflict() {
    let cluster = Setup::of(1).start().await;
    let http = cluster.http(0);
    let send = |to: Value, content: Value| json!({"from": "1", "to": to, "content": content, "id": "m1"});
    let first = http.post("/api/v1/messages", &send(json!({"user": "2"}), json!("a"))).await;
    assert_eq!(first.status, 201);
    for (to, content) in [(json!({"user": "2"}), json!("b")), (json!({"user": "3"}), json!("a"))] {
        let answer = http.post("/api/v1/messages", &send(to, content)).await;
        assert_eq!((answer.status, &answer.json()["error"]["code"]), (409, &json!("conflict")));
    }
    let other = json!({"from": "9", "to": {"user": "2"}, "content": "b", "id": "m1"});
    assert_eq!(http.post("/api/v1/messages", &other).await.status, 201, "ids are the sender's own");
}

#[tokio::test]
async fn content_is_carried_and_kept_byte_for_byte() {
    let cluster = Setup::of(2).start().await;
    let mut two = cluster.client(1, "2").await;
    let content = r#"{ "n" : 12345678901234567890.10, "e":1E400, "u":"\u00e9é\/", "n" : 2 }"#;
    let body = format!(r#"{{"from":"1","to":{{"user":"2"}},"content":{content}}}"#);
    let sent = Some(("application/json; charset=utf-8", body.as_bytes()));
    let answer = cluster.http(0).try_request("POST", "/api/v1/messages", sent).await.unwrap();
    assert_eq!(answer.status, 201, "{answer:?}");
    let minted = answer.json()["id"].as_str().unwrap().to_owned();
    assert_eq!(minted.len(), 26, "a missing id is minted");
    two.raw()
        .next_data(PATIENCE)
        .await
        .map(|message| match message {
            testkit::client::Message::Text(text) => {
                assert!(text.contains(&format!(r#""content":{content},"#)), "{text}")
            }
            other => panic!("{other:?}"),
        })
        .unwrap();
    let page = cluster.http(1).get("/api/v1/conversations/d:1:2/messages").await.text();
    assert!(page.contains(&format!(r#""content":{content},"#)), "{page}");
    assert!(page.contains(&minted), "a service sees the ids of all senders");
    let null = json!({"from": "1", "to": {"user": "2"}, "content": null});
    assert_eq!(cluster.http(0).post("/api/v1/messages", &null).await.status, 201, "null is a JSON value");
}

#[tokio::test]
async fn a_list_of_users_gets_a_direct_message_each_and_only_once() {
    let cluster = Setup::of(2).start().await;
    let mut first = cluster.client(0, "u1").await;
    let mut last = cluster.client(1, "u400").await;
    let users: Vec<String> = (1..=400).map(|number| format!("u{number}")).collect();
    let mut listed = users.clone();
    listed.push("u1".to_owned());
    let message = json!({"from": "news", "to": {"users": listed}, "content": "hello", "id": "m1"});
    let answer = cluster.http(0).post("/api/v1/messages", &message).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let results = answer.json();
    let told: Vec<&str> = results["results"]
        .as_array()
        .unwrap()
        .iter()
        .map(|result| result["user"].as_str().unwrap())
        .collect();
    assert_eq!(told, users, "in the order of the list, each once");
    assert_eq!(results["results"][399]["conversation"], "d:news:u400");
    assert!(
        results["results"]
            .as_array()
            .unwrap()
            .iter()
            .all(|result| result["seq"] == 1 && result["id"] == "m1")
    );
    for client in [&mut first, &mut last] {
        assert_eq!(client.expect_type("message").await["content"], "hello");
    }

    let again = cluster.http(1).post("/api/v1/messages", &message).await;
    assert_eq!((again.status, again.json()), (200, results), "the same again sends nothing twice");
    let mut longer = message.clone();
    longer["to"]["users"].as_array_mut().unwrap().push(json!("late"));
    let more = cluster.http(1).post("/api/v1/messages", &longer).await.json();
    assert_eq!(more["results"][400]["seq"], 1, "a user that was not on the list the first time gets it now");
    for client in [&mut first, &mut last] {
        client.expect_silence(Duration::from_millis(200)).await;
    }

    let mut other = message.clone();
    other["content"] = json!("something else");
    let refused = cluster.http(0).post("/api/v1/messages", &other).await;
    assert_eq!(refused.status, 200);
    assert_eq!(
        refused.json()["results"][0]["error"]["code"],
        "conflict",
        "each user has an outcome of its own"
    );
}

#[tokio::test]
async fn the_service_speaks_to_groups_without_being_a_member_and_to_everyone() {
    let setup = Setup::of(2).with(|config| config.everyone_from_clients = false);
    let cluster = setup.start().await;
    let http = cluster.http(0);
    let mut two = cluster.client(1, "2").await;
    let to_group = json!({"from": "1", "to": {"group": "g1"}, "content": "hi"});
    let refused = http.post("/api/v1/messages", &to_group).await;
    assert_eq!((refused.status, &refused.json()["error"]["code"]), (404, &json!("not_found")));
    assert_eq!(http.put("/api/v1/groups/g1", &json!({"members": [2]})).await.status, 200);
    assert_eq!(http.post("/api/v1/messages", &to_group).await.json()["conversation"], "g:g1");
    assert_eq!(two.expect_type("message").await["to"], json!({"group": "g1"}));

    let to_all = json!({"from": "1", "to": {"group": "everyone"}, "content": "all"});
    assert_eq!(http.post("/api/v1/messages", &to_all).await.json()["conversation"], "g:everyone");
    assert_eq!(two.expect_type("message").await["content"], "all");
    let own = two.send_to_group("everyone", "me too").await;
    assert_eq!(two.expect_answer(&own).await["code"], "forbidden", "groups.everyone_send: api");
}

#[tokio::test]
async fn a_signal_is_pushed_and_not_kept() {
    let cluster = Setup::of(2).start().await;
    let http = cluster.http(0);
    let mut two = cluster.client(1, "2").await;
    let mut three = cluster.client(0, "3").await;
    http.put("/api/v1/groups/g1", &json!({"members": ["2", "3"]})).await;
    two.expect_type("members").await;
    let signal = |to: Value| json!({"from": "1", "to": to, "content": "typing", "signal": true});
    for to in [
        json!({"user": "2"}),
        json!({"group": "g1"}),
        json!({"users": ["2", "3"]}),
        json!({"group": "everyone"}),
    ] {
        let answer = http.post("/api/v1/messages", &signal(to.clone())).await;
        assert_eq!((answer.status, answer.json()), (202, json!({})), "{to}");
    }
    for client in [&mut two, &mut three] {
        for _ in 0..3 {
            assert_eq!(client.expect_type("signal").await["content"], "typing");
        }
    }
    assert_eq!(two.expect_type("signal").await["from"], "1");
    let page = http.get("/api/v1/conversations/d:1:2/messages").await.json();
    assert_eq!(page["messages"], json!([]));
    let nowhere = http.post("/api/v1/messages", &signal(json!({"group": "nowhere"}))).await;
    assert_eq!(nowhere.status, 404);
}

#[tokio::test]
async fn a_log_is_read_in_pages_in_both_directions() {
    let cluster = Setup::of(1).start().await;
    let http = cluster.http(0);
    for number in 1..=7 {
        let message = json!({"from": "1", "to": {"user": "2"}, "content": number});
        assert_eq!(http.post("/api/v1/messages", &message).await.json()["seq"], number);
    }
    let cases = [
        ("", vec![1, 2, 3, 4, 5, 6, 7], false),
        ("?limit=3", vec![5, 6, 7], true),
        ("?limit=3&before=5", vec![2, 3, 4], true),
        ("?before=3", vec![1, 2], false),
        ("?after=2&limit=2", vec![3, 4], true),
        ("?after=5", vec![6, 7], false),
        ("?after=7", vec![], false),
    ];
    for (query, seqs, more) in cases {
        let page = http.get(&format!("/api/v1/conversations/d:1:2/messages{query}")).await.json();
        let read: Vec<u64> = page["messages"]
            .as_array()
            .unwrap()
            .iter()
            .map(|message| message["seq"].as_u64().unwrap())
            .collect();
        assert_eq!((read, page["more"].as_bool()), (seqs, Some(more)), "{query}");
        assert_eq!((&page["type"], &page["first"]), (&json!("page"), &json!(1)));
    }
}

#[tokio::test]
async fn a_users_conversations_are_listed_latest_first_and_in_pages() {
    let cluster = Setup::of(1).start().await;
    let http = cluster.http(0);
    let mut latest = 0;
    for (from, to) in [("1", "2"), ("3", "2"), ("2", "4")] {
        // Until the clock has moved on, so that there is an order.
        latest = poll::until("a later message", PATIENCE, async || {
            let message = json!({"from": from, "to": {"user": to}, "content": "hi"});
            let time = http.post("/api/v1/messages", &message).await.json()["time"].as_u64();
            time.filter(|time| *time > latest)
        })
        .await;
    }
    let first = http.get("/api/v1/users/2/conversations?limit=2").await.json();
    let names = |page: &Value| -> Vec<Value> {
        page["conversations"].as_array().unwrap().iter().map(|line| line["conversation"].clone()).collect()
    };
    assert_eq!(names(&first), ["d:2:4", "d:2:3"]);
    assert_eq!(first["conversations"][0]["unread"], 0, "one's own messages are never unread");
    assert_eq!(first["conversations"][1]["unread"], first["conversations"][1]["head"]);
    let next = first["next"].as_str().unwrap();
    let rest = http.get(&format!("/api/v1/users/2/conversations?limit=2&next={next}")).await.json();
    assert_eq!((names(&rest), rest.get("next")), (vec![json!("d:1:2")], None));
    assert_eq!(http.get("/api/v1/users/nobody/conversations").await.json()["conversations"], json!([]));
}

#[tokio::test]
async fn a_store_that_is_away_is_an_outage_and_the_same_send_succeeds_afterwards() {
    let cluster = Setup::of(1).start().await;
    let http = cluster.http(0);
    cluster.kept().cut();
    let message = json!({"from": "1", "to": {"user": "2"}, "content": "hi", "id": "m1"});
    let list = json!({"from": "1", "to": {"users": ["2"]}, "content": "hi"});
    let members = json!({"members": ["1"]});
    let calls = [
        ("POST", "/api/v1/messages", Some(&message)),
        ("GET", "/api/v1/conversations/d:1:2/messages", None),
        ("GET", "/api/v1/users/1/conversations", None),
        ("GET", "/api/v1/groups/g1", None),
        ("PUT", "/api/v1/groups/g1", Some(&members)),
        ("DELETE", "/api/v1/groups/g1/members/1", None),
    ];
    for (method, path, body) in calls {
        let answer = http.request(method, path, body).await;
        let error = &answer.json()["error"];
        assert_eq!((answer.status, &error["code"]), (503, &json!("unavailable")), "{method} {path}");
        assert!(error["reason"].as_str().unwrap().contains("store") && error["retry_ms"].is_u64(), "{error}");
    }
    let results = http.post("/api/v1/messages", &list).await;
    let error = &results.json()["results"][0]["error"];
    assert_eq!(
        (results.status, &error["code"], error["retry_ms"].is_u64()),
        (200, &json!("unavailable"), true)
    );
    let ready = http.get("/readyz").await;
    assert_eq!((ready.status, &ready.json()["seams"]["store"]["up"]), (200, &json!(false)), "{ready:?}");
    cluster.kept().mend();
    assert_eq!(http.post("/api/v1/messages", &message).await.status, 201);
}
