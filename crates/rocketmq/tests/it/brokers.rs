//! A topic on two brokers: one list of queues, and the loss of one broker does not touch the other.

use std::{path::Path, time::Duration};

use rocketmq::{Client, Error, Item, Outgoing, Queue, Start, Tags};
use testkit::{
    poll, ports,
    process::{Process, Program},
    scratch,
    servers::{RocketMq, cache_folder},
};

use crate::rig::{client, messages_by_queue, next_item, send, send_until_accepted, strict, text};

const START_DEADLINE: Duration = Duration::from_secs(90);
const SOON: Duration = Duration::from_secs(30);

/// A second broker at the server's name server; killed when dropped.
struct SecondBroker {
    program: Program,
    process: Process,
    _folder: tempfile::TempDir,
}

impl SecondBroker {
    async fn start(server: &RocketMq) -> Self {
        let folder = scratch::folder("second-broker");
        let script =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("../testkit/servers/rocketmq/start-rocketmq.sh");
        let program = Program::new(script)
            .called("the second broker")
            .arg(folder.path())
            .args([server.address().port().to_string(), ports::free_with(&[-2, 1]).to_string()])
            .env("ROCKETMQ_CACHE", cache_folder().join("rocketmq"))
            .env("ROCKETMQ_FETCH_NEVER", "1")
            .env("ROCKETMQ_GRACE", "1")
            .env("ROCKETMQ_ROLE", "broker")
            .env("ROCKETMQ_BROKER_NAME", "broker-b");
        let process = program.start();
        process.wait_for_line("READY", START_DEADLINE).await;
        Self { program, process, _folder: folder }
    }

    async fn stop(&self) {
        self.process.signal(testkit::process::Signal::Term);
        self.process.exit_status(SOON).await;
    }

    async fn start_again(&mut self) {
        self.process = self.program.start();
        self.process.wait_for_line("READY", START_DEADLINE).await;
    }
}

async fn route_has(client: &Client, topic: &str, queues: usize) -> Vec<Queue> {
    poll::until("the route tells it", SOON, async || match client.topic_route_now(topic).await {
        Ok(route) if route.writable.len() == queues => Ok(route.writable.clone()),
        Ok(route) => Err(format!("{:?}", route.writable)),
        Err(error) => Err(error.to_string()),
    })
    .await
}

#[tokio::test]
async fn a_topic_on_two_brokers_goes_on_with_one_and_is_whole_again_with_both() {
    let server = strict().await;
    let mut second = SecondBroker::start(&server).await;
    let client = client(&server);
    let route = client.ensure_topic("BOTH", 2).await.expect("created on both");
    let names: Vec<String> = route.writable.iter().map(ToString::to_string).collect();
    assert_eq!(names, ["BOTH/broker-a/0", "BOTH/broker-a/1", "BOTH/broker-b/0", "BOTH/broker-b/1"]);
    client.ensure_group("both").await.expect("created on both");
    let mut follower = client.follow("both", "BOTH", Tags::every(), Start::End).await.expect("followed");
    for queue in &route.writable {
        send(&client, queue, &Outgoing::new("first")).await;
    }
    assert_eq!(messages_by_queue(&mut follower, 4).await.len(), 4);

    second.stop().await;
    let left = route_has(&client, "BOTH", 2).await;
    assert_eq!(left, route.writable[..2]);
    for queue in &left {
        send(&client, queue, &Outgoing::new("second")).await;
    }
    let (mut seen, mut interrupted) = (0, 0);
    while seen < 2 || interrupted < 1 {
        match next_item(&mut follower).await {
            Item::Message(message) => {
                assert_eq!((text(&message), &*message.queue.broker), ("second", "broker-a"));
                seen += 1;
            }
            Item::Interrupted { cause, .. } => {
                assert!(
                    matches!(*cause, Error::ConnectionLost { .. } | Error::Unreachable { .. }),
                    "{cause}"
                );
                interrupted += 1;
            }
            other => panic!("{other:?}"),
        }
    }

    second.start_again().await;
    assert_eq!(route_has(&client, "BOTH", 4).await, route.writable);
    for queue in &route.writable[2..] {
        send_until_accepted(&client, queue, &Outgoing::new("third")).await;
    }
    let (mut seen, mut resumed) = (0, 0);
    while seen < 2 || resumed < 1 {
        match next_item(&mut follower).await {
            Item::Message(message) => {
                assert_eq!((text(&message), message.offset), ("third", 1), "a repeat or a hole");
                seen += 1;
            }
            Item::Resumed { .. } => resumed += 1,
            other => panic!("{other:?}"),
        }
    }
    second.stop().await;
    client.close().await;
}
