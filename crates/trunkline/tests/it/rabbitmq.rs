//! Nodes that talk over a real RabbitMQ: `up` with its SQLite store, and three processes that keep nothing.

use std::time::Duration;

use serde_json::json;
use testkit::client::V1Client;
use testkit::cluster::{Instance, Up};
use testkit::process::{Program, Stream};
use testkit::servers::{RabbitMq, Redis};
use testkit::{poll, ports, scratch};
use tokio::time::Instant;

use crate::deployment::TRUNKLINE;
use crate::say;
use crate::traffic::{HEALED, READER, RESTARTED, Traffic};

/// A lease is short, so that a restart does not wait for it long.
const LEASE_SETTINGS: [&str; 4] = ["--set", "directory.lease=6s", "--set", "directory.renew=2s"];
/// What a test waits for at most, on two busy cores.
const PATIENCE: Duration = Duration::from_secs(20);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_up_on_rabbitmq_has_receipted_outlives_every_fault_of_the_broker() {
    let (redis, rabbitmq) = tokio::join!(Redis::start(), RabbitMq::start());
    let (directory, bus) = (redis.url(), rabbitmq.url());
    let seams = ["--directory", &directory, "--bus", &bus];
    let limits = ["--set", "limits.sends_per_second=0", "--set", "limits.behind_after=0"];
    let up = Up::start_with(TRUNKLINE, &[&seams[..], &LEASE_SETTINGS[..], &limits[..]].concat()).await;
    let made = up.api().put("/api/v1/groups/team", &json!({ "members": ["1", "2", "3", "9"] })).await;
    assert!(made.status < 300, "{made:?}");
    let mut traffic = Traffic::start(&up);
    traffic.flows().await;

    rabbitmq.stop().await;
    traffic.flows().await;
    rabbitmq.restart().await;
    traffic.heals("RabbitMQ away and back: the reader is up to date", Instant::now(), HEALED).await;

    rabbitmq.kill_9().await;
    traffic.flows().await;
    rabbitmq.restart().await;
    traffic.heals("RabbitMQ killed and back: the reader is up to date", Instant::now(), HEALED).await;

    rabbitmq.pause();
    traffic.flows().await;
    rabbitmq.resume();
    traffic.heals("RabbitMQ stood still: the reader is up to date", Instant::now(), HEALED).await;

    let killed = Instant::now();
    up.kill_9().await;
    up.restart().await;
    traffic.heals("kill -9 of the whole process: the reader is up to date", killed, RESTARTED).await;

    let (ledger, shown) = traffic.stop().await;
    say::line(&format!("{} messages were receipted", ledger.count()));
    ledger.settle(&mut V1Client::connect(&up.url(READER, "judge")).await, &shown).await;
    up.stop().await;
}

/// A node process, and where it is reached.
struct Node {
    instance: Instance,
    port: u16,
}

impl Node {
    async fn start(name: &str, redis: &Redis, rabbitmq: &RabbitMq) -> Node {
        let (port, api) = (ports::free(), ports::free());
        let file = format!(
            "node: {{ name: {name} }}\n\
             ws: {{ port: {port} }}\n\
             api: {{ listen: \"127.0.0.1:{api}\" }}\n\
             directory: {}\n\
             bus: {}\n\
             store: none\n",
            redis.url(),
            rabbitmq.url(),
        );
        let verb = format!("node {}", LEASE_SETTINGS.join(" "));
        let instance = Instance::prepare(TRUNKLINE, &verb, &file, &format!("http://127.0.0.1:{port}"));
        instance.restart().await;
        Node { instance, port }
    }

    async fn login(&self, user: &str) -> V1Client {
        V1Client::connect(&format!("ws://127.0.0.1:{}/ws/{user}?device=web", self.port)).await
    }
}

/// Says it until it is accepted, as a client that is told `unavailable` does.
async fn says(from: &mut V1Client, to: &str, text: &str) {
    poll::until("it is accepted", PATIENCE, async || {
        let id = from.send_to_user(to, text).await;
        let answer = from.expect_answer(&id).await;
        if answer["type"] == "sent" { Ok(()) } else { Err(answer.to_string()) }
    })
    .await;
}

async fn hears(who: &mut V1Client, from: &str, text: &str) {
    let message = who.expect_type("message").await;
    assert_eq!((&message["from"], &message["content"]), (&json!(from), &json!(text)), "{message}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_nodes_that_keep_nothing_talk_over_rabbitmq() {
    let (redis, rabbitmq) = tokio::join!(Redis::start(), RabbitMq::start());
    let names = ["node-1", "node-2", "node-3"];
    let [one, two, three] = names.map(|name| Node::start(name, &redis, &rabbitmq));
    let (one, two, three) = tokio::join!(one, two, three);
    let (mut anna, mut ben, mut cleo) = (one.login("1").await, two.login("2").await, three.login("3").await);

    says(&mut anna, "2", "hello").await;
    hears(&mut ben, "1", "hello").await;
    says(&mut ben, "3", "hi").await;
    hears(&mut cleo, "2", "hi").await;
    let id = cleo.send_to_group("everyone", "all of you").await;
    cleo.expect_answer(&id).await;
    hears(&mut anna, "3", "all of you").await;
    hears(&mut ben, "3", "all of you").await;
    let mut queues: Vec<String> = rabbitmq.queues().await.into_iter().map(|queue| queue.name).collect();
    queues.sort();
    assert_eq!(queues, names.map(|name| format!("trunkline.node.{name}")));

    // A node that dies and comes back is sent nothing old, and reached again.
    two.instance.kill_9().await;
    drop(ben);
    two.instance.restart().await;
    let mut ben = two.login("2").await;
    says(&mut anna, "2", "welcome back").await;
    hears(&mut ben, "1", "welcome back").await;

    for fault in ["stopped", "killed"] {
        match fault {
            "stopped" => rabbitmq.stop().await,
            _ => rabbitmq.kill_9().await,
        }
        rabbitmq.restart().await;
        let back = Instant::now();
        says(&mut anna, "2", fault).await;
        hears(&mut ben, "1", fault).await;
        says(&mut ben, "3", fault).await;
        hears(&mut cleo, "2", fault).await;
        say::healed(&format!("RabbitMQ {fault} and back: everybody is reached"), back.elapsed());
    }
}

#[tokio::test]
async fn a_password_that_rabbitmq_refuses_is_69_at_once_and_is_not_shown() {
    let (redis, rabbitmq) = tokio::join!(Redis::start(), RabbitMq::start());
    let (ws, api) = (format!("ws.port={}", ports::free()), format!("api.listen=127.0.0.1:{}", ports::free()));
    let (directory, bus) = (redis.url(), format!("amqp://guest:wr0ng-secret@{}", rabbitmq.address()));
    let args =
        ["node", "--store", "none", "--directory", &directory, "--bus", &bus, "--set", &ws, "--set", &api];
    let folder = scratch::folder("refused");
    let process = Program::new(TRUNKLINE).args(args).folder(folder.path()).start();
    assert_eq!(process.exit_code(PATIENCE).await, 69, "{}", process.tail());
    let lines = process.lines(Stream::Err);
    assert!(lines.last().is_some_and(|line| line.contains("ACCESS_REFUSED")), "{lines:#?}");
    assert!(!lines.iter().any(|line| line.contains("wr0ng")), "{lines:#?}");
}
