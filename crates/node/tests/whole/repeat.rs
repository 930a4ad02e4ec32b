//! The same seed gives the same run: what happens on the nodes, and every frame that a client is sent, all in one order.

use std::time::Duration;

use serde_json::json;
use testkit::client::{Ended, V1Client};
use tokio::task::JoinSet;

use crate::stage::{Notes, SILENCE, Stage, runtime};

/// A busy minute on three nodes, one of which crashes: everything that can be seen of it.
fn minute(seed: u64) -> Vec<String> {
    runtime().block_on(async {
        let stage = Stage::new(seed);
        let mut nodes = vec![stage.node(1).await, stage.node(2).await, stage.node(3).await];
        let mut people = JoinSet::new();
        for user in 0..30usize {
            let client = nodes[user % 3].client(&user.to_string()).await;
            people.spawn(talk(user, client, stage.notes.clone()));
        }
        tokio::time::sleep(SILENCE * 5 / 2).await;
        nodes.remove(1).crash();
        tokio::time::sleep(Duration::from_secs(60)).await;
        people.join_all().await;
        stage.notes.all()
    })
}

/// Everybody talks at once, so that it is the nodes that decide who comes first.
async fn talk(user: usize, mut client: V1Client, notes: Notes) {
    let group = format!("g{}", user % 4);
    client.send_json(&json!({"type": "join", "id": "j", "group": group})).await;
    for round in 0..4 {
        loop {
            match client.try_next(SILENCE).await {
                Ok(frame) => notes.add(format!("{user} is sent {frame}")),
                Err(Ended::TimedOut) => break,
                Err(ended) => return notes.add(format!("{user} is cut off: {ended}")),
            }
        }
        client.send_as(&format!("{round}-g"), &json!({"group": group}), &json!(round)).await;
        let other = ((user * 7 + round) % 30).to_string();
        client.send_as(&format!("{round}-u"), &json!({"user": other}), &json!(round)).await;
        client.send_signal(&json!({"group": "everyone"}), &json!(round)).await;
    }
}

#[test]
fn a_run_is_the_same_again_with_the_same_seed_and_another_with_another() {
    let (once, again, other) = (minute(1), minute(1), minute(2));
    let differs = once.iter().zip(&again).position(|(one, other)| one != other);
    let around = |run: &[String]| differs.map(|at| run[at.saturating_sub(3)..=at].join("\n"));
    assert_eq!(around(&once), around(&again));
    assert_eq!(once.len(), again.len());
    assert_ne!(once, other);
    let has = |what: &str| once.iter().any(|line| line.contains(what));
    assert!(once.len() > 1_000 && has("boot_vanished") && has("is cut off"), "{} lines", once.len());
}
