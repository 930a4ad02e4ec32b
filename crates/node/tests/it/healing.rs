//! Healing: what the bus lost, delayed, put out of order or brought to the wrong node reaches its people all the same, once and in order.
//!
//! Each story switches off every way of healing but its own.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use node::Seams;
use ports::bus::{Address, Posting};
use ports::directory::{Directory, NodeState};
use ports::memory::bus::MemoryBus;
use ports::store::{Appended, Draft};
use ports::{Ambient, Bus, Store};
use serde_json::json;
use testkit::client::V1Client;
use testkit::poll;
use wire::Target;
use wire::envelope::{Body, Delivery, Envelope};
use wire::id::{Boot, UserId};

use crate::cluster::{Cluster, PATIENCE, Setup};
use crate::faulty_bus::FaultyBus;

/// Nothing that was under way on loopback takes longer.
const QUIET: Duration = Duration::from_millis(300);
/// Longer than any story.
const NEVER: Duration = Duration::from_secs(300);

/// Two nodes; what the second one posts is under the control of the story. User 1 is to log in on the second, user 2 on the first.
async fn lossy(setup: Setup) -> (Cluster, Arc<FaultyBus>) {
    let mut cluster = setup.start().await;
    let bus = FaultyBus::over(&cluster.bus);
    let seams = Seams { bus: bus.clone(), ..cluster.seams() };
    cluster.join_on(seams, |_| {}).await.unwrap();
    (cluster, bus)
}

fn no_sweep(config: &mut node::Config) {
    config.healing.sweep_every = Duration::ZERO;
    config.healing.outage_tolerated = NEVER;
}

/// Sends, and waits for the receipt.
async fn say(client: &mut V1Client, to: &str, text: &str) {
    let id = client.send_to_user(to, text).await;
    assert_eq!(client.expect_answer(&id).await["type"], "receipt");
}

async fn hears(client: &mut V1Client, texts: &[&str], from_seq: u64) {
    for (seq, text) in (from_seq..).zip(texts) {
        let message = client.expect_type("message").await;
        assert_eq!((&message["content"], &message["seq"]), (&json!(text), &json!(seq)), "{message}");
    }
    client.expect_silence(QUIET).await;
}

/// What another node commits and has not posted yet.
async fn commit(cluster: &Cluster, from: &str, to: &str, text: &str) -> Appended {
    let ambient = Ambient::system();
    let draft = Draft {
        from: from.parse().unwrap(),
        id: ambient.message_id().to_string().parse().unwrap(),
        listed: false,
        to: Target::User(to.parse().unwrap()),
        content: Arc::from(serde_json::value::to_raw_value(text).unwrap()),
        message_id: ambient.message_id(),
        time_ms: ambient.clock.unix_ms(),
        members_only: true,
    };
    cluster.store.as_ref().unwrap().append(draft).await.unwrap()
}

/// Posts an envelope to a node, as one that is not in this cluster would write it.
async fn post(cluster: &Cluster, to: &str, body: Body, change: impl FnOnce(&mut Envelope)) {
    let ambient = Ambient::system();
    let origin = Boot { node: "elsewhere".parse().unwrap(), nonce: ambient.nonce() };
    let at_ms = ambient.clock.unix_ms();
    let mut envelope = Envelope { service: "trunkline".to_owned(), origin, at_ms, hop: 0, body };
    change(&mut envelope);
    let to = Address::Node(to.parse().unwrap());
    let lane = envelope.lane();
    let posted = cluster.bus.post(vec![Posting { to, lane, key: "k".into(), body: envelope.encode() }]).await;
    assert!(posted.iter().all(Result::is_ok), "{posted:?}");
}

fn message(appended: &Appended, users: &[&str]) -> Body {
    Body::Message(delivery(appended.message.frame(), users))
}

fn delivery(frame: Bytes, users: &[&str]) -> Delivery {
    let users: Vec<UserId> = users.iter().map(|user| user.parse().unwrap()).collect();
    Delivery { frame, id: None, users, group: None, version: None }
}

#[tokio::test]
async fn what_was_said_while_the_bus_was_away_arrives_when_it_is_back() {
    let cluster = Setup::of(2).with(no_sweep).start().await;
    let (mut one, mut two) = (cluster.client(1, "1").await, cluster.client(0, "2").await);
    say(&mut one, "2", "before").await;
    cluster.bus.cut();
    say(&mut one, "2", "a").await;
    say(&mut one, "2", "b").await;
    assert_eq!(
        cluster.node(0).probe().get("/readyz").await.status,
        200,
        "those who are here are better off here"
    );
    cluster.bus.mend();
    say(&mut one, "2", "after").await;
    hears(&mut two, &["before", "a", "b", "after"], 1).await;
}

#[tokio::test]
async fn a_conversation_whose_post_failed_is_remembered_and_told_as_a_head() {
    let (cluster, bus) = lossy(Setup::of(1).with(no_sweep)).await;
    let (mut one, mut two) = (cluster.client(1, "1").await, cluster.client(0, "2").await);
    bus.refuse(true);
    say(&mut one, "2", "a").await;
    say(&mut one, "2", "b").await;
    cluster.node(1).until_told("head_remembered", 2).await;
    two.expect_silence(QUIET).await;
    bus.refuse(false);
    hears(&mut two, &["a", "b"], 1).await;
    let heads = cluster.node(0).told().iter().filter(|(_, text)| text == "head envelope arrived").count();
    assert_eq!(heads, 1, "one for the conversation, not one a message");
}

