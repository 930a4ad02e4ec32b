//! What is sent is stored where, as and in the order it was sent; what cannot be is said so.

use std::time::Duration;

use rocketmq::{Client, Error, Outcome, Outgoing, Queue, Retry, Start, Stored, Tags};
use testkit::poll;
use tokio::task::JoinSet;

use crate::rig::{client, config, messages_by_queue, send, shared, text};

#[tokio::test]
async fn messages_of_one_queue_arrive_in_the_order_sent_with_all_their_parts() {
    let client = client(shared().await);
    let route = client.ensure_topic("ORDER", 4).await.expect("created");
    assert_eq!(route.writable.len(), 4);
    let mut follower = client.follow("order", "ORDER", Tags::every(), Start::End).await.expect("followed");
    for number in 0..100 {
        for queue in &route.writable {
            let message = Outgoing::new(format!("{number} 你好"))
                .tag("numbers")
                .key(format!("k{number}"))
                .property("n", format!("{number}"));
            let receipt = send(&client, queue, &message).await;
            assert_eq!((&receipt.queue, receipt.queue_offset), (queue, number));
            assert_eq!((receipt.stored, receipt.message_ids.len()), (Stored::AsConfigured, 1));
        }
    }
    let by_queue = messages_by_queue(&mut follower, 400).await;
    assert_eq!(by_queue.keys().cloned().collect::<Vec<_>>(), route.readable);
    for messages in by_queue.values() {
        for (number, message) in messages.iter().enumerate() {
            assert_eq!(message.offset, number as i64);
            assert_eq!(text(message), format!("{number} 你好"));
            assert_eq!(message.tag(), Some("numbers"));
            assert_eq!(message.keys().collect::<Vec<_>>(), [format!("k{number}")]);
            assert_eq!(message.properties.get("n"), Some(number.to_string().as_str()));
            assert!(message.unique_key().is_some());
            let apart_ms = message.stored_ms - message.born_ms;
            assert!((-1_000..60_000).contains(&apart_ms), "born and stored {apart_ms} ms apart");
        }
    }
    client.close().await;
}

#[tokio::test]
async fn a_batch_is_stored_together_in_order_and_its_messages_keep_their_tags() {
    let client = client(shared().await);
    let route = client.ensure_topic("BATCH", 2).await.expect("created");
    let queue = &route.writable[1];
    let mut follower =
        client.follow("batch", "BATCH", "even".parse().expect("a tag"), Start::End).await.expect("followed");
    send(&client, queue, &Outgoing::new("before").tag("even")).await;
    let batch: Vec<Outgoing> = (0..64)
        .map(|n| Outgoing::new(format!("{n}")).tag(if n % 2 == 0 { "even" } else { "odd" }).key("k"))
        .collect();
    let receipt = client.send_batch(queue, &batch).await.accepted().expect("accepted");
    assert_eq!((&receipt.queue, receipt.queue_offset, receipt.message_ids.len()), (queue, 1, 64));
    assert_eq!(client.max_offset(queue).await.expect("answered").max(65), 65);
    let got = messages_by_queue(&mut follower, 33).await.remove(queue).expect("only this queue");
    let expected: Vec<String> = (0..64).step_by(2).map(|n| n.to_string()).collect();
    assert_eq!(got[1..].iter().map(text).collect::<Vec<_>>(), expected);
    assert!(got[1..].iter().all(|message| message.offset % 2 == 1), "even numbers lie at odd offsets");
    client.close().await;
}

#[tokio::test]
async fn many_sends_at_once_share_one_connection_and_all_arrive_once() {
    let server = shared().await;
    let mut config = config(server);
    config.in_flight_max = 32;
    let client = Client::new(config).expect("good settings");
    let route = client.ensure_topic("MANY", 1).await.expect("created");
    let mut sends = JoinSet::new();
    for number in 0..500 {
        let (client, queue) = (client.clone(), route.writable[0].clone());
        sends.spawn(
            async move { send(&client, &queue, &Outgoing::new(format!("{number}"))).await.queue_offset },
        );
    }
    let mut offsets = sends.join_all().await;
    offsets.sort_unstable();
    assert_eq!(offsets, (0..500).collect::<Vec<_>>());
    poll::until("500 messages at the broker", Duration::from_secs(10), async || {
        let stored = server.messages_on("MANY").await;
        if stored == 500 { Ok(()) } else { Err(stored) }
    })
    .await;
    client.close().await;
}

