//! What it looks like when a rule is broken by order: the judge's trust in itself rests on these nodes being wrong.

use node::fault::Point;
use node::sabotage::Sabotage;
use serde_json::json;

use crate::stage::{Stage, next, runtime, settle};

/// What becomes of user 1, who logs in on node 1 and then on node `then`: bindings left, and what the second session is sent next.
async fn logged_in_twice(then: usize, sabotage: Option<Sabotage>) -> (usize, Option<String>) {
    let stage = Stage::new(3);
    let mut nodes = Vec::new();
    for number in 1..=2 {
        let node = stage.node_with(number, |launch| match sabotage {
            Some(sabotage) => launch.sabotaged(sabotage),
            None => launch,
        });
        nodes.push(node.await);
    }
    let mut first = nodes[0].client("1").await;
    let second = nodes[then].knock("1").await;
    settle().await;
    first.expect_bye(4500).await;
    drop(first);
    settle().await;
    let mut second = second.expect("a 101");
    while let Some(frame) = next(&mut second).await {
        if frame["type"] == "bye" {
            return (stage.bindings("1").await.len(), Some(frame["code"].to_string()));
        }
    }
    (stage.bindings("1").await.len(), None)
}

#[test]
fn a_release_without_a_session_takes_the_binding_of_the_next_one() {
    let run = |sabotage| runtime().block_on(logged_in_twice(1, sabotage));
    assert_eq!(run(None), (1, None));
    assert_eq!(run(Some(Sabotage::ReleaseWithoutSession)), (0, None));
}

#[test]
fn an_eviction_by_user_ends_the_session_that_it_was_for() {
    let run = |sabotage| runtime().block_on(logged_in_twice(0, sabotage));
    assert_eq!(run(None), (1, None));
    assert_eq!(run(Some(Sabotage::EvictByUser)).1.as_deref(), Some("4500"));
}

#[test]
fn a_receipt_before_the_commit_is_for_nothing() {
    let run = |sabotage: Option<Sabotage>| {
        runtime().block_on(async {
            let stage = Stage::new(3);
            let node = stage.node_with(1, |launch| {
                let launch = launch.striking(|point| point == Point::BeforeAppend);
                match sabotage {
                    Some(sabotage) => launch.sabotaged(sabotage),
                    None => launch,
                }
            });
            let node = node.await;
            let mut one = node.client("1").await;
            one.send_as("x", &json!({"user": "2"}), &json!("hi")).await;
            let receipt = next(&mut one).await;
            (receipt.is_some_and(|frame| frame["type"] == "receipt"), stage.head("d:1:2").await)
        })
    };
    assert_eq!(run(None), (false, 0));
    assert_eq!(run(Some(Sabotage::ReceiptBeforeCommit)), (true, 0));
}