#[tokio::test]
async fn a_lost_envelope_with_nothing_later_in_its_conversation_is_found_by_the_sweep() {
    let setup = Setup::of(1).with(|config| {
        config.healing.outage_tolerated = NEVER;
        config.healing.sweep_every = Duration::from_secs(2);
    });
    let (cluster, bus) = lossy(setup).await;
    let (mut one, mut two) = (cluster.client(1, "1").await, cluster.client(0, "2").await);
    say(&mut one, "2", "first").await;
    hears(&mut two, &["first"], 1).await;
    bus.lose(true);
    say(&mut one, "2", "lost").await;
    poll::until("it is lost", PATIENCE, async || bus.lost() == 1).await;
    bus.lose(false);
    hears(&mut two, &["lost"], 2).await;
}

#[tokio::test]
async fn a_lost_envelope_of_a_group_is_found_by_the_sweep() {
    let setup = Setup::of(1).with(|config| {
        config.healing.outage_tolerated = NEVER;
        config.healing.sweep_every = Duration::from_secs(2);
    });
    let (cluster, bus) = lossy(setup).await;
    cluster.http(0).put("/api/v1/groups/g", &json!({"members": ["1", "2"]})).await;
    let (mut one, mut two) = (cluster.client(1, "1").await, cluster.client(0, "2").await);
    bus.lose(true);
    let id = one.send_to_group("g", "lost").await;
    one.expect_answer(&id).await;
    hears(&mut two, &["lost"], 1).await;
    assert_eq!(bus.lost(), 1);
}

#[tokio::test]
async fn a_hole_is_filled_from_the_store_when_the_next_message_shows_it() {
    let (cluster, bus) = lossy(Setup::of(1).with(no_sweep)).await;
    let (mut one, mut two) = (cluster.client(1, "1").await, cluster.client(0, "2").await);
    say(&mut one, "2", "first").await;
    hears(&mut two, &["first"], 1).await;
    bus.lose(true);
    say(&mut one, "2", "lost").await;
    poll::until("it is lost", PATIENCE, async || bus.lost() == 1).await;
    bus.lose(false);
    two.expect_silence(QUIET).await;
    say(&mut one, "2", "next").await;
    hears(&mut two, &["lost", "next"], 2).await;
}

#[tokio::test]
async fn what_comes_a_little_too_early_waits_for_what_belongs_before_it_and_the_store_is_not_asked() {
    let setup = Setup::of(1).with(|config| {
        no_sweep(config);
        config.healing.hole_wait = PATIENCE;
    });
    let cluster = setup.start().await;
    let mut two = cluster.client(0, "2").await;
    let first = commit(&cluster, "1", "2", "a").await;
    post(&cluster, "node-1", message(&first, &["2"]), |_| {}).await;
    hears(&mut two, &["a"], 1).await;
    let read_before = cluster.node(0).count("caught_up");
    let (second, third) = (commit(&cluster, "1", "2", "b").await, commit(&cluster, "1", "2", "c").await);
    post(&cluster, "node-1", message(&third, &["2"]), |_| {}).await;
    two.expect_silence(QUIET).await;
    post(&cluster, "node-1", message(&second, &["2"]), |_| {}).await;
    hears(&mut two, &["b", "c"], 2).await;
    // What comes once more is not shown once more.
    for repeated in [&first, &third, &second] {
        post(&cluster, "node-1", message(repeated, &["2"]), |_| {}).await;
    }
    two.expect_silence(QUIET).await;
    assert_eq!(cluster.node(0).count("caught_up"), read_before);
}

