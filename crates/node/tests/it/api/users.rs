//! Users, sessions and nodes over HTTP.

use std::time::Duration;

use serde_json::{Value, json};
use testkit::poll;

use crate::cluster::{Cluster, PATIENCE, Setup};

async fn user(cluster: &Cluster, idx: usize, user: &str) -> Value {
    let answer = cluster.http(idx).get(&format!("/api/v1/users/{user}")).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()
}

#[tokio::test]
async fn a_user_is_online_on_whatever_nodes_its_sessions_are() {
    let mut cluster = Setup::of(3).start().await;
    let never = json!({"user": "never", "online": false, "sessions": []});
    assert_eq!(user(&cluster, 0, "never").await, never);

    let web = cluster.client(1, "1?device=web").await;
    let ios = cluster.client(2, "1?device=ios").await;
    let seen = user(&cluster, 0, "1").await;
    assert_eq!(seen["online"], true);
    let line = |idx: usize| {
        (&seen["sessions"][idx]["session"], &seen["sessions"][idx]["device"], &seen["sessions"][idx]["node"])
    };
    assert_eq!(line(0), (&web.welcome["session"], &json!("web"), &json!("node-2")));
    assert_eq!(line(1), (&ios.welcome["session"], &json!("ios"), &json!("node-3")));
    assert!(seen["sessions"][0]["since"].as_u64() <= seen["sessions"][1]["since"].as_u64());

    cluster.crash(2);
    let what = "nobody is online on a dead node";
    poll::until(what, PATIENCE, async || match user(&cluster, 0, "1").await {
        seen if seen["sessions"].as_array().unwrap().len() == 1 => Ok(()),
        seen => Err(seen),
    })
    .await;
    web.close().await;
    poll::until("offline", PATIENCE, async || user(&cluster, 0, "1").await["online"] == false).await;
}

#[tokio::test]
async fn a_session_is_removed_on_whatever_node_it_is() {
    let cluster = Setup::of(2).start().await;
    let mut web = cluster.client(1, "1?device=web").await;
    let mut ios = cluster.client(1, "1?device=ios").await;
    let mut here = cluster.client(0, "1?device=tv").await;
    let http = cluster.http(0);
    for (client, name) in [(&mut web, "there"), (&mut here, "here")] {
        let session = client.welcome["session"].as_str().unwrap().to_owned();
        let path = format!("/api/v1/users/1/sessions/{session}");
        let other = http.delete(&format!("/api/v1/users/2/sessions/{session}")).await;
        assert_eq!(
            (other.status, &other.json()["error"]["code"]),
            (404, &json!("not_found")),
            "another user's"
        );
        assert_eq!(http.delete(&path).await.status, 204, "{name}");
        let bye = client.expect_bye(4503).await;
        assert_eq!(bye["reconnect"], false);
        let gone = poll::until("its end is known", PATIENCE, async || {
            let answer = http.delete(&path).await;
            if answer.status == 404 { Ok(answer) } else { Err(answer.status) }
        })
        .await;
        assert!(gone.json()["error"]["reason"].as_str().unwrap().contains("no such session"));
    }
    ios.expect_silence(Duration::from_millis(200)).await;
    assert_eq!(user(&cluster, 0, "1").await["sessions"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn all_sessions_of_a_user_are_removed_and_nobody_elses() {
    let cluster = Setup::of(2).start().await;
    let mut sessions = vec![cluster.client(0, "1?device=a").await, cluster.client(1, "1?device=b").await];
    let mut classic = cluster.classic(1, "1?device=c").await;
    let mut other = cluster.client(1, "2").await;
    assert_eq!(cluster.http(0).delete("/api/v1/users/1/sessions").await.status, 204);
    for session in &mut sessions {
        session.expect_bye(4503).await;
    }
    assert_eq!(classic.expect_close().await.code, Some(4503));
    other.expect_silence(Duration::from_millis(200)).await;
    poll::until("offline", PATIENCE, async || user(&cluster, 0, "1").await["online"] == false).await;
    assert_eq!(cluster.http(0).delete("/api/v1/users/1/sessions").await.status, 204, "already so");
    cluster.client(0, "1").await.close().await;
}

#[tokio::test]
async fn the_nodes_are_those_whose_leases_live() {
    let mut cluster = Setup::of(3).start().await;
    let _one = cluster.client(1, "1").await;
    let what = "a renewal tells of the session";
    let nodes = poll::until(what, PATIENCE, async || {
        let nodes = cluster.http(0).get("/api/v1/nodes").await.json();
        if nodes["nodes"][1]["sessions"] == 1 { Ok(nodes) } else { Err(nodes) }
    })
    .await;
    let names: Vec<&Value> = nodes["nodes"].as_array().unwrap().iter().map(|node| &node["node"]).collect();
    assert_eq!(names, ["node-1", "node-2", "node-3"]);
    let second = &nodes["nodes"][1];
    assert_eq!((&second["state"], &second["sessions"]), (&json!("serving"), &json!(1)));
    assert_eq!(second["address"], cluster.node(1).node.ws_address().to_string());
    assert!(second["boot"].as_str().unwrap().starts_with("node-2/"));

    cluster.drain(2).await;
    cluster.crash(1);
    poll::until("only the first is left", PATIENCE, async || {
        let nodes = cluster.http(0).get("/api/v1/nodes").await.json();
        if nodes["nodes"].as_array().unwrap().len() == 1 { Ok(()) } else { Err(nodes) }
    })
    .await;
}

#[tokio::test]
async fn with_the_directory_away_the_answer_is_an_outage_and_the_node_is_not_ready() {
    let cluster = Setup::of(1).start().await;
    let http = cluster.http(0);
    cluster.directory.cut();
    for path in ["/api/v1/users/1", "/api/v1/nodes"] {
        let answer = http.get(path).await;
        assert_eq!((answer.status, &answer.json()["error"]["code"]), (503, &json!("unavailable")), "{path}");
    }
    let ready = http.get("/readyz").await;
    assert_eq!((ready.status, &ready.json()["seams"]["directory"]["up"]), (503, &json!(false)));
    assert_eq!(http.get("/healthz").await.status, 200);
    cluster.directory.mend();
    poll::until("ready again", PATIENCE, async || http.get("/readyz").await.status == 200).await;
}
