//! Races of a node with its own upkeep: whatever is under way when a boot changes, a session ends or a call fails, is brought to its end.

use std::sync::Arc;
use std::time::Duration;

use node::Seams;
use ports::Store;
use ports::directory::Directory;
use serde_json::json;
use testkit::client::V1Client;
use testkit::poll;

use crate::cluster::{Cluster, PATIENCE, Setup};
use crate::faulty_directory::{Claims, FaultyDirectory};

/// Longer than any story.
const NEVER: Duration = Duration::from_secs(300);

/// One node that hardly ever looks around, and a second one, whose calls of the directory are under the control of the story.
async fn with_faults(change: impl Fn(&mut node::Config)) -> (Cluster, Arc<FaultyDirectory>) {
    let quiet = |config: &mut node::Config| {
        config.lease.ttl = NEVER;
        config.lease.renew = NEVER / 3;
        config.healing.sweep_every = NEVER;
    };
    let mut cluster = Setup::of(1).with(quiet).start().await;
    let directory = FaultyDirectory::over(&cluster.directory);
    let seams = Seams { directory: directory.clone(), ..cluster.seams() };
    let short = |config: &mut node::Config| {
        config.lease.ttl = Duration::from_secs(3);
        config.lease.renew = Duration::from_millis(200);
        change(config);
    };
    cluster.join_on(seams, short).await.unwrap();
    (cluster, directory)
}

/// The second node finds its lease gone.
async fn loses_its_lease(cluster: &Cluster) {
    let leases = cluster.directory.leases().await.unwrap().live;
    let lease = leases.into_iter().find(|lease| lease.boot.node.as_str() == "node-2").unwrap();
    cluster.directory.end_lease(&lease.boot).await.unwrap();
}

/// The nodes that are interested in a group, each by its living boot.
async fn interested(cluster: &Cluster, group: &str) -> Vec<String> {
    let live = cluster.directory.leases().await.unwrap().live;
    let group = group.parse().unwrap();
    let boots = cluster.directory.interested(std::slice::from_ref(&group)).await.unwrap().remove(0);
    let living = boots.into_iter().filter(|boot| live.iter().any(|lease| lease.boot == *boot));
    living.map(|boot| boot.node.to_string()).collect()
}

async fn until_interested(cluster: &Cluster, group: &str, nodes: &[&str]) {
    poll::until(&format!("{nodes:?} to be interested in {group}"), PATIENCE, async || {
        let interested = interested(cluster, group).await;
        if interested == nodes { Ok(()) } else { Err(interested.join(", ")) }
    })
    .await;
}

async fn make_group(cluster: &Cluster, group: &str, members: &[&str]) {
    let made = cluster.http(0).put(&format!("/api/v1/groups/{group}"), &json!({"members": members})).await;
    assert!(made.status < 300, "{made:?}");
}

#[tokio::test]
async fn interest_under_way_when_the_boot_changes_is_registered_under_the_new_one() {
    let (cluster, directory) = with_faults(|_| {}).await;
    make_group(&cluster, "g", &["1", "2"]).await;
    directory.hold_interest(true);
    let url = cluster.node(1).url("2");
    let mut two = V1Client::open(&url, |handshake| handshake).await.unwrap();
    loses_its_lease(&cluster).await;
    cluster.node(1).until_told("lease_lost", 1).await;
    poll::until("the new lease", PATIENCE, async || {
        cluster.directory.leases().await.unwrap().live.len() == 2
    })
    .await;
    directory.hold_interest(false);
    two.expect_type("welcome").await;
    cluster.node(1).until_told("bindings_restored", 1).await;
    until_interested(&cluster, "g", &["node-2"]).await;
}

#[tokio::test]
async fn interest_that_the_directory_did_not_take_is_registered_later_and_nothing_is_missed() {
    let (cluster, directory) = with_faults(|_| {}).await;
    let mut one = cluster.client(0, "1").await;
    let mut two = cluster.client(1, "2").await;
    directory.refuse_interest(true);
    make_group(&cluster, "g", &["1", "2"]).await;
    cluster.node(1).until_told("port_failed", 1).await;
    let id = one.send_to_group("g", "while nobody knew").await;
    one.expect_answer(&id).await;
    directory.refuse_interest(false);
    assert_eq!(two.expect_type("message").await["content"], "while nobody knew");
    until_interested(&cluster, "g", &["node-1", "node-2"]).await;
}

