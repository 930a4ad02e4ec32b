//! `trunkline up` with nothing but its own file, killed in mid-traffic again and again.
//!
//! A receipt means that the message is there whatever happens to the process: in its place, in order, with no hole before it.

use serde_json::json;
use testkit::client::V1Client;
use testkit::cluster::Up;
use tokio::time::Instant;

use crate::deployment::TRUNKLINE;
use crate::traffic::{HEALED, READER, Traffic};

/// Each at another moment of the traffic.
const KILLS: usize = 5;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_up_has_receipted_is_there_after_kill_9_in_order_and_without_holes() {
    // No limit stands in the way of the traffic.
    let settings = ["--set", "limits.sends_per_second=0", "--set", "limits.behind_after=0"];
    let up = Up::start_with(TRUNKLINE, &settings).await;
    let made = up.api().put("/api/v1/groups/team", &json!({ "members": ["1", "2", "3", "9"] })).await;
    assert!(made.status < 300, "{made:?}");
    let mut traffic = Traffic::start(&up);
    for _ in 0..KILLS {
        traffic.flows().await;
        let killed = Instant::now();
        up.kill_9().await;
        up.restart().await;
        traffic.heals("kill -9: the reader is up to date", killed, HEALED).await;
    }
    let (ledger, shown) = traffic.stop().await;
    ledger.settle(&mut V1Client::connect(&up.url(READER, "judge")).await, &shown).await;
    up.stop().await;
}
