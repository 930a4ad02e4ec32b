//! Servers that die, hang and come back: what was acknowledged arrives, once and in order, and outages are told.

use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use rocketmq::{Client, Error, Follower, Item, Outgoing, Queue, Start, Tags};
use testkit::{poll, servers::RocketMq};
use tokio::time::{Instant, sleep, timeout};

use crate::rig::{client, config, next_item, next_message, send, send_until_accepted, strict, text};

const SOON: Duration = Duration::from_secs(30);

/// Sends one message after the other, alternating queues, until told to stop; what was acknowledged, by place.
async fn keep_sending(
    client: &Client,
    queues: &[Queue],
    stop: &AtomicBool,
) -> (BTreeMap<(Queue, i64), String>, usize) {
    let (mut acknowledged, mut unknown) = (BTreeMap::new(), 0);
    for number in 0.. {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        let body = format!("{number}");
        let queue = &queues[number % queues.len()];
        let (receipt, unanswered) = send_until_accepted(client, queue, &Outgoing::new(body.clone())).await;
        unknown += unanswered;
        let twice = acknowledged.insert((receipt.queue, receipt.queue_offset), body);
        assert_eq!(twice, None, "two messages were acknowledged at one place");
        sleep(Duration::from_millis(2)).await;
    }
    (acknowledged, unknown)
}

/// Everything that the follower says until the message `last`.
async fn collect(follower: &mut Follower, last: &str) -> (Vec<(Queue, i64, String)>, Vec<Item>) {
    let (mut messages, mut rest) = (Vec::new(), Vec::new());
    loop {
        match next_item(follower).await {
            Item::Message(message) if text(&message) == last => return (messages, rest),
            Item::Message(message) => {
                messages.push((message.queue.clone(), message.offset, text(&message).to_owned()));
            }
            other => rest.push(other),
        }
    }
}

/// While the only broker of a topic is away, the name server denies the topic; the client does not, and says what is the
/// matter.
async fn its_route_stays(impatient: &Client, queues: &[Queue]) {
    let topic = &*queues[0].topic;
    poll::until("the name server forgets the topic", SOON, async || {
        matches!(impatient.topic_route_now(topic).await, Err(Error::NoSuchTopic { .. }))
    })
    .await;
    assert_eq!(impatient.topic_route(topic).await.expect("kept").writable, queues);
    let away = impatient.send(&queues[0], &Outgoing::new("x")).await.accepted().expect_err("nobody is there");
    assert!(matches!(away, Error::Unreachable { .. }) && !away.may_have_happened(), "{away}");
}

async fn impatient_client(server: &RocketMq, topic: &str) -> Client {
    let mut config = config(server);
    config.request_timeout = Duration::from_millis(500);
    let client = Client::new(config).expect("good settings");
    client.topic_route(topic).await.expect("known");
    client
}

async fn stored(server: &RocketMq, topic: &str, count: u64) -> u64 {
    poll::until("messages go on", SOON, async || {
        let stored = server.messages_on(topic).await;
        if stored >= count { Ok(stored) } else { Err(stored) }
    })
    .await
}

async fn topic_and_group(server: &RocketMq, topic: &str, queues: u32) -> (Client, Vec<Queue>) {
    let client = client(server);
    let route = client.ensure_topic(topic, queues).await.expect("created");
    client.ensure_group("faults").await.expect("created");
    (client, route.writable.clone())
}

