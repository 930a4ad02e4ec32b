//! The client against a real RabbitMQ.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests, and the helpers between them")]

use std::collections::BTreeSet;
use std::time::Duration;

use amqp::{Config, Error, Event, Kind, Link, Properties, Publication, QueueOptions};
use testkit::servers::RabbitMq;
use tokio::time::timeout;

const PATIENCE: Duration = Duration::from_secs(20);

async fn link(server: &RabbitMq) -> Link {
    open(server, &Config::new("guest", "guest")).await.unwrap()
}

async fn open(server: &RabbitMq, config: &Config) -> Result<Link, Error> {
    Link::open(config, "127.0.0.1", server.address().port()).await
}

async fn next(link: &mut Link) -> Event {
    timeout(PATIENCE, link.next()).await.expect("something must come").unwrap()
}

fn publication<'a>(key: &'a str, id: &'a str, body: &'a [u8]) -> Publication<'a> {
    let properties = Properties { message_id: Some(id), ..Properties::default() };
    Publication { exchange: "letters", key, mandatory: true, properties, body }
}

/// A queue `name`, bound to the exchange `letters` with its own name as the key.
async fn queue(link: &mut Link, name: &str) {
    link.declare_exchange("letters", Kind::Direct).await.unwrap();
    link.declare_queue(name, &QueueOptions::default()).await.unwrap();
    link.bind(name, "letters", name).await.unwrap();
}

#[tokio::test]
async fn a_link_does_what_it_is_told() {
    let server = RabbitMq::start().await;
    of_many_published_at_once_exactly_those_that_nobody_wants_come_back(&server).await;
    bodies_of_every_size_come_back_byte_for_byte(&server).await;
    what_is_not_acknowledged_comes_again(&server).await;
    a_question_after_something_absent_leaves_a_link_that_works(&server).await;
    a_full_queue_refuses_and_the_publisher_is_told(&server).await;
    a_queue_has_one_reader_who_is_told_when_it_is_deleted(&server).await;
    an_idle_link_stays_and_a_broker_that_stands_still_is_noticed(&server).await;
    a_refused_login_is_told_in_words(&server).await;
}

/// One confirmation is for many, and says nothing of which of them came back.
async fn of_many_published_at_once_exactly_those_that_nobody_wants_come_back(server: &RabbitMq) {
    const MANY: u64 = 1_000;
    let mut link = link(server).await;
    queue(&mut link, "wanted").await;
    link.confirm_publications().await.unwrap();
    let is_wanted = |number: u64| !number.is_multiple_of(7);
    for number in 1..=MANY {
        let key = if is_wanted(number) { "wanted" } else { "nobody" };
        assert_eq!(link.publish(&publication(key, &number.to_string(), b"x")), number);
    }
    let (mut returned, mut open, mut bulk) = (BTreeSet::new(), BTreeSet::from_iter(1..=MANY), 0);
    while !open.is_empty() {
        match next(&mut link).await {
            Event::Returned(message) => {
                assert_eq!((message.exchange.as_str(), message.key.as_str()), ("letters", "nobody"));
                let id = message.message_id.expect("its name");
                let number: u64 = std::str::from_utf8(&id).unwrap().parse().unwrap();
                assert!(open.contains(&number), "{number} came back after its confirmation");
                returned.insert(number);
            }
            Event::Confirmed(confirmed) => {
                assert!(confirmed.taken);
                let before = open.len();
                open.retain(|number| !confirmed.covers(*number));
                bulk += usize::from(before - open.len() > 1);
            }
            other => panic!("{other:?}"),
        }
    }
    assert!(bulk > 0, "the broker confirmed each alone, and this has shown nothing");
    assert_eq!(returned, (1..=MANY).filter(|number| !is_wanted(*number)).collect());
    let depth = link.inspect_queue("wanted").await.unwrap().unwrap();
    assert_eq!(u64::from(depth.messages), MANY - returned.len() as u64);
    link.close().await.unwrap();
}

async fn bodies_of_every_size_come_back_byte_for_byte(server: &RabbitMq) {
    let mut link = link(server).await;
    queue(&mut link, "sizes").await;
    link.consume("sizes").await.unwrap();
    // A frame has 131,072 bytes at most, eight of which are its own.
    for size in [0, 1, 8_192, 8_193, 131_063, 131_064, 131_065, 262_128, 1 << 20] {
        let body: Vec<u8> =
            (0..size).map(|place: u32| place.to_le_bytes()[0] ^ place.to_le_bytes()[1]).collect();
        link.publish(&publication("sizes", "1", &body));
        match next(&mut link).await {
            Event::Delivered(delivery) => assert!(delivery.body == body, "{size}: {}", delivery.body.len()),
            other => panic!("{other:?}"),
        }
    }
}

