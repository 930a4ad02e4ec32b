//! Both directions with Apache's own Java client.

use std::time::Duration;

use rocketmq::{Outgoing, Start, Tags};
use testkit::{java::JavaProgram, process::Stream};
use tokio::sync::OnceCell;

use crate::rig::{client, messages_by_queue, send, shared, text};

/// Several Java processes on two busy cores.
const DEADLINE: Duration = Duration::from_secs(90);

async fn peer() -> &'static JavaProgram {
    static PEER: OnceCell<JavaProgram> = OnceCell::const_new();
    PEER.get_or_init(|| JavaProgram::compile("Peer", include_str!("../java/Peer.java"))).await
}

#[tokio::test]
async fn what_a_java_producer_sends_is_read_also_compressed_and_in_a_batch() {
    let server = shared().await;
    let client = client(server);
    client.ensure_topic("FROM_JAVA", 4).await.expect("created");
    let tags = Tags::only("node-1").expect("a tag");
    let mut follower = client.follow("from-java", "FROM_JAVA", tags, Start::End).await.expect("followed");
    let address = server.address().to_string();
    let statuses = peer().await.run(&["produce", &address, "FROM_JAVA", "node-1", "20"], DEADLINE).await;
    assert_eq!(statuses, vec!["SEND_OK"; 22]);

    let by_queue = messages_by_queue(&mut follower, 31).await;
    let messages: Vec<_> = by_queue.into_values().flatten().collect();
    let by_key = |key: &str| {
        let mut found = messages.iter().filter(|message| message.keys().eq([key]));
        let message = found.next().unwrap_or_else(|| panic!("no message with key {key}"));
        assert!(found.next().is_none(), "two messages with key {key}");
        assert_eq!(message.tag(), Some("node-1"));
        assert!(message.unique_key().is_some());
        message
    };
    for number in 0..20 {
        let message = by_key(&format!("key-{number}"));
        assert_eq!(text(message), format!("single {number} 你好"));
        assert_eq!(message.properties.get("number"), Some(number.to_string().as_str()));
    }
    assert_eq!(text(by_key("large")), "0123456789".repeat(2000));
    for number in 0..10 {
        assert_eq!(text(by_key(&format!("batch-{number}"))), format!("batch {number}"));
    }
    client.close().await;
}

#[tokio::test]
async fn what_we_send_is_read_by_java_by_tag_and_by_broadcast() {
    let server = shared().await;
    let client = client(server);
    let route = client.ensure_topic("TO_JAVA", 4).await.expect("created");
    let address = server.address().to_string();
    let by_tag =
        peer().await.start(&["consume", &address, "TO_JAVA", "mine", "java-tag", "CLUSTERING", "30"]);
    let everything =
        peer().await.start(&["consume", &address, "TO_JAVA", "*", "java-all", "BROADCASTING", "60"]);
    let mut expected = Vec::new();
    for number in 0..20 {
        let tag = if number % 2 == 0 { "mine" } else { "other" };
        let message = Outgoing::new(format!("single {number} 你好"))
            .tag(tag)
            .key(format!("k{number}"))
            .property("number", number.to_string());
        send(&client, &route.writable[number % 4], &message).await;
        expected.push(format!("{tag} k{number} {number} single {number} 你好"));
    }
    let batch: Vec<Outgoing> = (20..60)
        .map(|number| {
            let tag = if number % 2 == 0 { "mine" } else { "other" };
            expected.push(format!("{tag} k{number} {number} batched {number}"));
            Outgoing::new(format!("batched {number}"))
                .tag(tag)
                .key(format!("k{number}"))
                .property("number", number.to_string())
        })
        .collect();
    client.send_batch(&route.writable[1], &batch).await.accepted().expect("accepted");

    for (consumer, mine_only) in [(by_tag, true), (everything, false)] {
        assert_eq!(consumer.exit_code(DEADLINE).await, 0, "{}", consumer.tail());
        let mut lines: Vec<String> = consumer.lines(Stream::Out);
        lines.retain(|line| line != "READY");
        let batched: Vec<&String> = lines.iter().filter(|line| line.contains("batched")).collect();
        assert!(batched.is_sorted_by_key(|line| number(line)), "{batched:?}");
        lines.sort_by_key(|line| number(line));
        let expected: Vec<&String> =
            expected.iter().filter(|line| !mine_only || line.starts_with("mine ")).collect();
        assert_eq!(lines.iter().collect::<Vec<_>>(), expected);
    }
    client.close().await;
}

fn number(line: &str) -> u32 {
    line.split(' ').nth(2).and_then(|number| number.parse().ok()).unwrap_or_else(|| panic!("a line: {line}"))
}
