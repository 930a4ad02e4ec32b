//! A follower sees what it asked for, from where it asked for, in order, and ends when it should.

use std::{sync::Arc, time::Duration};

use rocketmq::{Client, Error, Item, Outgoing, Start, Tags, TopicRoute};
use serde_json::{Value, json};
use testkit::poll;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use crate::rig::{client, config, messages_by_queue, next_item, next_message, send, shared, text};

const SOON: Duration = Duration::from_secs(10);

async fn counted(client: &Client, queue: &rocketmq::Queue, count: i64) {
    poll::until("the broker counts what it stored", SOON, async || {
        client.max_offset(queue).await.is_ok_and(|offset| offset == count)
    })
    .await;
}

#[tokio::test]
async fn a_follower_that_starts_at_the_end_sees_no_history_and_misses_nothing_after() {
    let client = client(shared().await);
    let route = client.ensure_topic("END", 2).await.expect("created");
    for queue in &route.writable {
        send(&client, queue, &Outgoing::new("history")).await;
        counted(&client, queue, 1).await;
    }
    let mut at_end = client.follow("end-1", "END", Tags::every(), Start::End).await.expect("followed");
    let mut from_beginning =
        client.follow("end-2", "END", Tags::every(), Start::Beginning).await.expect("followed");
    for queue in &route.writable {
        send(&client, queue, &Outgoing::new("news")).await;
    }
    for _ in 0..2 {
        assert_eq!(text(&next_message(&mut at_end).await), "news");
    }
    for messages in messages_by_queue(&mut from_beginning, 4).await.values() {
        assert_eq!(messages.iter().map(text).collect::<Vec<_>>(), ["history", "news"]);
    }
    client.close().await;
    assert!(at_end.recv().await.is_none(), "more than was sent");
    assert!(from_beginning.recv().await.is_none(), "more than was sent");
}

#[tokio::test]
async fn a_tag_with_the_same_hash_as_the_one_asked_for_is_not_delivered() {
    let client = client(shared().await);
    let route = client.ensure_topic("TAGS", 1).await.expect("created");
    let queue = &route.writable[0];
    let mut follower =
        client.follow("tags", "TAGS", "Aa || C".parse().expect("tags"), Start::End).await.expect("followed");
    for tag in ["BB", "Aa", "B", "C", "BB", "Aa"] {
        send(&client, queue, &Outgoing::new(tag).tag(tag)).await;
    }
    send(&client, queue, &Outgoing::new("untagged")).await;
    send(&client, queue, &Outgoing::new("last").tag("Aa")).await;
    let got = messages_by_queue(&mut follower, 4).await;
    assert_eq!(got[queue].iter().map(text).collect::<Vec<_>>(), ["Aa", "C", "Aa", "last"]);
    client.close().await;
}

#[tokio::test]
async fn a_queue_that_appears_later_is_read_from_its_beginning() {
    let server = shared().await;
    let mut config = config(server);
    config.route_refresh_every = Duration::from_millis(100);
    let follows = Client::new(config).expect("good settings");
    let sends = client(server);
    sends.ensure_topic("GROWS", 1).await.expect("created");
    let mut follower = follows.follow("grows", "GROWS", Tags::every(), Start::End).await.expect("followed");
    let route = grown(&sends, "GROWS").await;
    // The follower may or may not have seen the new queues by now: what is in them counts.
    for number in ["one", "two"] {
        send(&sends, &route.writable[2], &Outgoing::new(number)).await;
    }
    send(&sends, &route.writable[0], &Outgoing::new("zero")).await;
    let got = messages_by_queue(&mut follower, 3).await;
    assert_eq!(got[&route.writable[2]].iter().map(text).collect::<Vec<_>>(), ["one", "two"]);
    assert_eq!(got[&route.writable[0]].iter().map(text).collect::<Vec<_>>(), ["zero"]);
    sends.close().await;
    follows.close().await;
}

/// The topic with more queues than one; a change that the name server missed because other tests changed other topics in
/// the same moment is made up for by the next.
async fn grown(client: &Client, topic: &str) -> Arc<TopicRoute> {
    for queues in 3..8 {
        match client.create_topic(topic, queues).await {
            Err(Error::TimedOut { .. }) => {}
            other => return other.expect("grown"),
        }
    }
    panic!("{topic} does not grow");
}

#[tokio::test]
async fn a_slow_reader_with_a_small_buffer_gets_everything_in_order() {
    let server = shared().await;
    let mut config = config(server);
    config.follow_buffer_items_max = 2;
    let client = Client::new(config).expect("good settings");
    let route = client.ensure_topic("SLOW", 2).await.expect("created");
    let mut follower = client.follow("slow", "SLOW", Tags::every(), Start::End).await.expect("followed");
    let batch: Vec<Outgoing> = (0..300).map(|n| Outgoing::new(format!("{n}"))).collect();
    for queue in &route.writable {
        client.send_batch(queue, &batch).await.accepted().expect("accepted");
        counted(&client, queue, 300).await;
    }
    for messages in messages_by_queue(&mut follower, 600).await.values() {
        let numbers: Vec<usize> =
            messages.iter().map(|message| text(message).parse().expect("a number")).collect();
        assert_eq!(numbers, (0..300).collect::<Vec<_>>());
    }
    client.close().await;
}

