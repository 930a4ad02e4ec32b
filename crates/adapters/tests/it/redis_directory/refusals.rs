//! A Redis that answers with errors, and settings that only a person can mend.

use adapters::directory::RedisDirectoryConfig;
use ports::Retry;
use ports::directory::Directory;
use testkit::poll;

use super::bed::{Bed, PATIENCE, assert_outage, bound, config, connect, renew, take};

const SECRET: &str = "correct-horse-battery";

#[tokio::test]
async fn a_wrong_password_is_refused_for_good_and_never_shown() {
    let bed = Bed::start_with(&[("requirepass", "right")]).await;
    let right = RedisDirectoryConfig { password: Some("right".to_owned()), ..config(&[&bed.redis]) };
    let wrong = RedisDirectoryConfig { password: Some(SECRET.to_owned()), ..right.clone() };
    let named = RedisDirectoryConfig { user: Some("nobody".to_owned()), ..wrong.clone() };
    let none = RedisDirectoryConfig { password: None, ..right.clone() };
    for refused in [wrong, named, none] {
        assert!(!format!("{refused:?}").contains(SECRET));
        let error = connect(refused).await.unwrap_err();
        assert_eq!(error.retry, Retry::Never, "{}", error.chain());
        assert!(!format!("{error:?} {}", error.chain()).contains(SECRET));
    }
    take(&connect(right).await.unwrap(), &bed.boot("node-1")).await;
}

#[tokio::test]
async fn a_user_of_the_access_control_list_may_log_in_and_one_without_rights_is_refused() {
    let bed = Bed::start().await;
    bed.command(&["ACL", "SETUSER", "able", "on", ">pw", "~*", "+@all"]).await;
    bed.command(&["ACL", "SETUSER", "unable", "on", ">pw", "~*", "+@read", "+ping", "+script|load"]).await;
    let of = |user: &str| RedisDirectoryConfig {
        user: Some(user.to_owned()),
        password: Some("pw".to_owned()),
        ..config(&[&bed.redis])
    };
    take(&connect(of("able")).await.unwrap(), &bed.boot("node-1")).await;
    let unable = connect(of("unable")).await.unwrap();
    let error = unable.claim(&bed.login("1", &bed.boot("node-2"))).await.unwrap_err();
    assert_eq!(error.retry, Retry::Never, "{}", error.chain());
}

#[tokio::test]
async fn a_password_where_none_is_known_and_an_unknown_database_are_refused_for_good() {
    let bed = Bed::start().await;
    let password = RedisDirectoryConfig { password: Some(SECRET.to_owned()), ..config(&[&bed.redis]) };
    let database = RedisDirectoryConfig { database: 99, ..config(&[&bed.redis]) };
    for (refused, word) in [(password, "has no password"), (database, "no such database")] {
        let error = connect(refused).await.unwrap_err();
        assert_eq!(error.retry, Retry::Never, "{}", error.chain());
        assert!(error.chain().contains(word) && !error.chain().contains(SECRET), "{}", error.chain());
    }
}

#[tokio::test]
async fn a_server_that_does_not_listen_or_is_full_may_be_there_later() {
    let nowhere = RedisDirectoryConfig::new(vec![("127.0.0.1".to_owned(), testkit::ports::free())], "demo");
    assert_outage(connect(nowhere).await, "redis at 127.0.0.1:");
    let bed = Bed::start_with(&[("maxclients", "1")]).await;
    let _first = bed.connect().await;
    let full = RedisDirectoryConfig { password: Some(SECRET.to_owned()), ..config(&[&bed.redis]) };
    let error = connect(full).await.unwrap_err();
    assert!(matches!(error.retry, Retry::After(_)), "{}", error.chain());
}

#[tokio::test]
async fn databases_and_prefixes_do_not_mix() {
    let bed = Bed::start().await;
    let one = bed.connect().await;
    one.claim(&bed.login("1", &bed.boot("node-1"))).await.unwrap();
    let database = RedisDirectoryConfig { database: 1, ..config(&[&bed.redis]) };
    let prefix = RedisDirectoryConfig { prefix: "mine".to_owned(), ..config(&[&bed.redis]) };
    for other in [database, prefix] {
        assert_eq!(bound(&connect(other).await.unwrap(), "1").await, []);
    }
}

