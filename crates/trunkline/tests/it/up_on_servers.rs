//! `up` on Nacos, Redis and RocketMQ with its SQLite store, in mid-traffic, while one thing after the other breaks.
//!
//! Nothing that was receipted is lost, nothing is there twice, and the order is kept: in the log, and as a reader was shown it.

use std::time::Duration;

use serde_json::json;
use testkit::client::V1Client;
use testkit::cluster::Up;
use testkit::poll;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::deployment::{Servers, TRUNKLINE};
use crate::ledger::{Ledger, Log};
use crate::reader::{Have, Reader};
use crate::say;
use crate::writer::Writer;

/// Those who write.
const WRITERS: [&str; 3] = ["1", "2", "3"];
/// The one who reads.
const READER: &str = "9";
/// What the reader follows: a conversation with each writer, and the group that all of them are in.
const CONVERSATIONS: [&str; 4] = ["d:1:9", "d:2:9", "d:3:9", "g:team"];
/// So many receipts more: traffic flows.
const SOME: usize = 40;
/// A fault that ends, or that needs no end, has healed by then.
const HEALED: Duration = Duration::from_secs(15);
/// A restart waits for the lease of the life before, 6 s here, and for two busy cores.
const RESTARTED: Duration = Duration::from_secs(25);

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

/// Writers and a reader at work.
struct Traffic {
    ledger: Ledger,
    have: watch::Receiver<Have>,
    stop_writing: CancellationToken,
    stop_reading: CancellationToken,
    writers: JoinSet<()>,
    reader: JoinSet<Log>,
}

impl Traffic {
    fn start(up: &Up) -> Self {
        let (ledger, mut writers, mut reading) = (Ledger::default(), JoinSet::new(), JoinSet::new());
        let (stop_writing, stop_reading) = (CancellationToken::new(), CancellationToken::new());
        let (reader, have) = Reader::new(&up.url(READER, "web"), &CONVERSATIONS);
        reading.spawn(reader.run(stop_reading.clone()));
        for user in WRITERS {
            let to = vec![json!({ "user": READER }), json!({ "group": "team" })];
            let writer = Writer { url: up.url(user, "web"), to, ledger: ledger.clone() };
            writers.spawn(writer.run(stop_writing.clone()));
        }
        Self { ledger, have, stop_writing, stop_reading, writers, reader: reading }
    }

    /// Waits until some more messages were receipted.
    async fn flows(&mut self) {
        let before = self.ledger.count();
        poll::until("receipts", RESTARTED, async || {
            let more = self.ledger.count() - before;
            if more >= SOME { Ok(()) } else { Err(format!("{more} more receipts; {}", self.failure().await)) }
        })
        .await;
    }

    /// Waits until the traffic flows and the reader holds everything that was receipted by then; says how long after `since` that was.
    async fn heals(&mut self, what: &str, since: Instant, limit: Duration) {
        self.flows().await;
        self.reader_holds_everything(limit).await;
        say::healed(what, since.elapsed());
        assert!(since.elapsed() <= limit, "{what}: {:?} is longer than {limit:?}", since.elapsed());
    }

    async fn reader_holds_everything(&mut self, limit: Duration) {
        let heads = self.ledger.heads();
        poll::until("the reader holds what was receipted", limit, async || {
            let have = self.have.borrow().clone();
            let missing = heads.iter().find(|(conversation, head)| have[*conversation] < **head);
            match missing {
                None => Ok(()),
                Some(missing) => Err(format!("{missing:?} of {have:?}; {}", self.failure().await)),
            }
        })
        .await;
    }

    /// A writer or reader that panicked has said why on its own; waiting on would only hide it.
    async fn failure(&mut self) -> &'static str {
        let ended = self.writers.try_join_next().map(|ended| ended.map(drop));
        match ended.or_else(|| self.reader.try_join_next().map(|ended| ended.map(drop))) {
            None => "all are at work",
            Some(Ok(())) => panic!("somebody stopped working"),
            Some(Err(failed)) => std::panic::resume_unwind(failed.into_panic()),
        }
    }

    /// Lets the writers have their last receipts and the reader everything; what was promised, and what was shown.
    async fn stop(mut self) -> (Ledger, Log) {
        self.stop_writing.cancel();
        while let Some(ended) = self.writers.join_next().await {
            ended.unwrap();
        }
        self.reader_holds_everything(HEALED).await;
        self.stop_reading.cancel();
        let shown = self.reader.join_next().await.unwrap().unwrap();
        (self.ledger, shown)
    }
}
