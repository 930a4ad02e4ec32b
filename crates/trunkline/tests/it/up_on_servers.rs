//! `up` on Nacos, Redis and RocketMQ with its SQLite store, in mid-traffic, while one thing after the other breaks.
//!
//! Nothing that was receipted is lost, nothing is there twice, and the order is kept: in the log, and as a reader was shown it.

use serde_json::json;
use testkit::client::V1Client;
use testkit::cluster::Up;
use testkit::poll;
use tokio::time::Instant;

use crate::deployment::{Servers, TRUNKLINE};
use crate::say;
use crate::traffic::{HEALED, READER, RESTARTED, Traffic};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_up_on_real_servers_has_receipted_outlives_every_fault() {
    let servers = Servers::start().await;
    let up = start(&servers).await;
    let made = up.api().put("/api/v1/groups/team", &json!({ "members": ["1", "2", "3", "9"] })).await;
    assert!(made.status < 300, "{made:?}");
    let mut traffic = Traffic::start(&up);
    traffic.flows().await;

    let killed = Instant::now();
    up.kill_9().await;
    up.restart().await;
    traffic.heals("kill -9 of the whole process: the reader is up to date", killed, RESTARTED).await;

    let forgotten = Instant::now();
    servers.redis.flush_all().await;
    traffic.heals("FLUSHALL: the reader is up to date", forgotten, HEALED).await;

    servers.rocketmq.broker.stop().await;
    traffic.flows().await;
    servers.rocketmq.broker.restart().await;
    let back = Instant::now();
    traffic.heals("broker away and back: the reader is up to date", back, HEALED).await;

    servers.redis.kill_9().await;
    traffic.flows().await;
    servers.redis.restart().await;
    let back = Instant::now();
    traffic.heals("Redis away and back, empty: the reader is up to date", back, HEALED).await;

    servers.nacos.kill_9().await;
    traffic.flows().await;
    servers.nacos.restart().await;
    let back = Instant::now();
    three_are_listed(&servers).await;
    say::healed("Nacos away and back: it lists every node", back.elapsed());

    traffic.flows().await;
    let killed = Instant::now();
    up.kill_9().await;
    up.restart().await;
    traffic.heals("kill -9 of the whole process again: the reader is up to date", killed, RESTARTED).await;

    let (ledger, shown) = traffic.stop().await;
    say::line(&format!("{} messages were receipted", ledger.count()));
    ledger.settle(&mut V1Client::connect(&up.url(READER, "judge")).await, &shown).await;
    up.stop().await;
}

async fn start(servers: &Servers) -> Up {
    let (nacos, redis, rocketmq) = (servers.nacos.url(), servers.redis.url(), servers.rocketmq.url());
    let seams = ["--registry", &nacos, "--directory", &redis, "--bus", &rocketmq];
    // No limit stands in the way of the traffic, and a lease is short so that a restart does not wait for it long.
    let settings =
        ["limits.sends_per_second=0", "limits.behind_after=0", "directory.lease=6s", "directory.renew=2s"];
    let settings = settings.iter().flat_map(|setting| ["--set", setting]);
    let arguments: Vec<&str> = seams.into_iter().chain(settings).collect();
    let up = Up::start_with(TRUNKLINE, &arguments).await;
    three_are_listed(servers).await;
    up
}

async fn three_are_listed(servers: &Servers) {
    poll::until("Nacos lists three nodes", HEALED, async || match servers.listed_ports("trunkline").await {
        Ok(ports) if ports.len() == 3 => Ok(()),
        other => Err(format!("{other:?}")),
    })
    .await;
}