#[tokio::test]
async fn a_server_that_became_a_replica_is_an_outage_until_it_is_a_master_again() {
    let (bed, master) = (Bed::start().await, Bed::start().await);
    let directory = bed.connect().await;
    let boot = bed.boot("node-1");
    take(&directory, &boot).await;
    let port = master.redis.address().port().to_string();
    bed.command(&["REPLICAOF", "127.0.0.1", &port]).await;
    poll::until("a claim fails", PATIENCE, async || {
        let error = directory.claim(&bed.login("1", &boot)).await.err().map(|error| error.chain());
        error.is_some_and(|error| error.contains("READONLY"))
    })
    .await;
    assert_outage(directory.claim(&bed.login("1", &boot)).await, "READONLY");
    assert!(!directory.state().up);
    bed.command(&["REPLICAOF", "NO", "ONE"]).await;
    poll::until("a claim succeeds", PATIENCE, async || directory.claim(&bed.login("1", &boot)).await.is_ok())
        .await;
    assert!(directory.state().up);
}

#[tokio::test]
async fn of_several_hosts_the_one_that_takes_writes_is_found_and_its_successor_too() {
    let (one, other) = (Bed::start().await, Bed::start().await);
    let follow = |bed: &Bed| bed.redis.address().port().to_string();
    one.command(&["REPLICAOF", "127.0.0.1", &follow(&other)]).await;
    let directory = connect(config(&[&one.redis, &other.redis])).await.unwrap();
    let boot = one.boot("node-1");
    take(&directory, &boot).await;
    one.command(&["REPLICAOF", "NO", "ONE"]).await;
    other.command(&["REPLICAOF", "127.0.0.1", &follow(&one)]).await;
    poll::until("a claim reaches the new master", PATIENCE, async || {
        directory.claim(&one.login("1", &boot)).await.map(|_| ()).map_err(|error| error.chain())
    })
    .await;
    let outcome = renew(&directory, &boot).await;
    super::bed::assert_lost(&outcome, "");
}

#[tokio::test]
async fn a_replica_that_lost_its_master_and_a_full_memory_are_outages() {
    let bed = Bed::start().await;
    let directory = bed.connect().await;
    bed.command(&["CONFIG", "SET", "maxmemory", "1"]).await;
    assert_outage(directory.claim(&bed.login("1", &bed.boot("node-1"))).await, "OOM");
    assert!(!directory.state().up);
    bed.command(&["CONFIG", "SET", "maxmemory", "0"]).await;
    directory.claim(&bed.login("1", &bed.boot("node-1"))).await.unwrap();
    assert!(directory.state().up);
    bed.command(&["CONFIG", "SET", "replica-serve-stale-data", "no"]).await;
    bed.command(&["REPLICAOF", "127.0.0.1", &testkit::ports::free().to_string()]).await;
    assert_outage(directory.locate(&["1".parse().unwrap()]).await, "MASTERDOWN");
    bed.command(&["REPLICAOF", "NO", "ONE"]).await;
    poll::until("it is used again", PATIENCE, async || directory.leases().await.is_ok()).await;
}

#[tokio::test]
async fn a_server_that_may_throw_keys_away_is_a_warning_until_it_may_not() {
    let bed = Bed::start_with(&[("maxmemory-policy", "allkeys-lru")]).await;
    let directory = bed.connect().await;
    let state = directory.state();
    assert!(state.up && state.note.as_deref().is_some_and(|note| note.contains("allkeys-lru")), "{state:?}");
    let boot = bed.boot("node-1");
    take(&directory, &boot).await;
    bed.command(&["CONFIG", "SET", "maxmemory-policy", "noeviction"]).await;
    renew(&directory, &boot).await;
    assert_eq!(directory.state(), ports::SeamState::up());
}
