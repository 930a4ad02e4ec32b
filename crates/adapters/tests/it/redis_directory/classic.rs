//! The Java original's keys beside ours.

use std::sync::Arc;

use adapters::directory::redis::CLASSIC_PREFIX;
use adapters::directory::{RedisDirectory, RedisDirectoryConfig};
use ports::directory::{Binding, Directory};
use testkit::poll;
use testkit::servers::Reply;
use tokio::task::JoinSet;
use wire::id::NodeName;

use super::bed::{Bed, PATIENCE, bind, bound, config, connect, release, take};

async fn classic(bed: &Bed) -> RedisDirectory {
    let classic_prefix = Some(CLASSIC_PREFIX.to_owned());
    connect(RedisDirectoryConfig { classic_prefix, ..config(&[&bed.redis]) }).await.unwrap()
}

async fn node_of(bed: &Bed, user: &str) -> Option<String> {
    bed.get(&format!("websocket-demo:userNode:{user}")).await
}

async fn write(bed: &Bed, user: &str, node: &str) {
    bed.command(&["SET", &format!("websocket-demo:userNode:{user}"), node]).await;
}

#[tokio::test]
async fn the_key_names_the_node_of_the_newest_live_session() {
    let bed = Bed::start().await;
    let directory = classic(&bed).await;
    let (one, two) = (bed.boot("node-1"), bed.boot("node-2"));
    let (web, ios) = (bed.login_on("1", &one, "web"), bed.login_on("1", &two, "ios"));
    directory.claim(&web).await.unwrap();
    assert_eq!(node_of(&bed, "1").await.as_deref(), Some("node-1"));
    directory.claim(&ios).await.unwrap();
    assert_eq!(node_of(&bed, "1").await.as_deref(), Some("node-2"));
    release(&directory, &ios).await;
    assert_eq!(node_of(&bed, "1").await.as_deref(), Some("node-1"), "rewritten when the newest leaves");
    release(&directory, &web).await;
    assert_eq!(node_of(&bed, "1").await, None, "deleted when none is left");
}

#[tokio::test]
async fn a_late_close_keeps_the_key_of_the_newer_session() {
    let bed = Bed::start().await;
    let directory = classic(&bed).await;
    let (old, new) = (bed.login("1", &bed.boot("node-1")), bed.login("1", &bed.boot("node-2")));
    directory.claim(&old).await.unwrap();
    directory.claim(&new).await.unwrap();
    release(&directory, &old).await;
    assert_eq!(node_of(&bed, "1").await.as_deref(), Some("node-2"));
}

#[tokio::test]
async fn a_key_that_a_java_node_has_written_is_left_alone() {
    let bed = Bed::start().await;
    let directory = classic(&bed).await;
    let login = bed.login("1", &bed.boot("node-1"));
    directory.claim(&login).await.unwrap();
    write(&bed, "1", "java-1").await;
    release(&directory, &login).await;
    assert_eq!(node_of(&bed, "1").await.as_deref(), Some("java-1"));
}

#[tokio::test]
async fn only_users_that_the_java_service_knows_get_a_key_and_only_where_it_is_asked_for() {
    let bed = Bed::start().await;
    let (directory, plain) = (classic(&bed).await, bed.connect().await);
    let boot = bed.boot("node-1");
    for user in ["alice", "007", "99999999999999999999"] {
        directory.claim(&bed.login(user, &boot)).await.unwrap();
    }
    plain.claim(&bed.login("2", &boot)).await.unwrap();
    assert_eq!(bed.command(&["KEYS", "websocket-demo:*"]).await, Reply::Array(vec![]));
    directory.claim(&bed.login("-7", &boot)).await.unwrap();
    assert_eq!(node_of(&bed, "-7").await.as_deref(), Some("node-1"));
}

#[tokio::test]
async fn a_claim_that_is_refused_writes_no_key() {
    let bed = Bed::start().await;
    let directory = classic(&bed).await;
    let late = ports::directory::Claim { deadline_us: 1, ..bed.login("1", &bed.boot("node-1")) };
    directory.claim(&late).await.unwrap_err();
    assert_eq!(node_of(&bed, "1").await, None);
    assert_eq!(bed.command(&["DBSIZE"]).await, Reply::Integer(0));
}

