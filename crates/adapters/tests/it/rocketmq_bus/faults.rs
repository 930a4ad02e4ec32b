//! What a broker that breaks does to us.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use adapters::bus::{RocketMqBus, RocketMqOptions};
use ports::Retry;
use ports::bus::{Bus, POST_LIMIT};
use testkit::poll;
use testkit::servers::RocketMq;
use tokio::time::Instant;
use wire::envelope::Lane;

use super::{PATIENCE, body, boot, options, to_node};
use crate::SLACK;

const KEYS: usize = 5;

pub(crate) async fn a_broker_killed_in_mid_traffic_loses_and_reorders_nothing_accepted(server: &RocketMq) {
    let (bus, reading) =
        (RocketMqBus::new(options(server)).unwrap(), RocketMqBus::new(options(server)).unwrap());
    let node = boot("traffic");
    let mut inbox = reading.open_inbox(&node).await.unwrap();
    // Numbers of one key rise; each call posts one of each key.
    let mut accepted: BTreeSet<(usize, u64)> = BTreeSet::new();
    let mut number = 0;
    let mut post_round = async || {
        number += 1;
        let postings = (0..KEYS)
            .map(|key| to_node(&node, Lane::Single, &format!("d:{key}:9"), format!("{key} {number}")));
        for (key, result) in bus.post(postings.collect()).await.into_iter().enumerate() {
            if result.is_ok() {
                accepted.insert((key, number));
            }
        }
    };
    for _ in 0..200 {
        post_round().await;
    }
    let restart = async {
        server.broker.kill_9().await;
        server.broker.restart().await;
    };
    tokio::pin!(restart);
    // No pause: posts are under way at the moment of the kill and of the return.
    loop {
        tokio::select! {
            () = &mut restart => break,
            () = post_round() => {}
        }
    }
    let returned = Instant::now();
    while returned.elapsed() < Duration::from_secs(2) {
        post_round().await;
    }
    assert!(accepted.last().is_some_and(|(_, last)| *last == number), "posts must succeed again");
    let mut missing = accepted;
    let mut latest: BTreeMap<usize, u64> = BTreeMap::new();
    let mut seen: BTreeSet<(usize, u64)> = BTreeSet::new();
    while !missing.is_empty() {
        let (_, text) = body(&mut inbox).await;
        let (key, number) = text.split_once(' ').unwrap();
        let (key, number) = (key.parse().unwrap(), number.parse().unwrap());
        missing.remove(&(key, number));
        // A repeat is allowed; whatever comes for the first time is the latest of its key.
        if seen.insert((key, number)) {
            let before = latest.insert(key, number).unwrap_or(0);
            assert!(number > before, "key {key}: {number} came after {before}");
        }
    }
}

pub(crate) async fn a_broker_that_hangs_fails_posts_in_time_and_is_used_again_later(server: &RocketMq) {
    let bus = RocketMqBus::new(options(server)).unwrap();
    let node = boot("hung");
    let mut inbox = bus.open_inbox(&node).await.unwrap();
    server.broker.pause();
    let started = Instant::now();
    let results = bus.post(vec![to_node(&node, Lane::Control, "k", "hung".to_owned())]).await;
    assert!(started.elapsed() <= POST_LIMIT + SLACK, "{:?}", started.elapsed());
    assert!(results[0].as_ref().is_err_and(|error| error.retry != Retry::Never), "{results:?}");
    assert!(!bus.state().up);
    server.broker.resume();
    poll::until("posts are taken again", PATIENCE, async || {
        let results = bus.post(vec![to_node(&node, Lane::Control, "k", "later".to_owned())]).await;
        if results[0].is_ok() { Ok(()) } else { Err(format!("{results:?}")) }
    })
    .await;
    while body(&mut inbox).await.1 != "later" {}
}

pub(crate) async fn a_broker_that_is_away_at_start_is_an_outage_and_no_missing_topic(server: &RocketMq) {
    server.broker.kill_9().await;
    let (bus, creating) = (
        RocketMqBus::new(options(server)).unwrap(),
        RocketMqBus::new(RocketMqOptions { create: true, ..options(server) }).unwrap(),
    );
    for bus in [bus, creating] {
        let node = boot("early");
        let error = bus.open_inbox(&node).await.err().unwrap();
        assert!(matches!(error.retry, Retry::After(_)), "{}", error.chain());
        let results = bus.post(vec![to_node(&node, Lane::Single, "k", "early".to_owned())]).await;
        assert!(results[0].is_err());
    }
}
