//! The two servers, and what tests say to followers.

use std::{collections::BTreeMap, time::Duration};

use rocketmq::{Client, Config, Follower, Item, Message, Outcome, Outgoing, Queue, Receipt};
use testkit::servers::{RocketMq, RocketMqOptions};
use tokio::{
    sync::{Mutex, MutexGuard, OnceCell},
    time::timeout,
};

/// For one message on a busy machine; a healthy one needs milliseconds.
const MESSAGE_DEADLINE: Duration = Duration::from_secs(20);

/// The server that no test breaks; it creates topics and groups by itself.
pub(crate) async fn shared() -> &'static RocketMq {
    static SHARED: OnceCell<RocketMq> = OnceCell::const_new();
    SHARED.get_or_init(RocketMq::start).await
}

/// The server that creates nothing by itself, and that a test may break as long as it holds it.
pub(crate) async fn strict() -> MutexGuard<'static, RocketMq> {
    static STRICT: OnceCell<Mutex<RocketMq>> = OnceCell::const_new();
    let start = || async {
        let lines = ["autoCreateTopicEnable=false", "autoCreateSubscriptionGroup=false"];
        let broker_lines = lines.map(str::to_owned).to_vec();
        Mutex::new(RocketMq::start_with(RocketMqOptions { broker_lines, ..RocketMqOptions::default() }).await)
    };
    STRICT.get_or_init(start).await.lock().await
}

pub(crate) fn config(server: &RocketMq) -> Config {
    Config::new([server.address().to_string()])
}

pub(crate) fn client(server: &RocketMq) -> Client {
    Client::new(config(server)).expect("good settings")
}

/// Sends until it is accepted; returns the receipt, and how many times the outcome was unknown before.
pub(crate) async fn send_until_accepted(
    client: &Client,
    queue: &Queue,
    message: &Outgoing,
) -> (Receipt, usize) {
    let mut unknown = 0;
    let attempts = async {
        loop {
            match client.send(queue, message).await {
                Outcome::Accepted(receipt) => return receipt,
                Outcome::Unknown(_) => unknown += 1,
                Outcome::Refused(_) => tokio::time::sleep(Duration::from_millis(20)).await,
            }
        }
    };
    let receipt = timeout(Duration::from_secs(90), attempts).await.expect("accepted at last");
    (receipt, unknown)
}

pub(crate) async fn send(client: &Client, queue: &Queue, message: &Outgoing) -> Receipt {
    client.send(queue, message).await.accepted().expect("accepted")
}

pub(crate) async fn next_item(follower: &mut Follower) -> Item {
    let item = timeout(MESSAGE_DEADLINE, follower.recv()).await.expect("an item in time");
    item.expect("the follower goes on")
}

/// The next item, which must be a message.
pub(crate) async fn next_message(follower: &mut Follower) -> Message {
    match next_item(follower).await {
        Item::Message(message) => message,
        other => panic!("expected a message, got {other:?}"),
    }
}

/// So many messages, by queue, in the order in which they came.
pub(crate) async fn messages_by_queue(
    follower: &mut Follower,
    count: usize,
) -> BTreeMap<Queue, Vec<Message>> {
    let mut by_queue: BTreeMap<Queue, Vec<Message>> = BTreeMap::new();
    for _ in 0..count {
        let message = next_message(follower).await;
        by_queue.entry(message.queue.clone()).or_default().push(message);
    }
    by_queue
}

pub(crate) fn text(message: &Message) -> &str {
    std::str::from_utf8(&message.body).expect("text")
}
