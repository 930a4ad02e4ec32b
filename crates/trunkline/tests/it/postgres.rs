//! Three node processes that keep messages in one PostgreSQL: what is said on one is there on all, and a fault costs time, never a message.

use std::time::Duration;

use serde_json::{Value, json};
use testkit::client::V1Client;
use testkit::cluster::Instance;
use testkit::http::Http;
use testkit::servers::{Postgres, Redis, RocketMq};
use testkit::{poll, ports};
use tokio::time::Instant;

use crate::deployment::TRUNKLINE;
use crate::say;

/// A lease is short, so that a killed node does not keep its people away for long.
const LEASE_SETTINGS: &str = "--set directory.lease=6s --set directory.renew=2s";
/// As the broker makes them for a service that finds no topic.
const QUEUES: u32 = 4;
/// From the end of a fault to the next receipt, on two busy cores.
const HEALED: Duration = Duration::from_secs(60);

struct Servers {
    postgres: Postgres,
    redis: Redis,
    rocketmq: RocketMq,
}

impl Servers {
    async fn start() -> Servers {
        let (postgres, redis, rocketmq) =
            tokio::join!(Postgres::start_with_password("a % secret"), Redis::start(), RocketMq::start());
        for topic in ["SINGLE", "GROUP", "TRUNKLINE"] {
            rocketmq.create_topic(topic, QUEUES).await;
        }
        Servers { postgres, redis, rocketmq }
    }
}

/// A node process, and where it is reached.
struct Node {
    instance: Instance,
    port: u16,
    api: Http,
}

impl Node {
    async fn start(name: &str, servers: &Servers) -> Node {
        let (port, api) = (ports::free(), ports::free());
        let file = format!(
            "node: {{ name: {name} }}\n\
             ws: {{ port: {port} }}\n\
             api: {{ listen: \"127.0.0.1:{api}\" }}\n\
             directory: {}\n\
             bus: rocketmq://{}\n\
             store: {}\n",
            servers.redis.url(),
            servers.rocketmq.address(),
            servers.postgres.url(),
        );
        let verb = format!("node {LEASE_SETTINGS}");
        let instance = Instance::start(TRUNKLINE, &verb, &file, &format!("http://127.0.0.1:{port}")).await;
        Node { instance, port, api: Http::at(&format!("http://127.0.0.1:{api}")) }
    }

    fn url(&self, user: &str) -> String {
        format!("ws://127.0.0.1:{}/ws/{user}?device=web", self.port)
    }

    async fn login(&self, user: &str) -> V1Client {
        V1Client::connect(&self.url(user)).await
    }

    /// What `/readyz` says of the store, and with which status.
    async fn store(&self) -> (u16, Value) {
        let answer = self.api.get("/readyz").await;
        (answer.status, answer.json()["seams"]["store"].clone())
    }
}

