//! What a Nacos, or a neighbour, does to us.

use std::slice;
use std::time::Duration;

use adapters::registry::NacosRegistry;
use ports::Retry;
use ports::registry::{Instance, METADATA_NONCE, Registry};
use testkit::poll;
use testkit::process::Program;
use testkit::servers::Nacos;
use tokio::time::{Instant, sleep};

use super::bed::{NacosBed, PATIENCE, instance, options, seen};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_registration_that_nacos_lost_is_made_again() {
    let bed = NacosBed::start().await;
    let registry = NacosRegistry::new(options(&bed.nacos));
    let node = instance("lost", 9_411);
    let announcement = registry.announce(node.clone());
    let watched = registry.watch("lost");
    seen(&watched, "the instance", slice::from_ref(&node)).await;
    let listed = async || {
        let answer = bed.http().get("/nacos/v1/ns/instance/list?serviceName=lost").await;
        answer.json()["hosts"].as_array().map_or(0, Vec::len)
    };
    bed.ask("DELETE", &node, "").await;
    assert_eq!(listed().await, 0, "Nacos has lost it");
    poll::until("Nacos has it again", PATIENCE, async || {
        let count = listed().await;
        if count == 1 { Ok(()) } else { Err(count) }
    })
    .await;
    seen(&watched, "the instance again", &[node]).await;
    announcement.withdraw().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_nacos_that_hangs_holds_up_nobody_and_hears_everything_later() {
    let nacos = Nacos::start().await;
    let registry = NacosRegistry::new(options(&nacos));
    let before = instance("hung", 9_412);
    let announced_before = registry.announce(before.clone());
    let watched = registry.watch("hung");
    seen(&watched, "the instance", slice::from_ref(&before)).await;
    nacos.pause();
    let late = NacosRegistry::new(options(&nacos));
    let meanwhile = instance("hung", 9_413);
    let announced_meanwhile = late.announce(meanwhile.clone());
    let started = Instant::now();
    let error = announced_before.drain().await.unwrap_err();
    assert!(matches!(error.retry, Retry::After(_)), "{}", error.chain());
    assert!(late.check().await.is_err());
    assert!(started.elapsed() < Duration::from_secs(12), "{:?}", started.elapsed());
    poll::until("the outage is told", PATIENCE, async || !registry.state().up).await;
    assert!(!announced_meanwhile.is_announced());
    nacos.resume();
    let drained = Instance { weight: 0.0, ..before };
    seen(&watched, "both instances", &[drained, meanwhile]).await;
    poll::until("the end of the outage is told", PATIENCE, async || registry.state().up && late.state().up)
        .await;
    poll::until("is_announced", PATIENCE, async || announced_meanwhile.is_announced()).await;
    announced_before.withdraw().await.unwrap();
    announced_meanwhile.withdraw().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_nacos_lists_twice_is_not_fought_over() {
    let nacos = Nacos::start().await;
    let (first, second) = (NacosRegistry::new(options(&nacos)), NacosRegistry::new(options(&nacos)));
    let earlier = instance("fight", 9_414);
    let announced_first = first.announce(earlier.clone());
    let watched = second.watch("fight");
    seen(&watched, "the earlier boot", &[earlier]).await;
    let later = instance("fight", 9_414);
    let announced_second = second.announce(later.clone());
    seen(&watched, "the later boot", slice::from_ref(&later)).await;
    // Ten looks of either self-check: whoever wrote its entry again would be seen.
    let mut changes = watched.clone();
    changes.borrow_and_update();
    sleep(Duration::from_secs(5)).await;
    assert!(!changes.has_changed().unwrap(), "{:?}", changes.borrow());
    announced_first.withdraw().await.unwrap();
    announced_second.withdraw().await.unwrap();
}

/// The environment variable that makes [`announcer_process`] one.
const ANNOUNCE_AT: &str = "TRUNKLINE_TEST_ANNOUNCE_AT";

/// Not a test of anything by itself: the program that [`a_killed_node_vanishes_within_seconds`] kills.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[expect(
    clippy::disallowed_methods,
    reason = "it is how the test that starts this program as a node of its own tells it so"
)]
async fn announcer_process() {
    let Ok(server) = std::env::var(ANNOUNCE_AT) else { return };
    let registry = NacosRegistry::new(adapters::registry::NacosOptions::new([server]));
    let mut node = instance("killed", 9_415);
    node.metadata.remove(METADATA_NONCE);
    let announcement = registry.announce(node);
    poll::until("is_announced", PATIENCE, async || announcement.is_announced()).await;
    println!("ANNOUNCED");
    std::future::pending::<()>().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_node_vanishes_within_seconds() {
    let nacos = Nacos::start().await;
    let node = Program::new(std::env::current_exe().unwrap())
        .args(["--exact", "registry::faults::announcer_process", "--nocapture"])
        .env(ANNOUNCE_AT, nacos.address().to_string())
        .start();
    node.wait_for_line("ANNOUNCED", PATIENCE).await;
    let registry = NacosRegistry::new(options(&nacos));
    let watched = registry.watch("killed");
    poll::until("the node is seen", PATIENCE, async || {
        watched.borrow().as_deref().is_some_and(|list| list.len() == 1)
    })
    .await;
    node.kill_9().await;
    let killed = Instant::now();
    seen(&watched, "an empty list", &[]).await;
    assert!(killed.elapsed() < Duration::from_secs(10), "{:?}", killed.elapsed());
}

/// Long enough that the client library by itself would not connect again for another 14 s.
const LONG_OUTAGE: Duration = Duration::from_secs(16);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_long_outage_nodes_are_back_within_seconds() {
    let nacos = Nacos::start().await;
    let registry = NacosRegistry::new(options(&nacos));
    let node = instance("long", 9_416);
    let announcement = registry.announce(node.clone());
    let watched = registry.watch("long");
    seen(&watched, "the instance", slice::from_ref(&node)).await;
    nacos.stop().await;
    sleep(LONG_OUTAGE).await;
    nacos.restart().await;
    let returned = Instant::now();
    let fresh = NacosRegistry::new(options(&nacos));
    seen(&fresh.watch("long"), "the instance by somebody new", slice::from_ref(&node)).await;
    poll::until("the end of the outage is told", PATIENCE, async || registry.state().up).await;
    assert!(returned.elapsed() < Duration::from_secs(8), "{:?}", returned.elapsed());
    announcement.withdraw().await.unwrap();
}
