//! On a broker that creates nothing by itself, what is missing is named, and then created when asked to.

use rocketmq::{Client, Config, Error, Fault, Outgoing, Start, Tags};
use testkit::ports;

use crate::rig::{client, next_message, send, shared, strict, text};

#[tokio::test]
async fn a_missing_topic_and_a_missing_group_are_clear_errors_until_they_are_created() {
    let server = strict().await;
    let client = client(&server);
    let missing = client.topic_route("MISSING").await.expect_err("it does not exist");
    assert!(matches!(&missing, Error::NoSuchTopic { topic } if topic == "MISSING"), "{missing}");
    assert_eq!(missing.fault(), Fault::Setup);
    let missing = client.follow("nobody", "MISSING", Tags::every(), Start::End).await.expect_err("no topic");
    assert!(matches!(missing, Error::NoSuchTopic { .. }), "{missing}");

    let route = client.ensure_topic("MISSING", 3).await.expect("created");
    assert_eq!((route.writable.len(), route.readable.len()), (3, 3));
    let again = client.ensure_topic("MISSING", 8).await.expect("exists");
    assert_eq!(again.writable.len(), 3, "a topic that exists was changed");

    let missing = client.follow("nobody", "MISSING", Tags::every(), Start::End).await.expect_err("no group");
    assert!(matches!(&missing, Error::NoSuchGroup { group, .. } if group == "nobody"), "{missing}");
    client.ensure_group("nobody").await.expect("created");
    client.ensure_group("nobody").await.expect("exists");
    client.create_group("somebody").await.expect("created");
    for group in ["nobody", "somebody"] {
        let mut follower =
            client.follow(group, "MISSING", Tags::every(), Start::End).await.expect("followed");
        send(&client, &route.writable[1], &Outgoing::new(group)).await;
        assert_eq!(text(&next_message(&mut follower).await), group);
    }
    client.close().await;
}

#[tokio::test]
async fn names_that_cannot_be_are_refused_without_asking_anyone() {
    let client = Client::new(Config::new(["127.0.0.1:1"])).expect("good settings");
    for wrong in [
        client.topic_route("with space").await.map(drop),
        client.ensure_topic("", 1).await.map(drop),
        client.create_group("a\u{1}b").await,
        client.follow("a b", "T", Tags::every(), Start::End).await.map(drop),
    ] {
        assert!(matches!(wrong, Err(Error::Invalid { .. })), "{wrong:?}");
    }
    client.close().await;
}

#[tokio::test]
async fn a_dead_name_server_among_several_costs_nothing_but_a_moment() {
    let server = shared().await;
    let dead = format!("127.0.0.1:{}", ports::free());
    let config = Config::new([dead.clone(), server.address().to_string()]);
    let client = Client::new(config).expect("good settings");
    client.ensure_topic("SECOND", 1).await.expect("the second name server answers");

    let alone = Client::new(Config::new([dead.clone()])).expect("good settings");
    let error = alone.topic_route("SECOND").await.expect_err("nobody listens");
    assert!(matches!(&error, Error::Unreachable { address, .. } if *address == dead), "{error}");
    assert_eq!(error.fault(), Fault::Network);
    client.close().await;
    alone.close().await;
}
