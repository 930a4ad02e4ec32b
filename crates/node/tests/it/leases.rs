//! Leases: lost, taken over, contested, gone with their node; and a directory that is away. Sessions outlive all of it that they can outlive.

use std::sync::Arc;
use std::time::Duration;

use node::heartbeat::Ousted;
use node::{Seams, StartError};
use ports::directory::{Directory, Lease};
use ports::memory::store::MemoryStore;
use ports::{Ambient, Store};
use serde_json::json;
use testkit::client::V1Client;
use testkit::poll;
use tokio::time::Instant;
use wire::id::Boot;
use wire::policy::DevicePolicy;

use crate::cluster::{Cluster, PATIENCE, Setup};
use crate::faulty_directory::FaultyDirectory;

/// Nothing that was under way on loopback takes longer.
const QUIET: Duration = Duration::from_millis(200);
/// Longer than any story: what still happens did not wait for a lease to run out.
const LONG_LEASE: Duration = Duration::from_secs(300);
/// Short enough that a story may wait for its end.
const SHORT_LEASE: Duration = Duration::from_secs(1);

/// Nothing but what the story is about heals anything.
fn nothing_else_heals(config: &mut node::Config) {
    config.healing.sweep_every = Duration::ZERO;
    config.healing.outage_tolerated = LONG_LEASE;
}

fn short_leases(config: &mut node::Config) {
    config.lease.ttl = SHORT_LEASE;
    config.lease.renew = SHORT_LEASE / 4;
}

/// Puts a lease beside those of the cluster's nodes that agrees with them but for `change`; nobody renews it.
async fn write_lease(cluster: &Cluster, name: &str, change: impl FnOnce(&mut Lease)) {
    let mut lease = cluster.directory.leases().await.unwrap().live.remove(0);
    lease.boot = Boot { node: name.parse().unwrap(), nonce: Ambient::system().nonce() };
    lease.address = "127.0.0.1:1".to_owned();
    change(&mut lease);
    cluster.directory.take_lease(&lease, LONG_LEASE).await.unwrap();
}

async fn is_refused(cluster: &Cluster, idx: usize, user: &str) {
    let url = cluster.node(idx).url(user);
    let answer = V1Client::open(&url, |handshake| handshake).await.expect_err("nobody gets in");
    assert_eq!(answer.status, 503, "{answer:?}");
}

#[tokio::test]
async fn after_the_directory_was_wiped_every_node_is_another_boot_and_everybody_is_reachable_as_before() {
    let cluster = Setup::of(2).start().await;
    cluster.http(0).put("/api/v1/groups/g", &json!({"members": ["1", "2"]})).await;
    let mut one = cluster.client(0, "1?device=a").await;
    let mut phone = cluster.client(1, "1?device=b").await;
    let mut two = cluster.client(1, "2").await;
    let before = [cluster.bindings("1").await, cluster.bindings("2").await].concat();

    cluster.directory.wipe();
    for idx in 0..2 {
        cluster.node(idx).until_told("bindings_restored", 1).await;
        assert_eq!(cluster.node(idx).count("lease_lost"), 1);
    }
    let after = [cluster.bindings("1").await, cluster.bindings("2").await].concat();
    assert_eq!(before.len(), 3);
    for (before, after) in before.iter().zip(&after) {
        assert_ne!(before.boot.nonce, after.boot.nonce);
        let boot = before.boot.clone();
        assert_eq!(*before, ports::directory::Binding { boot, ..after.clone() }, "all else is as it was");
    }
    let id = one.send_to_user("2", "direct").await;
    one.expect_answer(&id).await;
    assert_eq!(two.expect_type("message").await["content"], "direct");
    assert_eq!(phone.expect_type("message").await["content"], "direct");
    two.send_to_group("g", "group").await;
    for member in [&mut one, &mut phone] {
        assert_eq!(member.expect_type("message").await["content"], "group");
        member.expect_silence(QUIET).await;
    }
}

#[tokio::test]
async fn of_two_sessions_that_write_their_bindings_again_after_a_wipe_the_newer_login_wins() {
    let mut cluster = Setup::of(1).start().await;
    let directory = FaultyDirectory::over(&cluster.directory);
    let seams = Seams { directory: directory.clone(), ..cluster.seams() };
    cluster.join_on(seams, |_| {}).await.unwrap();
    let mut older = cluster.client(1, "1").await;
    directory.cut();
    // The claim displaces it, and nobody can tell it: what the directory knew of that is wiped.
    cluster.bus.cut();
    let mut newer = cluster.client(0, "1").await;
    older.ping().await;
    cluster.directory.wipe();
    cluster.node(0).until_told("bindings_restored", 1).await;
    directory.mend();
    older.expect_bye(4500).await;
    cluster.bus.mend();
    let mut teller = cluster.client(0, "teller").await;
    teller.send_to_user("1", "hi").await;
    assert_eq!(newer.expect_type("message").await["content"], "hi");
    let bound = cluster.bindings("1").await;
    assert_eq!(bound.len(), 1);
    assert_eq!(json!(bound[0].session), newer.welcome["session"]);
}