#[tokio::test]
async fn a_killed_broker_loses_nothing_acknowledged_and_its_follower_resumes_without_repeats() {
    let server = strict().await;
    let (client, queues) = topic_and_group(&server, "KILLED", 2).await;
    let mut follower = client.follow("faults", "KILLED", Tags::every(), Start::End).await.expect("followed");
    let stop = AtomicBool::new(false);
    let impatient = impatient_client(&server, "KILLED").await;
    let faults = async {
        let before = stored(&server, "KILLED", 50).await;
        server.broker.kill_9().await;
        its_route_stays(&impatient, &queues).await;
        // Long enough to be an interruption, whatever else took its time.
        sleep(Duration::from_secs(1)).await;
        server.broker.restart().await;
        stored(&server, "KILLED", before + 50).await;
        stop.store(true, Ordering::Relaxed);
    };
    let reader = async {
        let (mut messages, mut rest) = (Vec::new(), Vec::new());
        while !stop.load(Ordering::Relaxed) {
            match timeout(Duration::from_millis(50), follower.recv()).await {
                Ok(Some(Item::Message(message))) => {
                    messages.push((message.queue.clone(), message.offset, text(&message).to_owned()));
                }
                Ok(Some(other)) => rest.push(other),
                Ok(None) => panic!("the follower ended"),
                Err(_) => {}
            }
        }
        (messages, rest)
    };
    let ((acknowledged, unknown), (mut messages, mut rest), ()) =
        tokio::join!(keep_sending(&client, &queues, &stop), reader, faults);
    impatient.close().await;
    assert!(acknowledged.len() >= 100, "only {} were acknowledged", acknowledged.len());
    for queue in &queues {
        send_until_accepted(&client, queue, &Outgoing::new("last")).await;
        let (more, said) = collect(&mut follower, "last").await;
        messages.extend(more);
        rest.extend(said);
    }

    let mut next: BTreeMap<Queue, i64> = BTreeMap::new();
    let mut unacknowledged = 0;
    for (queue, offset, body) in &messages {
        let expected = next.entry(queue.clone()).or_insert(0);
        assert_eq!(offset, expected, "a hole, a repeat or a wrong order in {queue}");
        *expected += 1;
        match acknowledged.get(&(queue.clone(), *offset)) {
            Some(sent) => assert_eq!(sent, body),
            None => unacknowledged += 1,
        }
    }
    assert_eq!(messages.len() - unacknowledged, acknowledged.len(), "something acknowledged was lost");
    assert!(unacknowledged <= unknown, "{unacknowledged} messages that nobody sent");
    match &rest[..] {
        [Item::Interrupted { cause, .. }, Item::Resumed { gap }] => {
            assert!(*gap >= Duration::from_secs(1), "{gap:?}");
            assert!(matches!(**cause, Error::ConnectionLost { .. }), "{cause}");
        }
        other => panic!("expected one interruption and its end, got {other:?}"),
    }
    client.close().await;
}

#[tokio::test]
async fn a_broker_that_hangs_is_an_interruption_and_sends_to_it_are_unknown() {
    let server = strict().await;
    let (setup, queues) = topic_and_group(&server, "HANGS", 1).await;
    setup.close().await;
    let mut config = config(&server);
    config.poll_suspend = Duration::from_millis(300);
    config.request_timeout = Duration::from_secs(1);
    let client = Client::new(config).expect("good settings");
    let mut follower = client.follow("faults", "HANGS", Tags::every(), Start::End).await.expect("followed");
    send(&client, &queues[0], &Outgoing::new("before")).await;
    assert_eq!(text(&next_message(&mut follower).await), "before");

    server.broker.pause();
    let begun = Instant::now();
    let hung = client.send(&queues[0], &Outgoing::new("meanwhile")).await.accepted().expect_err("it hangs");
    assert!(hung.may_have_happened() && begun.elapsed() < Duration::from_secs(2), "{hung}");
    let interrupted = next_item(&mut follower).await;
    assert!(matches!(interrupted, Item::Interrupted { .. }), "{interrupted:?}");
    server.broker.resume();
    let (receipt, _) = send_until_accepted(&client, &queues[0], &Outgoing::new("after")).await;
    let (messages, rest) = collect(&mut follower, "after").await;
    assert_eq!(messages.len() as i64, receipt.queue_offset - 1, "each of the others once");
    assert!(messages.iter().all(|(_, _, body)| body == "meanwhile"), "{messages:?}");
    let resumed = match rest.into_iter().next() {
        Some(item) => item,
        None => next_item(&mut follower).await,
    };
    assert!(matches!(resumed, Item::Resumed { gap } if gap >= Duration::from_secs(1)), "{resumed:?}");
    client.close().await;
}

#[tokio::test]
async fn without_name_servers_everything_known_goes_on_and_what_is_new_waits_for_them() {
    let server = strict().await;
    let (client, queues) = topic_and_group(&server, "NAMELESS", 1).await;
    let mut follower =
        client.follow("faults", "NAMELESS", Tags::every(), Start::End).await.expect("followed");
    server.name_server.kill_9().await;
    send(&client, &queues[0], &Outgoing::new("while away")).await;
    assert_eq!(text(&next_message(&mut follower).await), "while away");
    assert!(client.topic_route_now("NAMELESS").await.is_err());
    assert_eq!(client.topic_route("NAMELESS").await.expect("known").writable, queues);
    let unknown = client.topic_route("NEVER_SEEN").await.expect_err("nobody to ask");
    assert!(matches!(unknown, Error::Unreachable { .. } | Error::ConnectionLost { .. }), "{unknown}");

    server.name_server.restart().await;
    send(&client, &queues[0], &Outgoing::new("just back")).await;
    assert_eq!(text(&next_message(&mut follower).await), "just back");
    // The broker registers again within 10 s; until then the name server says that there is no such topic.
    poll::until("the route is told again", SOON, async || client.topic_route_now("NAMELESS").await.map(drop))
        .await;
    client.close().await;
}