/// Says it under one id until it is receipted, as a client does that is told `unavailable`; whether it had to say it again.
async fn says(from: &mut V1Client, id: &str, to: &Value, text: &str) -> (Value, bool) {
    let began = Instant::now();
    let mut again = false;
    loop {
        from.send_as(id, to, &json!(text)).await;
        let answer = from.expect_answer(id).await;
        if answer["type"] == "receipt" {
            return (answer, again);
        }
        assert_eq!((&answer["type"], &answer["code"]), (&json!("error"), &json!("unavailable")), "{answer}");
        assert!(began.elapsed() < HEALED, "{id} is not kept: {answer}");
        again = true;
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
}

async fn hears(who: &mut V1Client, seq: u64, text: &str) {
    let message = who.expect_type("message").await;
    assert_eq!((&message["seq"], &message["content"]), (&json!(seq), &json!(text)), "{message}");
}

async fn history(who: &mut V1Client, conversation: &str) -> Vec<(u64, String)> {
    let page = who.request(json!({ "type": "history", "conversation": conversation })).await;
    let messages = page["messages"].as_array().unwrap_or_else(|| panic!("{page}"));
    let line =
        |message: &Value| (message["seq"].as_u64().unwrap(), message["content"].as_str().unwrap().to_owned());
    messages.iter().map(line).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_nodes_keep_their_messages_in_one_postgres() {
    let servers = Servers::start().await;
    let (one, two, three) = tokio::join!(
        Node::start("node-1", &servers),
        Node::start("node-2", &servers),
        Node::start("node-3", &servers)
    );
    let (mut anna, mut ben) = (one.login("1").await, two.login("2").await);
    assert_eq!(anna.welcome["epoch"], ben.welcome["epoch"], "one store");
    let (to_ben, to_cleo, to_club) =
        (json!({ "user": "2" }), json!({ "user": "3" }), json!({ "group": "club" }));

    // Kept, and pushed on another node.
    let (receipt, _) = says(&mut anna, "m1", &to_ben, "hello").await;
    assert_eq!((&receipt["conversation"], &receipt["seq"]), (&json!("d:1:2"), &json!(1)));
    hears(&mut ben, 1, "hello").await;

    // Who was away is told, on whatever node, and reads it there.
    says(&mut anna, "m2", &to_cleo, "are you there?").await;
    let mut cleo = three.login("3").await;
    let unread = cleo.welcome["unread"].as_array().unwrap().clone();
    assert_eq!(unread, [json!({ "conversation": "d:1:3", "unread": 1, "head": 1 })]);
    assert_eq!(history(&mut cleo, "d:1:3").await, [(1, "are you there?".to_owned())]);

    // A group that was made on one node is spoken to from another.
    let made = one.api.put("/api/v1/groups/club", &json!({ "members": ["1", "2", "3"] })).await;
    assert!(made.status < 300, "{made:?}");
    let (receipt, _) = says(&mut cleo, "m3", &to_club, "all of you").await;
    assert_eq!(receipt["seq"], 1, "{receipt}");
    for person in [&mut anna, &mut ben] {
        hears(person, 1, "all of you").await;
    }

    // The same send through another node is the same message: its receipt, and nobody hears it twice.
    let mut annas_other =
        V1Client::connect(&format!("ws://127.0.0.1:{}/ws/1?device=other", three.port)).await;
    let (again, _) = says(&mut annas_other, "m1", &to_ben, "hello").await;
    assert_eq!(again["seq"], 1, "{again}");
    assert_eq!(history(&mut ben, "d:1:2").await.len(), 1);

    // Who comes back on another node with what she holds is pushed the rest.
    let epoch = cleo.welcome["epoch"].clone();
    cleo.vanish();
    for (id, text) in [("m4", "one"), ("m5", "two"), ("m6", "three")] {
        says(&mut ben, id, &to_club, text).await;
    }
    let mut cleo = V1Client::connect(&format!("{}&resume=1", two.url("3"))).await;
    let ready = cleo.hello(&epoch, &json!({ "g:club": 2 })).await;
    assert_eq!(ready["type"], "ready", "{ready}");
    for (seq, text) in [(3, "two"), (4, "three")] {
        hears(&mut cleo, seq, text).await;
    }

    the_database_dies_and_comes_back(&servers, &one, &mut anna, &mut ben).await;

    // A node that is gone takes nothing with it.
    one.instance.kill_9().await;
    let mut anna = V1Client::connect(&format!("ws://127.0.0.1:{}/ws/1?device=new", two.port)).await;
    let kept = history(&mut anna, "d:1:2").await;
    assert_eq!(kept.iter().map(|(seq, _)| *seq).collect::<Vec<_>>(), [1, 2], "{kept:?}");
    assert_eq!(history(&mut anna, "g:club").await.len(), 4);
    for node in [&two, &three] {
        node.instance.stop().await;
    }
}

async fn the_database_dies_and_comes_back(
    servers: &Servers,
    one: &Node,
    anna: &mut V1Client,
    ben: &mut V1Client,
) {
    let (status, store) = one.store().await;
    assert_eq!((status, &store["up"]), (200, &json!(true)), "{store}");
    servers.postgres.kill_9().await;
    let to_ben = json!({ "user": "2" });
    anna.send_as("m7", &to_ben, &json!("after all")).await;
    let refused = anna.expect_answer("m7").await;
    assert_eq!((&refused["type"], &refused["code"]), (&json!("error"), &json!("unavailable")), "{refused}");
    poll::until("the outage is said", HEALED, async || {
        let (_, store) = one.store().await;
        if store["up"] == json!(false) { Ok(()) } else { Err(store.to_string()) }
    })
    .await;
    servers.postgres.restart().await;
    let restarted = Instant::now();
    let (receipt, _) = says(anna, "m7", &to_ben, "after all").await;
    assert_eq!(receipt["seq"], 2, "however often it was said: {receipt}");
    hears(ben, 2, "after all").await;
    say::line(&format!("PostgreSQL killed and back: the next receipt after {:?}", restarted.elapsed()));
    poll::until("its end is said", HEALED, async || {
        let (status, store) = one.store().await;
        if status == 200 && store["up"] == json!(true) { Ok(()) } else { Err(store.to_string()) }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refused_password_of_postgres_is_69_and_a_weak_setting_is_said_by_readyz() {
    let guarded = Postgres::start_with_password("a-secret").await;
    let url = guarded.url().replace("%73", "%74");
    let file = format!(
        "ws: {{ port: {} }}\napi: {{ listen: \"127.0.0.1:{}\" }}\nstore: {url}\n",
        ports::free(),
        ports::free()
    );
    let refused = Instance::prepare(TRUNKLINE, "node", &file, "http://127.0.0.1:1");
    refused.launch();
    assert_eq!(refused.exit_code().await, 69);
    let said = refused.process().tail();
    assert!(said.contains("password") && !said.contains("a-tecret") && !said.contains("%74"), "{said}");

    let weak = Postgres::start_with(&[("synchronous_commit", "off")]).await;
    let (port, api) = (ports::free(), ports::free());
    let file =
        format!("ws: {{ port: {port} }}\napi: {{ listen: \"127.0.0.1:{api}\" }}\nstore: {}\n", weak.url());
    let node = Instance::start(TRUNKLINE, "node", &file, &format!("http://127.0.0.1:{port}")).await;
    let ready = Http::at(&format!("http://127.0.0.1:{api}")).get("/readyz").await;
    assert_eq!(ready.status, 200, "a warning is no outage");
    let note = ready.json()["seams"]["store"].to_string();
    assert!(note.contains("synchronous_commit is off"), "{}", ready.json());
    node.stop().await;
}