#[tokio::test]
async fn a_binding_that_the_directory_alone_has_lost_is_written_again() {
    let setup = Setup::of(1).with(|config| {
        nothing_else_heals(config);
        config.lease.renew = Duration::from_millis(100);
        config.lease.verify_every = Duration::from_secs(1);
    });
    let cluster = setup.start().await;
    let mut one = cluster.client(0, "1").await;
    let lost = cluster.bindings("1").await.remove(0);
    cluster.directory.release(&lost.user, &lost.slot, lost.session).await.unwrap();
    poll::until("it is there again", PATIENCE, async || cluster.bindings("1").await == [lost.clone()]).await;
    one.ping().await;
}

#[tokio::test]
async fn a_process_with_the_address_of_the_name_is_its_successor_and_takes_over_at_once() {
    let mut cluster = Setup::of(2).with(|config| config.lease.ttl = LONG_LEASE).start().await;
    let mut one = cluster.client(0, "1").await;
    let listen = cluster.node(1).node.ws_address();
    drop(cluster.client(1, "2").await);
    cluster.crash(1);
    let began = Instant::now();
    let joined = poll::until("the port is free again", PATIENCE, async || {
        let name = |config: &mut node::Config| {
            config.name = "node-2".parse().unwrap();
            config.listen = listen;
        };
        cluster.join(name).await.map(|_| ()).map_err(|error| error.to_string())
    });
    joined.await;
    assert!(began.elapsed() < LONG_LEASE / 10, "it waited for the lease");
    let mut two = cluster.client(2, "2").await;
    assert_eq!(two.welcome["node"], "node-2");
    one.send_to_user("2", "welcome back").await;
    assert_eq!(two.expect_type("message").await["content"], "welcome back");
}

#[tokio::test]
async fn a_node_that_comes_back_on_another_port_waits_for_its_old_lease_and_is_there() {
    let mut cluster = Setup::of(2).with(short_leases).start().await;
    let mut one = cluster.client(0, "1").await;
    drop(cluster.client(1, "2").await);
    cluster.crash(1);
    cluster.restart(1).await;
    let mut two = cluster.client(1, "2").await;
    one.send_to_user("2", "welcome back").await;
    assert_eq!(two.expect_type("message").await["content"], "welcome back");
    assert_eq!(cluster.bindings("2").await.len(), 1);
}

#[tokio::test]
async fn a_second_process_under_a_name_gives_up_after_two_leases_and_harms_nobody() {
    let mut cluster = Setup::of(2).with(short_leases).start().await;
    let mut one = cluster.client(0, "1").await;
    let mut two = cluster.client(1, "2").await;
    let holder = cluster.node(0).node.ws_address();
    let began = Instant::now();
    let refused = cluster.join(|config| config.name = "node-1".parse().unwrap()).await;
    let refused = refused.expect_err("the name is held");
    assert!(matches!(refused, StartError::Ousted(Ousted::NameHeld { .. })), "{refused:?}");
    assert_eq!(refused.to_string(), format!("node-1 is {holder}; set node.name"));
    assert!(
        began.elapsed() >= SHORT_LEASE * 2,
        "a predecessor may only just have died: {:?}",
        began.elapsed()
    );

    two.send_signal(&json!({"user": "1"}), &json!("still here?")).await;
    assert_eq!(one.expect_type("signal").await["content"], "still here?", "its inbox is its own");
    assert_eq!(cluster.node(0).count("lease_lost"), 0);
}