#[tokio::test]
async fn what_the_broker_refuses_is_refused_for_certain_and_the_connection_lives_on() {
    let server = shared().await;
    let mut config = config(server);
    config.body_bytes_max = 8 << 20;
    let client = Client::new(config).expect("good settings");
    let route = client.ensure_topic("REFUSED", 1).await.expect("created");
    let queue = &route.writable[0];
    let too_large = client.send(queue, &Outgoing::new(vec![b'x'; 5 << 20])).await;
    assert!(
        matches!(&too_large, Outcome::Refused(error @ Error::Refused { code: 13, .. }) if error.retry() == Retry::Never),
        "{too_large:?}"
    );
    let nowhere = Queue { id: 99, ..queue.clone() };
    let no_queue = client.send(&nowhere, &Outgoing::new("x")).await;
    assert!(matches!(&no_queue, Outcome::Refused(Error::Refused { .. })), "{no_queue:?}");
    let no_broker = Queue { broker: "elsewhere".into(), ..queue.clone() };
    let no_broker = client.send(&no_broker, &Outgoing::new("x")).await;
    assert!(matches!(&no_broker, Outcome::Refused(Error::NoSuchBroker { .. })), "{no_broker:?}");
    let receipt = send(&client, queue, &Outgoing::new("fine")).await;
    assert_eq!(receipt.queue_offset, 0, "something refused was stored");
    client.close().await;
}

#[tokio::test]
async fn our_own_limit_refuses_before_anything_is_sent() {
    let client = client(shared().await);
    let route = client.ensure_topic("LIMIT", 1).await.expect("created");
    let queue = &route.writable[0];
    let limit = 4 << 20;
    let larger = client.send(queue, &Outgoing::new(vec![0; limit + 1])).await;
    assert!(matches!(larger, Outcome::Refused(Error::TooLarge { bytes_max, .. }) if bytes_max == limit));
    let largest = send(&client, queue, &Outgoing::new(vec![7; limit - 1])).await;
    let stretch = loop {
        let stretch = client.read(queue, largest.queue_offset).await.expect("readable");
        if !stretch.messages.is_empty() {
            break stretch;
        }
    };
    assert_eq!(stretch.messages[0].body.len(), limit - 1);
    client.close().await;
}

#[tokio::test]
async fn a_stretch_of_a_queue_is_read_in_order_without_a_group() {
    let client = client(shared().await);
    let route = client.ensure_topic("STRETCH", 1).await.expect("created");
    let queue = &route.writable[0];
    let batch: Vec<Outgoing> = (0..150).map(|n| Outgoing::new(format!("{n}"))).collect();
    client.send_batch(queue, &batch).await.accepted().expect("accepted");
    poll::until("150 messages counted", Duration::from_secs(10), async || {
        client.max_offset(queue).await.is_ok_and(|offset| offset == 150)
    })
    .await;
    assert_eq!(client.min_offset(queue).await.expect("answered"), 0);
    let mut read = Vec::new();
    let mut offset = 20;
    while offset < 150 {
        let stretch = client.read(queue, offset).await.expect("readable");
        assert!(stretch.next_offset > offset && stretch.unreadable.is_empty());
        read.extend(stretch.messages.iter().map(|message| text(message).to_owned()));
        offset = stretch.next_offset;
    }
    assert_eq!(read, (20..150).map(|n| n.to_string()).collect::<Vec<_>>());
    let end = client.read(queue, 150).await.expect("answered");
    assert_eq!((end.messages.len(), end.next_offset), (0, 150));
    client.close().await;
}