#[tokio::test]
async fn absent_keys_are_written_again_and_others_left_alone() {
    let bed = Bed::start().await;
    let directory = classic(&bed).await;
    let (one, two) = (bed.boot("node-1"), bed.boot("node-2"));
    take(&directory, &one).await;
    let logins: Vec<_> = (0..1_200).map(|number| bed.login(&number.to_string(), &one)).collect();
    for login in &logins {
        directory.claim(login).await.unwrap();
    }
    directory.claim(&bed.login_on("5", &two, "ios")).await.unwrap();
    for user in ["3", "5", "7", "1199"] {
        bed.command(&["DEL", &format!("websocket-demo:userNode:{user}")]).await;
    }
    write(&bed, "8", "java-1").await;
    let node: NodeName = "node-1".parse().unwrap();
    poll::until("all are there again", PATIENCE, async || {
        directory.refresh_classic_keys(&node).await.unwrap();
        let Reply::Array(keys) = bed.command(&["KEYS", "websocket-demo:userNode:*"]).await else { panic!() };
        keys.len() == logins.len()
    })
    .await;
    assert_eq!(node_of(&bed, "1199").await.as_deref(), Some("node-1"));
    assert_eq!(node_of(&bed, "5").await.as_deref(), Some("node-2"), "the newest session's");
    assert_eq!(node_of(&bed, "8").await.as_deref(), Some("java-1"));
}

#[tokio::test]
async fn bindings_that_are_written_again_bring_their_keys() {
    let bed = Bed::start().await;
    let directory = classic(&bed).await;
    let held = bind(&directory, &bed.login("1", &bed.boot("node-1"))).await;
    bed.redis.flush_all().await;
    let next = Binding { boot: bed.boot("node-1"), ..held };
    directory.restore(&[next], u64::MAX / 4_096).await.unwrap();
    assert_eq!(node_of(&bed, "1").await.as_deref(), Some("node-1"));
}

#[tokio::test]
async fn the_keys_of_a_dead_boot_are_rewritten_or_deleted_by_the_reaper() {
    let bed = Bed::start().await;
    let directory = classic(&bed).await;
    let (dead, alive) = (bed.boot("node-1"), bed.boot("node-2"));
    directory.claim(&bed.login_on("1", &alive, "web")).await.unwrap();
    directory.claim(&bed.login_on("1", &dead, "ios")).await.unwrap();
    directory.claim(&bed.login("2", &dead)).await.unwrap();
    directory.claim(&bed.login("3", &dead)).await.unwrap();
    write(&bed, "3", "java-1").await;
    while directory.reap(&dead).await.unwrap().more {}
    assert_eq!(node_of(&bed, "1").await.as_deref(), Some("node-2"));
    assert_eq!(node_of(&bed, "2").await, None);
    assert_eq!(node_of(&bed, "3").await.as_deref(), Some("java-1"));
}

#[tokio::test]
async fn racing_logins_and_closes_leave_the_newest_sessions_node_in_the_key() {
    let bed = Bed::start().await;
    let clients =
        [Arc::new(classic(&bed).await), Arc::new(classic(&bed).await), Arc::new(classic(&bed).await)];
    for user in ["1", "2", "3"] {
        let mut racing = JoinSet::new();
        for number in 0..90 {
            let boot = bed.boot(&format!("node-{}", number % 3));
            let (client, login) = (Arc::clone(&clients[number % 3]), bed.login(user, &boot));
            racing.spawn(async move {
                client.claim(&login).await.unwrap();
                if number % 5 != 0 {
                    release(&client, &login).await;
                }
            });
        }
        racing.join_all().await;
        let newest = bound(&clients[0], user).await.into_iter().max_by_key(|held| held.generation).unwrap();
        assert_eq!(node_of(&bed, user).await.as_deref(), Some(newest.boot.node.as_str()), "user {user}");
    }
}
