//! Groups: made, joined and left on any road; who sees what, on whatever node.

use std::time::Duration;

use ports::Directory;
use serde_json::json;
use testkit::poll;

use crate::cluster::{PATIENCE, Setup};

const QUIET: Duration = Duration::from_millis(200);

#[tokio::test]
async fn a_group_message_reaches_its_members_on_every_node_and_nobody_else() {
    let cluster = Setup::of(3).start().await;
    // A group and users that a Java node could read: it must not, because it would show this to all its users.
    cluster.http(0).put("/api/v1/groups/7", &json!({"members": ["1", "2", "3"]})).await;
    let mut one = cluster.client(0, "1").await;
    let mut two = cluster.client(1, "2").await;
    let mut three = cluster.client(2, "3").await;
    let mut stranger = cluster.client(1, "4").await;
    let id = one.send_to_group("7", "hi").await;
    let receipt = one.expect_answer(&id).await;
    assert_eq!((&receipt["conversation"], &receipt["seq"]), (&json!("g:7"), &json!(1)));
    for member in [&mut two, &mut three] {
        let message = member.expect_type("message").await;
        assert_eq!((&message["to"], &message["seq"]), (&json!({"group": "7"}), &json!(1)));
    }
    assert_eq!(cluster.node(0).count("port_failed"), 0, "the bus takes it on the road that it is sent");
    stranger.expect_silence(QUIET).await;
    one.expect_silence(QUIET).await;
    let id = stranger.send_to_group("7", "let me in").await;
    assert_eq!(stranger.expect_answer(&id).await["code"], "forbidden");
    let id = stranger.send_to_group("nowhere", "hello").await;
    assert_eq!(stranger.expect_answer(&id).await["code"], "not_found");
}

#[tokio::test]
async fn who_joins_sees_what_comes_afterwards_from_any_node_and_the_others_are_told() {
    let cluster = Setup::of(3).start().await;
    let mut one = cluster.client(0, "1").await;
    let mut two = cluster.client(1, "2").await;
    assert_eq!(one.request(json!({"type": "join", "group": "g"})).await["joined"], json!(["1"]));
    let id = one.send_to_group("g", "before").await;
    one.expect_answer(&id).await;
    assert_eq!(two.request(json!({"type": "join", "group": "g"})).await["type"], "members");
    assert_eq!(one.expect_type("members").await["joined"], json!(["2"]));
    let id = one.send_to_group("g", "after").await;
    one.expect_answer(&id).await;
    let message = two.expect_type("message").await;
    assert_eq!(
        (&message["content"], &message["seq"]),
        (&json!("after"), &json!(2)),
        "what came before is not shown"
    );
    let page = two.request(json!({"type": "history", "conversation": "g:g"})).await;
    assert_eq!((page["messages"].as_array().unwrap().len(), &page["first"]), (1, &json!(2)));
}

#[tokio::test]
async fn leaving_a_group_on_whichever_road_stops_delivery_within_a_second_on_every_node() {
    let cluster = Setup::of(3).start().await;
    let http = cluster.http(2);
    http.put("/api/v1/groups/g", &json!({"members": ["1", "2", "3"]})).await;
    let mut one = cluster.client(0, "1").await;
    let mut two = cluster.client(1, "2").await;
    let mut three = cluster.client(2, "3").await;
    let id = one.send_to_group("g", 1).await;
    one.expect_answer(&id).await;
    two.expect_type("message").await;
    three.expect_type("message").await;

    assert_eq!(two.request(json!({"type": "leave", "group": "g"})).await["left"], json!(["2"]));
    let removed = http.delete("/api/v1/groups/g/members/3").await;
    assert_eq!(removed.status, 204, "{removed:?}");
    let id = one.send_to_group("g", 2).await;
    one.expect_answer(&id).await;
    for (client, user) in [(&mut two, "2"), (&mut three, "3")] {
        one.send_to_user(user, "the end").await;
        let message = client.expect_type("message").await;
        assert_eq!(message["content"], "the end", "nothing of the group came before it");
    }
    for (client, name) in [(&mut two, "left"), (&mut three, "was removed")] {
        let id = client.send_to_group("g", name).await;
        assert_eq!(client.expect_answer(&id).await["code"], "forbidden", "{name}");
    }
    assert_eq!(http.delete("/api/v1/groups/g").await.status, 204);
    let id = one.send_to_group("g", 3).await;
    assert_eq!(one.expect_answer(&id).await["code"], "not_found");
}

#[tokio::test]
async fn a_member_added_over_http_is_pushed_the_next_message_wherever_it_is() {
    let cluster = Setup::of(3).start().await;
    cluster.http(0).put("/api/v1/groups/g", &json!({"members": ["1"]})).await;
    let mut one = cluster.client(0, "1").await;
    let mut two = cluster.client(1, "2").await;
    assert_eq!(cluster.http(2).put("/api/v1/groups/g/members/2", &json!({})).await.status, 204);
    two.expect("being told", |frame| frame["type"] == "members").await;
    let id = one.send_to_group("g", "hi").await;
    one.expect_answer(&id).await;
    assert_eq!(two.expect_type("message").await["seq"], 1);
}

