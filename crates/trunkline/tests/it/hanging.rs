//! Servers that hang: connections stay open, and nothing answers. Whoever is there goes on; whoever comes is told soon to come back; nothing piles up.

use std::time::Duration;

use serde_json::json;
use testkit::client::{RawClient, V1Client};
use testkit::cluster::Up;
use testkit::poll;
use testkit::servers::{Redis, RocketMq};
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::deployment::TRUNKLINE;
use crate::say;

/// A login waits for Redis for 2 s; the rest is for two busy cores.
const TURNED_AWAY: Duration = Duration::from_secs(8);
/// What needs no server but the store.
const AT_ONCE: Duration = Duration::from_secs(3);
/// From the server's going on to everything as before.
const HEALED: Duration = Duration::from_secs(15);
/// Logins at once while Redis hangs.
const CROWD: usize = 40;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redis_and_a_broker_that_hang_cost_time_and_nothing_else() {
    let (redis, rocketmq) = tokio::join!(Redis::start(), RocketMq::start());
    let (directory, bus) = (redis.url(), format!("{}?create=true", rocketmq.url()));
    let seams = ["--nodes", "2", "--directory", &directory, "--bus", &bus];
    let leases = ["--set", "directory.lease=6s", "--set", "directory.renew=2s"];
    let up = Up::start_with(TRUNKLINE, &[&seams[..], &leases[..]].concat()).await;
    let mut one = up.login("1").await;
    let mut two = up.login("2").await;
    assert_ne!(one.welcome["node"], two.welcome["node"]);
    says(&mut one, "before").await;
    assert_eq!(two.expect_type("message").await["content"], "before");

    redis.pause();
    let paused = Instant::now();
    says(&mut one, "while Redis hangs").await;
    assert!(paused.elapsed() < AT_ONCE, "a receipt waits for no directory: {:?}", paused.elapsed());
    let slowest = crowd_is_turned_away(&up).await;
    assert!(slowest < TURNED_AWAY, "{slowest:?}");
    say::line(&format!("{CROWD} logins at a Redis that hangs are turned away within {slowest:.1?}"));
    one.ping().await;
    redis.resume();
    let resumed = Instant::now();
    assert_eq!(two.expect_type("message").await["content"], "while Redis hangs");
    somebody_gets_in(&up).await;
    assert!(resumed.elapsed() < HEALED, "{:?}", resumed.elapsed());

    rocketmq.broker.pause();
    let paused = Instant::now();
    says(&mut one, "while the broker hangs").await;
    assert!(paused.elapsed() < AT_ONCE, "a receipt waits for no bus: {:?}", paused.elapsed());
    somebody_gets_in(&up).await;
    rocketmq.broker.resume();
    assert_eq!(two.expect_type("message").await["content"], "while the broker hangs");
    says(&mut one, "afterwards").await;
    assert_eq!(two.expect_type("message").await["content"], "afterwards");
    assert_eq!(up.api().get("/api/v1/users/3").await.json()["online"], json!(false));
}

async fn says(one: &mut V1Client, text: &str) {
    let id = one.send_to_user("2", text).await;
    assert_eq!(one.expect_answer(&id).await["type"], "receipt");
}

/// Many log in at once, and each is told to come back; how long the slowest waited for that.
async fn crowd_is_turned_away(up: &Up) -> Duration {
    let mut crowd = JoinSet::new();
    for nth in 0..CROWD {
        let url = up.url("3", &format!("d{nth}"));
        crowd.spawn(async move {
            let asked = Instant::now();
            let answer = RawClient::open(&url, |handshake| handshake).await.err().unwrap();
            assert_eq!(answer.status, 503, "{answer:?}");
            assert!(answer.header("Retry-After").is_some(), "{answer:?}");
            asked.elapsed()
        });
    }
    crowd.join_all().await.into_iter().max().unwrap()
}

async fn somebody_gets_in(up: &Up) {
    poll::until("somebody gets in", HEALED, async || {
        match V1Client::open(&up.url("4", "web"), |handshake| handshake).await {
            Ok(client) => {
                client.close().await;
                Ok(())
            }
            Err(answer) => Err(answer.status),
        }
    })
    .await;
}
