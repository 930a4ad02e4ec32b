//! A Redis that hangs: calls end, nothing piles up, and it is used again when it goes on.

use std::sync::Arc;

use ports::Retry;
use ports::directory::{CALL_LIMIT, Claim, Directory};
use testkit::poll;
use testkit::proxy::Proxy;
use testkit::servers::Reply;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::bed::{Bed, PATIENCE, assert_outage, bound, config, config_at, connect, take};
use crate::SLACK;

const CALLS: usize = 500;

#[tokio::test]
async fn five_hundred_calls_to_a_hanging_server_end_in_time_and_do_not_pile_up() {
    let bed = Bed::start().await;
    let directory = Arc::new(bed.connect().await);
    let boot = bed.boot("node-1");
    take(&directory, &boot).await;
    let clock_us = directory.renew(&super::bed::lease(&boot), super::bed::TTL).await.unwrap().now_us;
    bed.redis.pause();
    for round in 0..2 {
        let started = Instant::now();
        let mut calls = JoinSet::new();
        for number in 0..CALLS {
            let directory = Arc::clone(&directory);
            let login = bed.login(&format!("user-{round}-{number}"), &boot);
            let claim = Claim { deadline_us: clock_us + 1_000_000, ..login };
            calls.spawn(async move { directory.claim(&claim).await });
        }
        for result in calls.join_all().await {
            let error = result.unwrap_err();
            assert!(matches!(error.retry, Retry::After(_)), "{}", error.chain());
        }
        let took = started.elapsed();
        assert!(took < CALL_LIMIT + SLACK, "round {round}: {CALLS} calls together took {took:?}");
        assert!(!directory.state().up);
    }
    bed.redis.resume();
    poll::until("it is used again", PATIENCE, async || directory.leases().await.is_ok()).await;
    assert!(directory.state().up);
    poll::until("only one connection is left, and the one that asks", PATIENCE, async || {
        let Reply::Bulk(clients) = bed.command(&["CLIENT", "LIST"]).await else { panic!("no list") };
        let count = clients.lines().count();
        if count == 2 { Ok(()) } else { Err(clients) }
    })
    .await;
    for round in 0..2 {
        for number in 0..CALLS {
            assert_eq!(
                bound(&directory, &format!("user-{round}-{number}")).await,
                [],
                "claimed after its deadline"
            );
        }
    }
}

#[tokio::test]
async fn a_hanging_host_does_not_keep_from_the_next() {
    let (hanging, bed) = (Bed::start().await, Bed::start().await);
    hanging.redis.pause();
    let started = Instant::now();
    let directory = connect(config(&[&hanging.redis, &bed.redis])).await.unwrap();
    assert!(started.elapsed() < CALL_LIMIT + SLACK, "{:?}", started.elapsed());
    take(&directory, &bed.boot("node-1")).await;
    hanging.redis.resume();
}

#[tokio::test]
async fn a_connection_that_hangs_is_given_up_though_it_stays_open() {
    let (hanging, bed) = (Bed::start().await, Bed::start().await);
    let proxy = Proxy::start(hanging.redis.address());
    let directory = connect(config_at(proxy.address())).await.unwrap();
    hanging.redis.pause();
    proxy.retarget(bed.redis.address());
    assert_outage(directory.leases().await, "no answer");
    directory.leases().await.unwrap();
    assert!(directory.state().up);
    hanging.redis.resume();
}

#[tokio::test]
async fn callers_share_an_attempt_to_connect() {
    let bed = Bed::start().await;
    let proxy = Proxy::start(bed.redis.address());
    let directory = Arc::new(connect(config_at(proxy.address())).await.unwrap());
    bed.redis.kill_9().await;
    let before = proxy.counters().accepted;
    let mut calls = JoinSet::new();
    for _ in 0..CALLS {
        let directory = Arc::clone(&directory);
        calls.spawn(async move { directory.leases().await });
    }
    assert!(calls.join_all().await.into_iter().all(|result| result.is_err()));
    let attempts = proxy.counters().accepted - before;
    assert!(attempts < 50, "{attempts} attempts by {CALLS} callers");
}

#[tokio::test]
async fn a_dead_server_fails_calls_at_once_however_many() {
    let bed = Bed::start().await;
    let directory = Arc::new(bed.connect().await);
    bed.redis.kill_9().await;
    let started = Instant::now();
    let mut calls = JoinSet::new();
    for _ in 0..CALLS {
        let directory = Arc::clone(&directory);
        calls.spawn(async move { directory.leases().await });
    }
    assert!(calls.join_all().await.into_iter().all(|result| result.is_err()));
    assert!(started.elapsed() < CALL_LIMIT / 2 + SLACK, "{:?}", started.elapsed());
    bed.redis.restart().await;
    poll::until("it is used again", PATIENCE, async || directory.leases().await.is_ok()).await;
}

#[tokio::test]
async fn a_busy_script_is_an_outage_until_it_ends() {
    let bed = Bed::start_with(&[("busy-reply-threshold", "50")]).await;
    let directory = bed.connect().await;
    let spin = ["EVAL", "while true do end", "0"];
    let (spun, ()) = tokio::join!(bed.redis.command(&spin), async {
        poll::until("it is busy", PATIENCE, async || {
            let error = directory.leases().await.err().map(|error| error.chain());
            error.is_some_and(|error| error.contains("BUSY"))
        })
        .await;
        assert!(!directory.state().up);
        bed.command(&["SCRIPT", "KILL"]).await;
    });
    assert!(matches!(spun, Reply::Error(_)), "{spun:?}");
    poll::until("it is used again", PATIENCE, async || directory.leases().await.is_ok()).await;
    assert!(directory.state().up);
}
