//! The cluster of the tests does what the tests believe of it.

use serde_json::json;

use crate::cluster::{PATIENCE, Setup};

#[tokio::test]
async fn two_users_on_two_nodes_talk_and_a_crashed_node_is_gone_at_once() {
    let mut cluster = Setup::of(2).start().await;
    let mut one = cluster.client(0, "1").await;
    let mut two = cluster.client(1, "2").await;
    let id = one.send_to_user("2", json!({"text": "hi"})).await;
    let receipt = one.expect_answer(&id).await;
    assert_eq!((&receipt["type"], &receipt["seq"]), (&json!("receipt"), &json!(1)));
    let message = two.expect_type("message").await;
    assert_eq!(message["content"], json!({"text": "hi"}));

    cluster.crash(1);
    assert!(two.try_next(PATIENCE).await.is_err(), "its sockets are closed without a Close");
    assert!(two.closed().is_none());
    cluster.node(0).until_told("boot_vanished", 1).await;
}

#[tokio::test]
async fn a_drained_node_comes_back_under_its_name() {
    let mut cluster = Setup::of(2).start().await;
    let mut one = cluster.client(1, "1").await;
    cluster.drain(1).await;
    one.expect_bye(1001).await;
    assert_eq!(cluster.node(0).count("boot_vanished"), 0, "who drained has not vanished");
    cluster.restart(1).await;
    cluster.client(1, "1").await.close().await;
    assert_eq!(cluster.node(1).count("node_ready"), 1, "{:?}", cluster.node(1).told());
}

#[tokio::test]
async fn a_setup_changes_what_the_nodes_are_told() {
    let setup = Setup::of(1).keeping_nothing().limits(|limits| limits.content_bytes_max = 10);
    let mut cluster = setup.with(|config| config.client_join = false).start().await;
    let mut one = cluster.client(0, "1").await;
    assert_eq!(one.welcome["store"], "none");
    let id = one.send_to_user("1", "x".repeat(10)).await;
    assert_eq!(one.expect_answer(&id).await["code"], "too_large");
    let joined = one.request(json!({"type": "join", "group": "g"})).await;
    assert_eq!(joined["code"], "forbidden");
    cluster.classic(0, "2").await.close().await;
    assert_eq!(cluster.node(0).probe().get("/readyz").await.status, 200);
    let other = cluster.join(|config| config.devices = wire::policy::DevicePolicy::Single).await;
    assert!(other.is_err_and(|error| error.to_string().contains("ws.devices")));
}