#[tokio::test]
async fn an_envelope_that_is_too_old_counts_as_a_head() {
    let cluster = Setup::of(1).with(no_sweep).start().await;
    let mut two = cluster.client(0, "2").await;
    let (_unseen, late) = (commit(&cluster, "1", "2", "a").await, commit(&cluster, "1", "2", "b").await);
    two.expect_silence(QUIET).await;
    post(&cluster, "node-1", message(&late, &["2"]), |envelope| envelope.at_ms -= 60_000).await;
    cluster.node(0).until_told("envelope_expired", 1).await;
    hears(&mut two, &["a", "b"], 1).await;
    // A signal is for now or never.
    let frame = Bytes::from_static(br#"{"type":"signal","from":"1","to":{"user":"2"},"content":1,"time":1}"#);
    let signal = Body::Signal(delivery(frame, &["2"]));
    post(&cluster, "node-1", signal, |envelope| envelope.at_ms -= 60_000).await;
    cluster.node(0).until_told("envelope_expired", 2).await;
    two.expect_silence(QUIET).await;
}

#[tokio::test]
async fn an_envelope_whose_user_has_moved_is_sent_on_once_and_not_again() {
    let cluster = Setup::of(3).with(no_sweep).start().await;
    let mut two = cluster.client(2, "2").await;
    let frame = Bytes::from_static(br#"{"type":"signal","from":"1","to":{"user":"2"},"content":1,"time":1}"#);
    let signal = || Body::Signal(delivery(frame.clone(), &["2"]));
    post(&cluster, "node-1", signal(), |_| {}).await;
    assert_eq!(two.expect_type("signal").await["content"], 1);
    post(&cluster, "node-1", signal(), |envelope| envelope.hop = 1).await;
    cluster.node(0).until_told("envelope_misplaced", 2).await;
    two.expect_silence(QUIET).await;
    let told = cluster.node(0).told();
    let misplaced: Vec<&str> =
        told.iter().filter(|(name, _)| name == "envelope_misplaced").map(|(_, text)| &**text).collect();
    assert!(misplaced[0].contains("was sent on"), "{misplaced:?}");
    assert!(misplaced[1].contains("nor anywhere"), "{misplaced:?}");

    let moved = commit(&cluster, "1", "2", "hi").await;
    post(&cluster, "node-2", message(&moved, &["2"]), |_| {}).await;
    hears(&mut two, &["hi"], 1).await;
}

#[tokio::test]
async fn an_inbox_that_overflowed_for_a_moment_has_lost_mail_and_everybody_is_looked_after() {
    // It has no room at all: whatever comes is lost, and that is told.
    let setup = Setup::of(2).on_bus(MemoryBus::with_inbox_mails_max(0)).with(no_sweep);
    let cluster = setup.start().await;
    let (mut one, mut two) = (cluster.client(1, "1").await, cluster.client(0, "2").await);
    let texts = ["a", "b", "c", "d"];
    for text in texts {
        say(&mut one, "2", text).await;
    }
    hears(&mut two, &texts, 1).await;
    let node = cluster.node(0);
    assert!(node.count("inbox_was_deaf") > 0 && node.count("envelope_arrived") == 0, "{:?}", node.told());
}

#[tokio::test]
async fn a_group_whose_members_are_known_in_an_older_version_is_read_again_before_anybody_is_pushed_anything()
{
    let (cluster, bus) = lossy(Setup::of(1).with(no_sweep)).await;
    cluster.http(0).put("/api/v1/groups/g", &json!({"members": ["1", "2", "3"]})).await;
    let mut one = cluster.client(1, "1").await;
    let (mut two, mut three) = (cluster.client(0, "2").await, cluster.client(0, "3").await);
    one.send_to_group("g", "to all of us").await;
    for member in [&mut two, &mut three] {
        assert_eq!(member.expect_type("message").await["content"], "to all of us");
    }
    // Its node does not hear that 3 has left.
    bus.lose(true);
    assert_eq!(cluster.http(1).delete("/api/v1/groups/g/members/3").await.status, 204);
    poll::until("it is lost", PATIENCE, async || bus.lost() > 0).await;
    bus.lose(false);
    one.send_to_group("g", "without 3").await;
    let message = two.expect_type("message").await;
    assert_eq!((&message["content"], &message["seq"]), (&json!("without 3"), &json!(2)));
    three.expect_silence(QUIET).await;
}

#[tokio::test]
async fn a_node_that_drains_gives_its_lease_back_and_is_not_missed() {
    let setup = Setup::of(2).with(|config| config.lease.renew = Duration::from_millis(200));
    let setup = setup.limits(|limits| limits.drain_notice = Duration::from_secs(3));
    let cluster = setup.start().await;
    let mut one = cluster.client(1, "1").await;
    let mut two = cluster.client(0, "2").await;
    let draining = async {
        poll::until("its lease says that it drains", PATIENCE, async || {
            let leases = cluster.directory.leases().await.unwrap().live;
            leases.iter().any(|lease| lease.state == NodeState::Draining)
        })
        .await;
        // It serves to the end.
        two.send_to_user("1", "before you go").await;
        assert_eq!(one.expect_type("message").await["content"], "before you go");
        one.expect_bye(1001).await;
    };
    tokio::join!(cluster.node(1).node.drain(), draining);
    let leases = cluster.directory.leases().await.unwrap();
    assert_eq!((leases.live.len(), leases.dead.len()), (1, 0), "{leases:?}");
    assert_eq!(cluster.bindings("1").await, []);
    let nodes = cluster.http(0).get("/api/v1/nodes").await.json();
    assert_eq!(nodes["nodes"].as_array().unwrap().len(), 1, "{nodes}");
    // One that has not drained is missed, by the same look or a later one.
    let mut lost = leases.live[0].clone();
    lost.boot = Boot { node: "lost".parse().unwrap(), nonce: Ambient::system().nonce() };
    cluster.directory.take_lease(&lost, Duration::from_secs(2)).await.unwrap();
    cluster.node(0).until_told("boot_vanished", 1).await;
    let told = cluster.node(0).told();
    let missed: Vec<&str> =
        told.iter().filter(|(name, _)| name == "boot_vanished").map(|(_, text)| &**text).collect();
    assert!(missed.len() == 1 && missed[0].contains("lost/"), "{missed:?}");
}
