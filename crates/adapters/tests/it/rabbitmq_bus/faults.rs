//! What a broker that goes and comes back does to us.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use adapters::bus::RabbitMqBus;
use ports::Retry;
use ports::bus::Bus;
use testkit::servers::RabbitMq;
use tokio::time::Instant;
use wire::envelope::Lane;
use wire::id::Boot;

use super::{body, boot, options, to_node};

const KEYS: usize = 50;

pub(crate) async fn a_broker_that_restarts_in_mid_traffic_loses_and_reorders_nothing_accepted(
    server: &RabbitMq,
) {
    survives(server, async || {
        server.stop().await;
        server.restart().await;
    })
    .await;
}

pub(crate) async fn a_broker_killed_in_mid_traffic_loses_and_reorders_nothing_accepted(server: &RabbitMq) {
    survives(server, async || {
        server.kill_9().await;
        server.restart().await;
    })
    .await;
}

/// Numbers of one key rise; each call posts one of each key.
struct Writer {
    bus: RabbitMqBus,
    to: Boot,
    number: u64,
    accepted: BTreeSet<(usize, u64)>,
}

impl Writer {
    async fn post_round(&mut self) {
        self.number += 1;
        let number = self.number;
        let postings = (0..KEYS)
            .map(|key| to_node(&self.to, Lane::Single, &format!("d:{key}:9"), format!("{key} {number}")));
        for (key, result) in self.bus.post(postings.collect()).await.into_iter().enumerate() {
            if result.is_ok() {
                self.accepted.insert((key, number));
            }
        }
    }
}

async fn survives(server: &RabbitMq, fault: impl AsyncFn()) {
    let (bus, reading) = (RabbitMqBus::new(options(server)), RabbitMqBus::new(options(server)));
    let node = boot("traffic");
    let mut inbox = reading.open_inbox(&node).await.unwrap();
    let mut writer = Writer { bus, to: node, number: 0, accepted: BTreeSet::new() };
    for _ in 0..50 {
        writer.post_round().await;
    }
    let fault = fault();
    tokio::pin!(fault);
    // No pause: posts are under way at the moment of the end and of the return.
    loop {
        tokio::select! {
            () = &mut fault => break,
            () = writer.post_round() => {}
        }
    }
    let returned = Instant::now();
    while returned.elapsed() < Duration::from_secs(2) {
        writer.post_round().await;
    }
    let Writer { accepted, number: last, .. } = writer;
    assert!(accepted.last().is_some_and(|(_, number)| *number == last), "posts must succeed again");
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

pub(crate) async fn a_broker_that_is_away_at_start_is_an_outage(server: &RabbitMq) {
    server.kill_9().await;
    let bus = RabbitMqBus::new(options(server));
    let node = boot("early");
    let error = bus.open_inbox(&node).await.err().unwrap();
    assert!(matches!(error.retry, Retry::After(_)), "{}", error.chain());
    let results = bus.post(vec![to_node(&node, Lane::Single, "k", "early")]).await;
    assert!(results[0].as_ref().is_err_and(|error| error.retry != Retry::Never), "{results:?}");
    assert!(!bus.state().up);
}