#[tokio::test]
async fn a_process_that_comes_back_and_finds_its_name_taken_closes_its_sessions_with_4004() {
    let mut cluster = Setup::of(1).with(short_leases).start().await;
    let directory = FaultyDirectory::over(&cluster.directory);
    let seams = Seams { directory: directory.clone(), ..cluster.seams() };
    cluster.join_on(seams, |_| {}).await.unwrap();
    let mut two = cluster.client(1, "2").await;
    directory.cut();
    let successor = cluster.join(|config| config.name = "node-2".parse().unwrap()).await.unwrap();
    let address = successor.node.ws_address().to_string();
    directory.mend();
    two.expect_bye(4004).await;
    let ousted = cluster.node(1).node.ousted().await;
    assert_eq!(ousted, Ousted::NameHeld { name: "node-2".parse().unwrap(), address });
    assert_eq!(cluster.node(1).count("name_taken"), 1);
    let mut again = cluster.client(2, "2").await;
    let mut one = cluster.client(0, "1").await;
    one.send_to_user("2", "hi").await;
    assert_eq!(again.expect_type("message").await["content"], "hi");
}

#[tokio::test]
async fn a_node_that_disagrees_does_not_start_and_says_in_what() {
    let mut cluster = Setup::of(1).start().await;
    let refused = cluster.join(|config| config.devices = DevicePolicy::Many).await.expect_err("it differs");
    let text = refused.to_string();
    assert!(text.contains("node-1 ") && text.contains("ws.devices is many here, per_device there"), "{text}");

    let seams = Seams { store: None, ..cluster.seams() };
    let refused = cluster.join_on(seams, |_| {}).await.expect_err("it differs");
    assert!(refused.to_string().contains("store is none here, a store there"), "{refused}");

    let other: Arc<dyn Store> = Arc::new(MemoryStore::new(&Ambient::system()));
    let (ours, theirs) = (other.epoch(), cluster.store.as_ref().unwrap().epoch());
    let seams = Seams { store: Some(other), ..cluster.seams() };
    let refused = cluster.join_on(seams, |_| {}).await.expect_err("it differs").to_string();
    assert!(refused.contains(&format!("epoch {ours} here, {theirs} there")), "{refused}");

    let live = cluster.directory.leases().await.unwrap().live;
    assert_eq!(live.len(), 1, "none of them left a lease");
    assert_eq!(cluster.node(0).count("fingerprint_differs"), 0);
}

#[tokio::test]
async fn a_node_that_serves_only_counts_one_that_disagrees() {
    let cluster = Setup::of(1).start().await;
    let mut one = cluster.client(0, "1").await;
    write_lease(&cluster, "node-9", |lease| lease.fingerprint.devices = "many".to_owned()).await;
    cluster.node(0).until_told("fingerprint_differs", 1).await;
    let told = cluster.node(0).told();
    let (_, text) = told.iter().find(|(name, _)| name == "fingerprint_differs").unwrap();
    assert!(text.contains("node-9") && text.contains("ws.devices"), "{text}");
    one.ping().await;
    cluster.client(0, "2").await.close().await;
}

#[tokio::test]
async fn while_the_directory_is_away_nobody_new_comes_in_and_those_who_are_there_go_on() {
    let cluster = Setup::of(2).with(nothing_else_heals).start().await;
    let mut one = cluster.client(0, "1").await;
    let mut here = cluster.client(0, "2").await;
    let mut there = cluster.client(1, "3").await;
    cluster.directory.cut();
    is_refused(&cluster, 0, "4").await;
    assert_eq!(cluster.node(0).probe().get("/readyz").await.status, 503);

    let id = one.send_to_user("2", "to here").await;
    assert_eq!(one.expect_answer(&id).await["type"], "receipt");
    assert_eq!(here.expect_type("message").await["content"], "to here");
    let id = one.send_to_user("3", "to there").await;
    assert_eq!(one.expect_answer(&id).await["type"], "receipt");
    cluster.node(0).until_told("head_remembered", 2).await;
    there.expect_silence(QUIET).await;

    cluster.directory.mend();
    let message = there.expect_type("message").await;
    assert_eq!((&message["content"], &message["seq"]), (&json!("to there"), &json!(1)));
    here.expect_silence(QUIET).await;
    cluster.client(0, "4").await.close().await;
    assert_eq!(cluster.node(0).probe().get("/readyz").await.status, 200);
}

#[tokio::test]
async fn with_nothing_kept_a_send_to_another_node_is_unavailable_while_the_directory_is_away() {
    let cluster = Setup::of(2).keeping_nothing().start().await;
    let mut one = cluster.client(0, "1").await;
    let _there = cluster.client(1, "2").await;
    cluster.directory.cut();
    let id = one.send_to_user("2", "hi").await;
    let answer = one.expect_answer(&id).await;
    assert_eq!((&answer["type"], &answer["code"]), (&json!("error"), &json!("unavailable")));
    assert!(answer["retry_ms"].is_u64(), "{answer}");
}

