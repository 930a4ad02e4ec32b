//! The same seed gives the same run: what happens on the nodes, when, and every frame that a client is sent.

use std::time::Duration;

use serde_json::json;

use crate::stage::{Stage, next, runtime, settle};

/// A busy minute on three nodes, one of which crashes: everything that can be seen of it.
fn minute(seed: u64) -> Vec<String> {
    runtime().block_on(async {
        let stage = Stage::new(seed);
        let mut nodes = vec![stage.node(1).await, stage.node(2).await, stage.node(3).await];
        let mut clients = Vec::new();
        for user in 0..30usize {
            clients.push(nodes[user % 3].client(&user.to_string()).await);
        }
        for (user, client) in clients.iter_mut().enumerate() {
            let group = format!("g{}", user % 4);
            client.send_json(&json!({"type": "join", "id": "j", "group": group})).await;
        }
        settle().await;
        // All at once, so that it is the nodes that decide who comes first.
        for round in 0..3 {
            for (user, client) in clients.iter_mut().enumerate() {
                let group = json!({"group": format!("g{}", user % 4)});
                client.send_as(&format!("{round}-g"), &group, &json!(round)).await;
                let other = json!({"user": ((user * 7 + round) % 30).to_string()});
                client.send_as(&format!("{round}-u"), &other, &json!(round)).await;
                let everyone = json!({"group": "everyone"});
                client.send_signal(&everyone, &json!(round)).await;
            }
            settle().await;
        }
        nodes.remove(1).crash();
        tokio::time::sleep(Duration::from_secs(60)).await;
        let mut seen = stage.told();
        for (user, client) in clients.iter_mut().enumerate() {
            while let Some(frame) = next(client).await {
                seen.push(format!("{user} is sent {frame}"));
            }
        }
        seen
    })
}

#[test]
fn a_run_is_the_same_again_with_the_same_seed_and_another_with_another() {
    let (once, again, other) = (minute(1), minute(1), minute(2));
    let differs = once.iter().zip(&again).position(|(one, other)| one != other);
    let around = |run: &[String]| differs.map(|at| run[at.saturating_sub(3)..=at].join("\n"));
    assert_eq!(around(&once), around(&again));
    assert_eq!(once.len(), again.len());
    assert_ne!(once, other);
    assert!(once.len() > 1_000 && once.iter().any(|line| line.contains("boot_vanished")));
}