async fn what_is_not_acknowledged_comes_again(server: &RabbitMq) {
    let mut first = link(server).await;
    queue(&mut first, "again").await;
    first.prefetch(3).await.unwrap();
    first.consume("again").await.unwrap();
    for id in ["1", "2", "3", "4"] {
        first.publish(&publication("again", id, id.as_bytes()));
    }
    let mut tags = Vec::new();
    for expected in ["1", "2", "3"] {
        let Event::Delivered(delivery) = next(&mut first).await else { panic!("no delivery") };
        assert_eq!((delivery.body, delivery.redelivered), (expected.into(), false));
        tags.push(delivery.tag);
    }
    assert!(timeout(Duration::from_millis(200), first.next()).await.is_err(), "more than the prefetch came");
    first.ack_up_to(tags[1]);
    first.close().await.unwrap();
    let mut second = link(server).await;
    second.consume("again").await.unwrap();
    for expected in [("3", true), ("4", false)] {
        let Event::Delivered(delivery) = next(&mut second).await else { panic!("no delivery") };
        // The fourth may have been on its way already.
        assert_eq!(delivery.body, expected.0);
        assert!(delivery.redelivered || !expected.1);
    }
}

async fn a_question_after_something_absent_leaves_a_link_that_works(server: &RabbitMq) {
    let mut link = link(server).await;
    assert_eq!(link.inspect_queue("absent").await.unwrap(), None);
    assert!(!link.has_exchange("absent").await.unwrap());
    assert_eq!(link.delete_queue("absent").await.unwrap(), 0);
    queue(&mut link, "present").await;
    assert!(link.has_exchange("letters").await.unwrap());
    let error = link.declare_exchange("letters", Kind::Fanout).await.unwrap_err();
    assert!(error.is_declared_otherwise() && error.is_final(), "{error}");
    link.reopen_channel().await.unwrap();
    assert!(link.inspect_queue("present").await.unwrap().is_some());
    // What is bound to a queue alone goes with it.
    link.declare_exchange("mark", Kind::FanoutWhileBound).await.unwrap();
    link.bind("present", "mark", "").await.unwrap();
    assert!(link.has_exchange("mark").await.unwrap());
    link.delete_queue("present").await.unwrap();
    assert!(!link.has_exchange("mark").await.unwrap());
}

async fn a_full_queue_refuses_and_the_publisher_is_told(server: &RabbitMq) {
    let mut link = link(server).await;
    link.declare_exchange("letters", Kind::Direct).await.unwrap();
    let options = QueueOptions { messages_max: Some(2), ..QueueOptions::default() };
    link.declare_queue("full", &options).await.unwrap();
    link.bind("full", "letters", "full").await.unwrap();
    link.confirm_publications().await.unwrap();
    let mut taken = Vec::new();
    for _ in 0..3 {
        link.publish(&publication("full", "1", b"x"));
        let Event::Confirmed(confirmed) = next(&mut link).await else { panic!("no confirmation") };
        taken.push(confirmed.taken);
    }
    assert_eq!(taken, [true, true, false]);
}

async fn a_queue_has_one_reader_who_is_told_when_it_is_deleted(server: &RabbitMq) {
    let (mut reader, mut other) = (link(server).await, link(server).await);
    queue(&mut reader, "read").await;
    reader.consume("read").await.unwrap();
    let error = other.consume("read").await.unwrap_err();
    assert!(error.is_consumed_by_another() && !error.is_final(), "{error}");
    other.reopen_channel().await.unwrap();
    other.delete_queue("read").await.unwrap();
    assert_eq!(next(&mut reader).await, Event::Cancelled);
}

async fn an_idle_link_stays_and_a_broker_that_stands_still_is_noticed(server: &RabbitMq) {
    let config = Config { heartbeat: Duration::from_secs(1), ..Config::new("guest", "guest") };
    let mut idle = open(server, &config).await.unwrap();
    assert!(
        timeout(Duration::from_secs(5), idle.next()).await.is_err(),
        "five heartbeats long nothing happens"
    );
    assert_eq!(idle.inspect_queue("absent").await.unwrap(), None);
    server.pause();
    let error = timeout(PATIENCE, idle.next()).await.expect("it must be noticed").unwrap_err();
    assert!(matches!(error, Error::TimedOut { .. }), "{error}");
    let error = open(server, &config).await.unwrap_err();
    assert!(matches!(error, Error::TimedOut { .. }), "{error}");
    server.resume();
    testkit::poll::until("it answers again", PATIENCE, async || open(server, &config).await.map(drop)).await;
}

async fn a_refused_login_is_told_in_words(server: &RabbitMq) {
    let error = open(server, &Config::new("guest", "wr0ng")).await.unwrap_err();
    assert!(error.is_final() && error.code() == Some(403), "{error}");
    assert!(error.to_string().contains("ACCESS_REFUSED") && !error.to_string().contains("wr0ng"), "{error}");
    let nowhere = Config { virtual_host: "nowhere".to_owned(), ..Config::new("guest", "guest") };
    let error = open(server, &nowhere).await.unwrap_err();
    assert!(error.is_final() && error.to_string().contains("nowhere"), "{error}");
}
