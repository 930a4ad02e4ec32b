//! The dialect of the older Java service, where a client could depend on it.

use std::time::Duration;

use ports::Ambient;
use serde_json::json;
use testkit::poll;
use wire::policy::{DevicePolicy, DialectChoice};

use crate::cluster::{PATIENCE, Setup};

const QUIET: Duration = Duration::from_millis(200);
/// What the nodes' ideas of the directory's time may differ by: each reads clocks of whole milliseconds.
const CLOCKS_APART_MS: u64 = 5;

#[tokio::test]
async fn classic_and_v1_clients_talk_to_each_other_each_in_its_own_words() {
    for keeping in [true, false] {
        let setup = if keeping { Setup::of(2) } else { Setup::of(2).keeping_nothing() };
        let cluster = setup.start().await;
        let mut classic = cluster.classic(0, "1").await;
        let mut v1 = cluster.client(1, "2").await;
        classic.send_to_user(2, "hi").await;
        assert_eq!(v1.expect_type("message").await["content"], "hi");
        v1.send_to_user("1", json!({"k": [1, 2]})).await;
        let message = classic.expect_message().await;
        assert!(
            message.text.starts_with(r#"{"content":"{\"k\":[1,2]}","fromUserId":2,"msgType":10,"time":"#),
            "{}",
            message.text
        );
        assert!(message.text.ends_with(r#","toUserId":1}"#), "{}", message.text);
    }
}

#[tokio::test]
async fn a_group_message_goes_to_everybody_on_every_node_its_sender_too() {
    for keeping in [true, false] {
        let setup = if keeping { Setup::of(2) } else { Setup::of(2).keeping_nothing() };
        let cluster = setup.start().await;
        let mut sender = cluster.classic(0, "1").await;
        let mut other = cluster.classic(1, "3").await;
        let mut v1 = cluster.client(1, "2").await;
        sender.send_to_group(7, "all").await;
        for client in [&mut sender, &mut other] {
            let message = client.expect_message().await;
            assert!(
                message.text.contains(r#""msgType":20"#) && message.text.ends_with(r#""toUserId":7}"#),
                "{}",
                message.text
            );
        }
        let shown = v1.expect_type(if keeping { "signal" } else { "message" }).await;
        assert_eq!((&shown["to"], &shown["content"]), (&json!({"group": "7"}), &json!("all")));
    }
}

#[tokio::test]
async fn where_the_original_was_silent_so_is_the_node_unless_told_otherwise() {
    let cluster = Setup::of(1).keeping_nothing().start().await;
    let mut classic = cluster.classic(0, "1").await;
    for odd in
        ["hi", "{}", r#"{"msgType":77,"to":2,"content":"x"}"#, r#"{"msgType":10,"to":9,"content":"offline"}"#]
    {
        classic.send_text(odd).await;
    }
    classic.expect_silence(QUIET).await;
    let loud = Setup::of(1).keeping_nothing().with(|config| config.classic.errors = true).start().await;
    let mut classic = loud.classic(0, "1").await;
    classic.send_text(r#"{"msgType":10,"to":9,"content":"x"}"#).await;
    assert_eq!(
        classic.next_text(PATIENCE).await,
        r#"{"error":{"code":"offline","reason":"the user has no live session"}}"#
    );
}

#[tokio::test]
async fn a_second_login_tells_the_first_why_and_closes_it_properly() {
    let cluster = Setup::of(2)
        .with(|config| {
            config.devices = DevicePolicy::Single;
            config.dialects = DialectChoice::Classic;
            config.classic.note = Some("在别处上线了，请在新的设备上查看消息！".into());
        })
        .start()
        .await;
    let mut first = cluster.classic(0, "1").await;
    let mut second = cluster.classic(1, "1").await;
    assert_eq!(first.next_text(PATIENCE).await, "在别处上线了，请在新的设备上查看消息！");
    assert_eq!(first.expect_close().await.code, Some(4500));
    let mut other = cluster.classic(0, "2").await;
    other.send_to_user(1, "still there?").await;
    assert!(second.expect_message().await.text.contains("still there?"));
}

#[tokio::test]
async fn signals_of_v1_clients_are_not_shown_and_nothing_older_than_the_login_is_pushed() {
    let cluster = Setup::of(2).start().await;
    let mut v1 = cluster.client(0, "2").await;
    let mut said_ms = 0;
    for text in ["a", "b"] {
        let id = v1.send_to_user("1", text).await;
        said_ms = v1.expect_answer(&id).await["time"].as_u64().unwrap();
    }
    poll::until("it is later on every node", PATIENCE, async || {
        Ambient::system().clock.unix_ms() > said_ms + CLOCKS_APART_MS
    })
    .await;
    let mut classic = cluster.classic(1, "1").await;
    v1.send_signal(&json!({"user": "1"}), &json!("typing")).await;
    let id = v1.send_to_user("1", "c").await;
    v1.expect_answer(&id).await;
    assert!(classic.expect_message().await.text.contains(r#""content":"c""#));
    classic.expect_silence(QUIET).await;
}