#[tokio::test]
async fn a_session_that_ends_while_it_is_swept_enters_no_group_any_more() {
    let (cluster, directory) = with_faults(|config| {
        config.healing.sweep_every = Duration::from_secs(3);
        config.lease.interest_linger = Duration::from_millis(100);
    })
    .await;
    let two = cluster.client(1, "2").await;
    directory.hold_interest(true);
    for group in ["a", "b"] {
        // Nobody is told: only the sweep finds it.
        cluster.kept().put_group(&group.parse().unwrap(), Some(&["2".parse().unwrap()])).await.unwrap();
    }
    poll::until("the sweep to find it", PATIENCE, async || directory.holds_interest()).await;
    two.close().await;
    poll::until("the session to end", PATIENCE, async || cluster.node(1).node.sessions() == 0).await;
    directory.hold_interest(false);
    until_interested(&cluster, "a", &["node-2"]).await;
    until_interested(&cluster, "a", &[]).await;
    until_interested(&cluster, "b", &[]).await;
}

#[tokio::test]
async fn a_claim_that_could_not_be_written_again_under_the_new_boot_is_released() {
    let (cluster, directory) = with_faults(|_| {}).await;
    directory.claims(Claims::Slow(Duration::from_millis(1_500)));
    directory.lose_restores(true);
    let url = cluster.node(1).url("2");
    let meanwhile = async {
        poll::until("the claim", PATIENCE, async || !cluster.bindings("2").await.is_empty()).await;
        loses_its_lease(&cluster).await;
    };
    let (login, ()) = tokio::join!(V1Client::open(&url, |handshake| handshake), meanwhile);
    let answer = login.expect_err("its binding was not confirmed");
    assert_eq!(answer.status, 503, "{answer:?}");
    poll::until("the place to be given up", PATIENCE, async || cluster.bindings("2").await.is_empty()).await;
}

#[tokio::test]
async fn nothing_is_written_under_a_boot_before_it_has_its_lease() {
    let (cluster, directory) = with_faults(|_| {}).await;
    let mut one = cluster.client(0, "1").await;
    directory.hold_leases(true);
    loses_its_lease(&cluster).await;
    cluster.node(1).until_told("lease_lost", 1).await;
    let mut two = cluster.client(1, "2").await;
    // The first node meets a binding of a boot without a lease, and takes that boot for dead from now on; it may have seen the lost lease a moment ago.
    poll::until("the first node to find nobody", PATIENCE, async || {
        let id = one.send_to_user("2", "a").await;
        one.expect_answer(&id).await;
        cluster.bindings("2").await.is_empty()
    })
    .await;
    directory.hold_leases(false);
    cluster.node(1).until_told("bindings_restored", 1).await;
    assert_eq!(two.expect_type("message").await["content"], "a");
    for text in ["b", "c"] {
        let id = one.send_to_user("2", text).await;
        one.expect_answer(&id).await;
        while two.expect_type("message").await["content"] != text {
            // One more "a".
        }
    }
}

#[tokio::test]
async fn what_is_kept_while_a_node_drains_is_posted_before_it_ends() {
    let (mut cluster, _directory) = with_faults(|_| {}).await;
    let mut one = cluster.client(0, "1").await;
    let mut two = cluster.client(1, "2").await;
    cluster.kept().slow_writes(Duration::from_millis(500));
    two.send_to_user("1", "the last word").await;
    poll::until("it to be kept", PATIENCE, async || {
        let one = ["1".parse().unwrap()];
        !cluster.kept().recent_heads(&one, 0).await.unwrap().remove(0).is_empty()
    })
    .await;
    cluster.drain(1).await;
    assert_eq!(one.expect_type("message").await["content"], "the last word");
    two.expect_bye(1001).await;
}

#[tokio::test]
async fn a_change_of_members_is_told_although_the_session_that_asked_for_it_was_ended_meanwhile() {
    let (cluster, _directory) = with_faults(|_| {}).await;
    make_group(&cluster, "g", &["1", "2"]).await;
    let mut two = cluster.client(1, "2").await;
    let mut one = cluster.client(0, "1").await;
    cluster.kept().slow_writes(Duration::from_millis(700));
    one.send_json(&json!({"type": "leave", "id": "l", "group": "g"})).await;
    poll::until("the change", PATIENCE, async || {
        cluster.kept().groups_of(&["1".parse().unwrap()]).await.unwrap() == [Vec::new()]
    })
    .await;
    let _newer = cluster.client(0, "1").await;
    one.expect_bye(4500).await;
    while two.expect_type("members").await["left"] != json!(["1"]) {
        // That the group was made may be told a moment later.
    }
}

#[tokio::test]
async fn what_is_said_after_a_login_is_never_taken_for_older_because_clocks_differ() {
    let mut cluster = Setup::of(1).start().await;
    cluster.join_ahead(Duration::from_secs(20)).await;
    let mut one = cluster.client(0, "1").await;
    let mut classic = cluster.classic(1, "2").await;
    let id = one.send_to_user("2", "to a classic client").await;
    one.expect_answer(&id).await;
    assert_eq!(classic.expect_message().await.content.as_deref(), Some("to a classic client"));
}
