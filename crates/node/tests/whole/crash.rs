//! A crash takes everything along: sockets, tasks, memory. What it leaves is what a killed process leaves.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;

use crate::stage::{Stage, next, runtime, settle};

#[test]
fn a_crashed_node_says_nothing_to_anybody_and_leaves_its_binding() {
    runtime().block_on(async {
        let stage = Stage::new(1);
        let (one, other) = (stage.node(1).await, stage.node(2).await);
        let mut client = one.client("1").await;
        let dialer = one.dialer.clone();
        one.crash();
        settle().await;
        assert!(next(&mut client).await.is_none() && client.closed().is_none(), "no Close, an end");
        assert!(dialer.connect("10.0.1.1:1".parse().unwrap()).is_err(), "nobody listens");
        assert_eq!(stage.bindings("1").await.len(), 1);
        tokio::time::sleep(Duration::from_secs(60)).await;
        assert!(stage.notes.all().iter().any(|line| line.contains("boot_vanished")), "the other one notices");
        assert!(stage.bindings("1").await.is_empty(), "and clears away");
        let after = stage.notes.all().into_iter().filter(|line| line.contains("node-1 session_closed"));
        assert_eq!(after.count(), 0);
        drop(other);
    });
}

#[test]
fn wherever_it_strikes_nothing_is_written_afterwards_and_all_memory_is_given_back() {
    for polls in 0..40 {
        runtime().block_on(async {
            let stage = Stage::new(polls);
            let node = stage.node(1).await;
            let (mut one, two) = (node.client("1").await, node.client("2").await);
            settle().await;
            for id in ["a", "b"] {
                one.send_as(id, &json!({"user": "2"}), &json!("hi")).await;
            }
            drop(two);
            let late = node.dialer.connect("10.0.1.1:1".parse().unwrap());
            for _ in 0..polls {
                tokio::task::yield_now().await;
            }
            node.crash();
            let (head, told, two) = (stage.head("d:1:2").await, stage.notes.all(), stage.bindings("2").await);
            settle().await;
            assert_eq!(Arc::strong_count(&stage.store), 1, "after {polls} polls");
            assert_eq!(Arc::strong_count(&stage.directory), 1, "after {polls} polls");
            tokio::time::sleep(Duration::from_secs(60)).await;
            assert_eq!(stage.head("d:1:2").await, head);
            assert_eq!(stage.notes.all(), told);
            assert_eq!(stage.bindings("2").await, two);
            drop((one, late));
        });
    }
}

#[test]
fn a_successor_takes_the_name_and_who_comes_back_resumes() {
    runtime().block_on(async {
        let stage = Stage::new(2);
        let node = stage.node(1).await;
        let mut one = node.client("1").await;
        let id = one.send_to_user("2", json!("kept")).await;
        assert_eq!(one.expect_answer(&id).await["type"], "receipt");
        node.crash();
        let node = stage.node(1).await;
        let two = node.client("2").await;
        assert_eq!(two.welcome["unread"][0]["unread"], 1, "{}", two.welcome);
    });
}
