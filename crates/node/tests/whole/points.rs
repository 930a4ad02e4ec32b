//! The named points: each is passed on the way that it is named after, and a node that is struck there comes no further.

use std::sync::{Arc, Mutex};

use node::fault::Point;
use serde_json::json;
use testkit::client::V1Client;

use crate::stage::{Running, Stage, next, runtime, settle};

/// What could be seen of a login of user 1 on node 1, a message to user 2 on node 2, and a logout.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Seen {
    welcomed: bool,
    receipted: bool,
    kept: bool,
    arrived: bool,
    binding_left: bool,
    over: bool,
}

async fn story(stage: &Stage, node: &Running, two: &mut V1Client) -> Seen {
    let mut seen = Seen::default();
    if let Some(mut one) = node.knock("1").await {
        seen.welcomed = next(&mut one).await.is_some_and(|frame| frame["type"] == "welcome");
        one.send_as("x", &json!({"user": "2"}), &json!("hi")).await;
        seen.receipted = next(&mut one).await.is_some_and(|frame| frame["type"] == "receipt");
        one.vanish();
    }
    settle().await;
    seen.kept = stage.head("d:1:2").await == 1;
    seen.arrived = next(two).await.is_some_and(|frame| frame["type"] == "message");
    seen.binding_left = !stage.bindings("1").await.is_empty();
    seen.over = node.life.is_over();
    seen
}

/// Tells the story with node 1 struck at a point.
fn struck(point: Point) -> Seen {
    runtime().block_on(async {
        let stage = Stage::new(7);
        let there = stage.node(2).await;
        let mut two = there.client("2").await;
        let node = stage.node_with(1, |launch| launch.striking(move |passed| passed == point)).await;
        story(&stage, &node, &mut two).await
    })
}

#[test]
fn a_login_a_message_and_a_logout_pass_all_points_in_their_order() {
    runtime().block_on(async {
        let stage = Stage::new(7);
        let there = stage.node(2).await;
        let mut two = there.client("2").await;
        let passed: Arc<Mutex<Vec<Point>>> = Arc::default();
        let passes = passed.clone();
        let strikes = move |point| {
            passes.lock().unwrap().push(point);
            false
        };
        let node = stage.node_with(1, |launch| launch.striking(strikes)).await;
        let seen = story(&stage, &node, &mut two).await;
        let all = Seen { binding_left: false, over: false, ..ALL };
        assert_eq!(seen, all);
        assert_eq!(*passed.lock().unwrap(), Point::ALL);
    });
}

/// Everything.
const ALL: Seen =
    Seen { welcomed: true, receipted: true, kept: true, arrived: true, binding_left: true, over: true };

#[test]
fn who_is_struck_comes_exactly_so_far() {
    let claimed = Seen { binding_left: true, over: true, ..Seen::default() };
    assert_eq!(struck(Point::AfterClaim), claimed);
    let decided = Seen { welcomed: true, ..claimed };
    assert_eq!(struck(Point::BeforeAppend), decided);
    let kept = Seen { kept: true, ..decided };
    assert_eq!(struck(Point::AfterAppend), kept);
    let receipted = Seen { receipted: true, ..kept };
    assert_eq!(struck(Point::AfterReceipt), receipted);
    assert_eq!(struck(Point::AfterLocate), receipted);
    let posted = Seen { arrived: true, ..receipted };
    assert_eq!(struck(Point::AfterPost), posted);
    assert_eq!(struck(Point::BeforeRelease), ALL);
}

#[test]
fn one_node_that_is_struck_does_not_touch_another() {
    runtime().block_on(async {
        let stage = Stage::new(7);
        let struck = stage.node_with(1, |launch| launch.striking(|point| point == Point::AfterClaim)).await;
        let whole = stage.node_with(2, |launch| launch.striking(|_| false)).await;
        assert!(struck.knock("1").await.is_none());
        assert!(struck.life.is_over());
        whole.client("1").await;
        assert!(!whole.life.is_over());
    });
}