#[tokio::test]
async fn sessions_outlive_the_directory_by_the_grace_and_are_then_closed_with_4004() {
    let setup = Setup::of(1).with(|config| {
        short_leases(config);
        config.lease.outage_grace = Duration::from_secs(2);
    });
    let cluster = setup.start().await;
    let mut one = cluster.client(0, "1").await;
    let began = Instant::now();
    cluster.directory.cut();
    let bye = one.expect_bye(4004).await;
    assert_eq!(bye["reconnect"], true);
    assert!(began.elapsed() >= Duration::from_secs(2), "{:?}", began.elapsed());
    cluster.directory.mend();
    poll::until("somebody gets in", PATIENCE, async || {
        let opened = V1Client::open(&cluster.node(0).url("1"), |handshake| handshake).await;
        opened.map(drop).map_err(|answer| answer.status)
    })
    .await;
}

#[tokio::test]
async fn an_outage_shorter_than_the_grace_costs_no_session() {
    let setup = Setup::of(1).with(|config| {
        short_leases(config);
        config.lease.outage_grace = Duration::from_secs(60);
    });
    let cluster = setup.start().await;
    let mut one = cluster.client(0, "1").await;
    cluster.directory.cut();
    // Longer than the lease: it is lost, and taken again.
    cluster.node(0).until_told("port_failed", 8).await;
    cluster.directory.mend();
    cluster.node(0).until_told("bindings_restored", 1).await;
    one.ping().await;
    assert_eq!(cluster.bindings("1").await.len(), 1);
}

#[tokio::test]
async fn what_a_crashed_node_left_is_removed_by_the_reaper() {
    let mut cluster = Setup::of(2).with(short_leases).start().await;
    let two = cluster.client(1, "2").await;
    cluster.crash(1);
    cluster.node(0).until_told("boot_reaped", 1).await;
    assert_eq!(cluster.bindings("2").await, []);
    let told = cluster.node(0).told();
    let (_, text) = told.iter().find(|(name, _)| name == "boot_reaped").unwrap();
    assert!(text.contains("node-2/") && text.contains("1 users are offline"), "{text}");
    drop(two);
}

#[tokio::test]
async fn what_a_crashed_node_left_is_removed_by_whoever_meets_it() {
    let mut cluster = Setup::of(2).with(short_leases).start().await;
    // The reaper is the first by name; nobody runs under this one.
    write_lease(&cluster, "a-first", |_| {}).await;
    let _clients = (cluster.client(1, "2").await, cluster.client(1, "3").await, cluster.client(1, "4").await);
    cluster.crash(1);
    cluster.node(0).until_told("boot_vanished", 1).await;
    for user in ["2", "3", "4"] {
        assert_eq!(cluster.bindings(user).await.len(), 1, "nothing has removed it yet");
    }
    let gone = async |user: &'static str| {
        poll::until("it is removed", PATIENCE, async || cluster.bindings(user).await.is_empty()).await;
    };
    // By whoever writes to the user,
    let mut one = cluster.client(0, "1").await;
    one.send_to_user("2", "are you there?").await;
    gone("2").await;
    // by whoever asks for the user,
    assert_eq!(cluster.http(0).get("/api/v1/users/3").await.json()["online"], false);
    gone("3").await;
    // and by the user's own next login.
    let again = cluster.client(0, "4").await;
    let bound = cluster.bindings("4").await;
    assert_eq!(bound.len(), 1);
    assert_eq!(json!(bound[0].session), again.welcome["session"]);
    again.close().await;
    gone("4").await;
    assert_eq!(cluster.node(0).count("boot_reaped"), 0);
}

#[tokio::test]
async fn what_a_node_committed_and_could_not_post_before_it_crashed_is_found_when_its_boot_has_vanished() {
    let setup = Setup::of(2).with(|config| {
        nothing_else_heals(config);
        short_leases(config);
    });
    let mut cluster = setup.start().await;
    let mut one = cluster.client(1, "1").await;
    let mut two = cluster.client(0, "2").await;
    cluster.bus.cut();
    for text in ["a", "b"] {
        let id = one.send_to_user("2", text).await;
        assert_eq!(one.expect_answer(&id).await["type"], "receipt");
    }
    two.expect_silence(QUIET).await;
    cluster.crash(1);
    // The bus stays away: only the store can tell.
    for (text, seq) in [("a", 1), ("b", 2)] {
        let message = two.expect_type("message").await;
        assert_eq!((&message["content"], &message["seq"]), (&json!(text), &json!(seq)));
    }
    assert_eq!(cluster.node(0).count("boot_vanished"), 1);
}
