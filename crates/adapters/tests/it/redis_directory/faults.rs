//! A Redis that forgets, restarts, or is another one than before.

use ports::directory::{Directory, RenewOutcome, Restored};
use testkit::poll;
use testkit::servers::Reply;

use super::bed::{Bed, PATIENCE, assert_lost, assert_outage, bind, bound, renew, take};

#[tokio::test]
async fn a_flushed_server_is_noticed_at_the_next_renewal_and_bindings_come_back() {
    let bed = Bed::start().await;
    let directory = bed.connect().await;
    let boot = bed.boot("node-1");
    take(&directory, &boot).await;
    let held = bind(&directory, &bed.login("1", &boot)).await;
    assert_eq!(renew(&directory, &boot).await, RenewOutcome::Kept);
    bed.redis.flush_all().await;
    assert_lost(&renew(&directory, &boot).await, "forgotten");
    assert_lost(&renew(&directory, &boot).await, "lost it before");
    let next = bed.boot("node-1");
    take(&directory, &next).await;
    let moved = ports::directory::Binding { boot: next.clone(), ..held };
    let restored = directory.restore(std::slice::from_ref(&moved), u64::MAX / 4_096).await.unwrap();
    assert_eq!(restored, [Restored::Stands { displaced: vec![] }]);
    assert_eq!(bound(&directory, "1").await, [moved]);
    assert_eq!(renew(&directory, &next).await, RenewOutcome::Kept);
}

#[tokio::test]
async fn a_server_that_is_killed_and_comes_back_empty_is_used_again_by_itself() {
    let bed = Bed::start().await;
    let directory = bed.connect().await;
    let boot = bed.boot("node-1");
    take(&directory, &boot).await;
    bed.redis.kill_9().await;
    poll::until("a call fails", PATIENCE, async || directory.leases().await.is_err()).await;
    assert!(!directory.state().up);
    assert!(directory.state().note.unwrap().contains(&bed.redis.address().to_string()));
    bed.redis.restart().await;
    let outcome = poll::until("a renewal is answered", PATIENCE, async || {
        directory.renew(&super::bed::lease(&boot), super::bed::TTL).await.map_err(|error| error.chain())
    })
    .await
    .outcome;
    assert_lost(&outcome, "");
    assert!(directory.state().up);
    take(&directory, &bed.boot("node-1")).await;
}

#[tokio::test]
async fn a_server_that_restarts_with_its_data_may_have_forgotten_the_last_claims() {
    let bed = Bed::start_with(&[("appendonly", "yes"), ("appendfsync", "always")]).await;
    let directory = bed.connect().await;
    let boot = bed.boot("node-1");
    take(&directory, &boot).await;
    bed.redis.restart().await;
    let outcome = poll::until("a renewal is answered", PATIENCE, async || {
        directory.renew(&super::bed::lease(&boot), super::bed::TTL).await.map_err(|error| error.chain())
    })
    .await
    .outcome;
    assert_lost(&outcome, "another one than before, or was restarted");
    assert!(
        directory.lease(&boot).await.unwrap().is_some(),
        "the lease itself was kept, or this tests nothing"
    );
}

#[tokio::test]
async fn a_connection_that_breaks_is_made_again_and_the_lease_goes_on() {
    let bed = Bed::start().await;
    let directory = bed.connect().await;
    let boot = bed.boot("node-1");
    take(&directory, &boot).await;
    for _ in 0..3 {
        bed.command(&["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"]).await;
        let outcome = poll::until("a renewal is answered", PATIENCE, async || {
            directory.renew(&super::bed::lease(&boot), super::bed::TTL).await.map_err(|error| error.chain())
        })
        .await
        .outcome;
        assert_eq!(outcome, RenewOutcome::Kept);
    }
}

#[tokio::test]
async fn a_replica_that_lags_behind_is_noticed_by_the_beat() {
    let bed = Bed::start().await;
    let directory = bed.connect().await;
    let boot = bed.boot("node-1");
    take(&directory, &boot).await;
    let key = format!("trunkline:websocket-demo:boot:{boot}");
    let before = bed.get(&key).await.unwrap();
    assert_eq!(renew(&directory, &boot).await, RenewOutcome::Kept);
    bed.command(&["SET", &key, &before]).await;
    assert_lost(&renew(&directory, &boot).await, "not what was written last");
}

#[tokio::test]
async fn a_lease_that_somebody_else_has_written_is_lost() {
    let bed = Bed::start().await;
    let directory = bed.connect().await;
    let boot = bed.boot("node-1");
    take(&directory, &boot).await;
    bed.command(&["SET", &format!("trunkline:websocket-demo:boot:{boot}"), "99 {}"]).await;
    assert_lost(&renew(&directory, &boot).await, "not what was written last");
}

#[tokio::test]
async fn a_renewal_whose_answer_was_lost_is_not_a_lost_lease() {
    let bed = Bed::start().await;
    let directory = bed.connect().await;
    let boot = bed.boot("node-1");
    take(&directory, &boot).await;
    bed.redis.pause();
    assert_outage(directory.renew(&super::bed::lease(&boot), super::bed::TTL).await, "no answer");
    bed.redis.resume();
    let key = format!("trunkline:websocket-demo:boot:{boot}");
    poll::until("the renewal is carried out late", PATIENCE, async || {
        bed.get(&key).await.is_some_and(|text| text.starts_with("2 "))
    })
    .await;
    assert_eq!(renew(&directory, &boot).await, RenewOutcome::Kept);
}

#[tokio::test]
async fn forgotten_scripts_are_loaded_again_within_the_call() {
    let bed = Bed::start().await;
    let directory = bed.connect().await;
    let boot = bed.boot("node-1");
    take(&directory, &boot).await;
    bed.command(&["SCRIPT", "FLUSH"]).await;
    let held = bind(&directory, &bed.login("1", &boot)).await;
    assert_eq!(bound(&directory, "1").await, [held]);
    bed.command(&["SCRIPT", "FLUSH"]).await;
    assert_eq!(renew(&directory, &boot).await, RenewOutcome::Kept);
}

#[tokio::test]
async fn a_lease_and_a_name_run_out_by_the_servers_clock() {
    let bed = Bed::start().await;
    let directory = bed.connect().await;
    let boot = bed.boot("node-1");
    let ttl = std::time::Duration::from_millis(300);
    directory.take_lease(&super::bed::lease(&boot), ttl).await.unwrap();
    poll::until("both are gone", PATIENCE, async || {
        let keys = ["trunkline:websocket-demo:name:node-1", &format!("trunkline:websocket-demo:boot:{boot}")];
        bed.command(&["EXISTS", keys[0], keys[1]]).await == Reply::Integer(0)
    })
    .await;
    assert_eq!(directory.leases().await.unwrap().dead, [boot]);
}

#[tokio::test]
async fn evictions_whose_answer_was_lost_are_told_again() {
    let bed = Bed::start().await;
    let directory = bed.connect().await;
    let boot = bed.boot("node-1");
    take(&directory, &boot).await;
    let login = bed.login("1", &boot);
    let eviction = wire::envelope::Eviction { user: login.user, session: login.session, code: 4500 };
    directory.request_evictions(&[(boot.clone(), eviction.clone())]).await.unwrap();
    bed.redis.pause();
    assert_outage(directory.renew(&super::bed::lease(&boot), super::bed::TTL).await, "no answer");
    bed.redis.resume();
    let told = directory.renew(&super::bed::lease(&boot), super::bed::TTL).await.unwrap().evictions;
    assert_eq!(told, [eviction]);
}