#[tokio::test]
async fn who_stays_in_a_group_that_thousands_leave_at_once_is_not_told_and_not_closed() {
    let cluster = Setup::of(1).start().await;
    let many: Vec<String> = (0..2_000).map(|nth| format!("m{nth:060}")).collect();
    let http = cluster.http(0);
    assert_eq!(http.put("/api/v1/groups/g", &json!({"members": many})).await.status, 200);
    let mut one = cluster.client(0, "1").await;
    assert_eq!(one.request(json!({"type": "join", "group": "g"})).await["type"], "members");
    assert_eq!(http.put("/api/v1/groups/g", &json!({"members": ["1"]})).await.status, 200);
    assert_eq!(http.put("/api/v1/groups/g", &json!({"members": ["1", "2"]})).await.status, 200);
    assert_eq!(one.expect_type("members").await["joined"], json!(["2"]), "the group is small again");
}

#[tokio::test]
async fn a_join_or_leave_of_a_session_that_has_lost_its_place_changes_nothing() {
    // As on a node that stood still and was taken for dead: what it reads now was asked long ago.
    let cluster = Setup::of(2).start().await;
    let http = cluster.http(1);
    http.put("/api/v1/groups/left", &json!({"members": ["2"]})).await;
    http.put("/api/v1/groups/joined", &json!({"members": ["1", "2"]})).await;
    let mut one = cluster.client(0, "1").await;
    for binding in cluster.bindings("1").await {
        cluster.directory.release(&binding.user, &binding.slot, binding.session).await.unwrap();
    }
    for (verb, group) in [("join", "left"), ("leave", "joined")] {
        let refused = one.request(json!({"type": verb, "group": group})).await;
        assert_eq!(refused["code"], "unavailable", "{refused}");
        assert!(refused["retry_ms"].as_u64().is_some_and(|wait| wait > 0), "{refused}");
    }
    let members =
        async |group| http.get(&format!("/api/v1/groups/{group}/members")).await.json()["members"].clone();
    assert_eq!(members("left").await, json!(["2"]));
    assert_eq!(members("joined").await, json!(["1", "2"]));
}

#[tokio::test]
async fn everyone_hears_everyone_and_counts_it_while_away_from_the_first_login_on() {
    let cluster = Setup::of(2).start().await;
    let mut one = cluster.client(0, "1").await;
    let mut two = cluster.client(1, "2").await;
    let id = one.send_to_group("everyone", "a").await;
    assert_eq!(one.expect_answer(&id).await["conversation"], "g:everyone");
    assert_eq!(two.expect_type("message").await["content"], "a");
    drop(two);
    let id = one.send_to_group("everyone", "b").await;
    one.expect_answer(&id).await;
    let url = cluster.node(0).url("2");
    let mut two = testkit::client::V1Client::open(&url, |handshake| handshake).await.unwrap();
    let unread = two.expect_type("welcome").await["unread"].clone();
    assert_eq!(unread, json!([{"conversation": "g:everyone", "unread": 2, "head": 2}]));
    let url = cluster.node(1).url("new");
    let mut new = testkit::client::V1Client::open(&url, |handshake| handshake).await.unwrap();
    assert_eq!(new.expect_type("welcome").await["unread"], json!([]));
    let page = new.request(json!({"type": "history", "conversation": "g:everyone"})).await;
    assert_eq!(page["messages"].as_array().unwrap().len(), 2, "its history is open to all");
}

#[tokio::test]
async fn a_group_message_is_one_envelope_per_interested_node_and_interest_ends_some_time_after_the_last_member()
 {
    let linger = Duration::from_millis(300);
    let cluster = Setup::of(3)
        .with(move |config| {
            config.lease.interest_linger = linger;
            config.healing.sweep_every = Duration::from_secs(6);
        })
        .start()
        .await;
    cluster.http(0).put("/api/v1/groups/g", &json!({"members": ["1", "2"]})).await;
    let mut one = cluster.client(0, "1").await;
    let mut two = cluster.client(1, "2").await;
    let id = one.send_to_group("g", 1).await;
    one.expect_answer(&id).await;
    two.expect_type("message").await;
    let posted = || {
        cluster
            .node(0)
            .told()
            .iter()
            .filter(|(name, text)| name == "envelope_posted" && text.starts_with("message"))
            .count()
    };
    assert_eq!(posted(), 1, "node-3 has no member");
    two.close().await;
    let group = "g".parse().unwrap();
    poll::until("interest to end", PATIENCE, async || {
        use ports::Directory;
        let interested = cluster.directory.interested(std::slice::from_ref(&group)).await.unwrap();
        let nodes: Vec<String> = interested[0].iter().map(|boot| boot.node.to_string()).collect();
        if nodes == ["node-1"] { Ok(()) } else { Err(nodes.join(", ")) }
    })
    .await;
    let id = one.send_to_group("g", 2).await;
    one.expect_answer(&id).await;
    assert_eq!(posted(), 1);
}

#[tokio::test]
async fn with_broadcast_every_group_message_goes_to_all_and_each_node_filters() {
    let cluster = Setup::of(3).with(|config| config.broadcasts = true).start().await;
    cluster.http(0).put("/api/v1/groups/g", &json!({"members": ["1", "2"]})).await;
    let mut one = cluster.client(0, "1").await;
    let mut two = cluster.client(1, "2").await;
    let mut stranger = cluster.client(2, "3").await;
    let id = one.send_to_group("g", 1).await;
    one.expect_answer(&id).await;
    assert_eq!(two.expect_type("message").await["seq"], 1);
    stranger.expect_silence(QUIET).await;
}