#[tokio::test]
async fn a_message_after_many_empty_polls_is_heard_at_once_and_idling_is_no_interruption() {
    let server = shared().await;
    let mut config = config(server);
    config.poll_suspend = Duration::from_millis(200);
    let client = Client::new(config).expect("good settings");
    let route = client.ensure_topic("IDLE", 4).await.expect("created");
    let mut follower = client.follow("idle", "IDLE", Tags::every(), Start::End).await.expect("followed");
    let nothing = timeout(Duration::from_millis(1_500), follower.recv()).await;
    assert!(nothing.is_err(), "{nothing:?}");
    send(&client, &route.writable[3], &Outgoing::new("at last")).await;
    assert_eq!(text(&next_message(&mut follower).await), "at last");
    client.close().await;
}

#[tokio::test]
async fn followers_end_with_the_last_clone_of_their_client_and_with_its_close() {
    let server = shared().await;
    let first = client(server);
    first.ensure_topic("ENDS", 1).await.expect("created");
    let mut follower = first.follow("ends", "ENDS", Tags::every(), Start::End).await.expect("followed");
    let clone = first.clone();
    drop(first);
    let still = timeout(Duration::from_millis(100), follower.recv()).await;
    assert!(still.is_err(), "it ended while a clone of its client lives: {still:?}");
    drop(clone);
    let ended = timeout(SOON, follower.recv()).await.expect("it ends");
    assert!(ended.is_none());

    let second = client(server);
    let mut follower = second.follow("ends", "ENDS", Tags::every(), Start::End).await.expect("followed");
    let route = second.topic_route("ENDS").await.expect("known");
    let clone = second.clone();
    second.close().await;
    assert!(follower.recv().await.is_none());
    assert!(clone.send(&route.writable[0], &Outgoing::new("x")).await.accepted().is_err());
}

#[tokio::test]
async fn the_broker_lists_a_group_while_it_is_followed_and_not_after() {
    let server = shared().await;
    let client = client(server);
    client.ensure_topic("LISTED", 1).await.expect("created");
    let follower = client.follow("listed", "LISTED", Tags::every(), Start::End).await.expect("followed");
    poll::until("the group is listed", SOON, async || consumers(server, "listed").await.is_some()).await;
    follower.close().await;
    assert_eq!(consumers(server, "listed").await, None);
    client.close().await;
}

#[tokio::test]
async fn a_message_that_inflates_too_far_is_skipped_and_said_so() {
    let server = shared().await;
    let mut config = config(server);
    config.inflated_bytes_max = 1_000;
    let client = Client::new(config).expect("good settings");
    let route = client.ensure_topic("BOMB", 1).await.expect("created");
    let queue = &route.writable[0];
    let mut follower = client.follow("bomb", "BOMB", Tags::every(), Start::End).await.expect("followed");
    send_compressed(server, "BOMB", 0, &zlib(&vec![0; 100_000])).await;
    send_compressed(server, "BOMB", 0, &zlib(b"small")).await;
    match next_item(&mut follower).await {
        Item::Unreadable(unreadable) => assert_eq!((&unreadable.queue, unreadable.offset), (queue, 0)),
        other => panic!("expected an unreadable message, got {other:?}"),
    }
    let small = next_message(&mut follower).await;
    assert_eq!((text(&small), small.offset), ("small", 1));
    client.close().await;
}

fn zlib(body: &[u8]) -> Vec<u8> {
    use std::io::Write;
    let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(body).expect("memory");
    encoder.finish().expect("memory")
}

/// Sends as a producer that compresses does; ours does not.
async fn send_compressed(server: &testkit::servers::RocketMq, topic: &str, queue: u32, body: &[u8]) {
    let fields = json!({
        "a": "raw", "b": topic, "c": "TBW102", "d": "4", "e": queue.to_string(), "f": "769", "g": "0", "h": "0",
        "i": "WAIT\u{1}true\u{2}", "j": "0", "k": "false", "l": "0", "m": "false",
    });
    let answer = ask(server, 310, fields, body).await;
    assert_eq!(answer["code"], 0, "{answer}");
}

/// The clients that the broker counts to a group; `None` when it knows of none.
async fn consumers(server: &testkit::servers::RocketMq, group: &str) -> Option<()> {
    let answer = ask(server, 38, json!({ "consumerGroup": group }), b"").await;
    (answer["code"] == 0).then_some(())
}

/// One question to the broker on a connection of its own; the header of its answer.
async fn ask(server: &testkit::servers::RocketMq, code: i32, fields: Value, body: &[u8]) -> Value {
    let header = json!({
        "code": code, "language": "OTHER", "version": 475, "opaque": 1, "flag": 0, "extFields": fields,
        "serializeTypeCurrentRPC": "JSON",
    })
    .to_string();
    let mut stream = TcpStream::connect(server.broker_address()).await.expect("the broker listens");
    let mut frame = ((header.len() + body.len() + 4) as u32).to_be_bytes().to_vec();
    frame.extend((header.len() as u32).to_be_bytes());
    frame.extend(header.as_bytes());
    frame.extend(body);
    stream.write_all(&frame).await.expect("writable");
    stream.read_u32().await.expect("an answer");
    let length = stream.read_u32().await.expect("an answer");
    let mut header = vec![0; length as usize];
    stream.read_exact(&mut header).await.expect("a header");
    serde_json::from_slice(&header).expect("JSON")
}
