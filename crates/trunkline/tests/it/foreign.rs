//! Java beside us on the same topics: what another system's producer writes reaches our users, and what we write a Java node can read.
//!
//! Both Java programs use the official client.

use std::time::Duration;

use serde_json::{Value, json};
use testkit::client::{ClassicClient, V1Client};
use testkit::cluster::Instance;
use testkit::java::JavaProgram;
use testkit::process::Stream;
use testkit::{poll, ports, scratch};

use crate::deployment::{NodeProcess, Servers, TRUNKLINE, listed};

/// A producer of the official client: start, send, end.
const JAVA_DEADLINE: Duration = Duration::from_secs(60);
/// A consumer of the official client finds its queues within 20 s, and reads at once then.
const READ_DEADLINE: Duration = Duration::from_secs(40);
/// Nothing that was under way on loopback takes longer.
const SILENCE: Duration = Duration::from_millis(500);
/// The producer of the official client compresses what is longer than 4 KiB.
const COMPRESSED_CHARS: usize = 6_000;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn java_and_trunkline_read_each_other_on_the_same_topics() {
    let (servers, producer, strict) = tokio::join!(
        Servers::start(),
        JavaProgram::compile("Foreign", include_str!("java/Foreign.java")),
        JavaProgram::compile("Strict", include_str!("java/Strict.java")),
    );
    let (first, second, keeping) = tokio::join!(
        NodeProcess::start(&servers, 1),
        NodeProcess::start(&servers, 2),
        Keeping::start(&servers)
    );
    let nodes = [first, second];
    listed(&servers, &nodes.iter().map(|node| u64::from(node.port)).collect()).await;
    what_a_java_node_reads(&servers, &nodes, &strict).await;
    what_another_system_writes(&servers, &nodes, &keeping, &producer).await;
}

/// A body that some other system wrote, and where it wrote it.
fn body(destination: &str, body: &Value) -> String {
    format!("{destination}\t{body}\n")
}

async fn what_another_system_writes(
    servers: &Servers,
    nodes: &[NodeProcess; 2],
    keeping: &Keeping,
    producer: &JavaProgram,
) {
    let mut one = ClassicClient::connect(&nodes[0].url(1)).await;
    // The other system reads where the user is, and the user moves on before it writes.
    let before = ClassicClient::connect(&nodes[0].url(2)).await;
    let read = servers.classic_key(2).await.unwrap();
    before.close().await;
    let mut two = V1Client::connect(&nodes[1].url(2)).await;
    assert_eq!((read.as_str(), two.welcome["node"].as_str()), ("node-1", Some("node-2")));
    let mut three_here = V1Client::connect(&nodes[0].url_of_device(3, "web")).await;
    let mut three_there = V1Client::connect(&nodes[1].url_of_device(3, "ios")).await;
    let mut kept = V1Client::connect(&keeping.url(1)).await;

    let (time, long) = (1_690_000_000_000_u64, "长".repeat(COMPRESSED_CHARS));
    let lines = [
        body(
            "SINGLE:node-1",
            &json!({"content": "你好", "from": 7, "msgType": 10, "time": time, "to": 1, "extra": [1]}),
        ),
        body("SINGLE:node-1", &json!({"content": long, "from": 7, "msgType": 10, "time": time, "to": 1})),
        body(
            "SINGLE:node-1",
            &json!({"content": "digits", "from": "7", "msgType": "10", "time": time, "to": "1"}),
        ),
        body("SINGLE:node-1", &json!({"content": 42, "from": 7, "msgType": 10, "time": time, "to": 1})),
        body("SINGLE:node-1", &json!({"content": {"k": [1, 2]}, "msgType": 10, "time": time, "to": 1})),
        body(
            &format!("SINGLE:{read}"),
            &json!({"content": "moved", "from": 7, "msgType": 10, "time": time, "to": 2}),
        ),
        body("SINGLE:node-1", &json!({"content": "both", "from": 7, "msgType": 10, "time": time, "to": 3})),
        body(
            "SINGLE:node-1",
            &json!({"content": "nobody", "from": 7, "msgType": 10, "time": time, "to": 99}),
        ),
        "SINGLE:node-1\tnot JSON\n".to_owned(),
        body("SINGLE:keeping", &json!({"content": "kept?", "from": 7, "msgType": 10, "time": time, "to": 1})),
        body("GROUP:MESSAGE", &json!({"content": "all", "from": 7, "msgType": 20, "time": time, "to": 5})),
    ];
    let folder = scratch::folder("bodies");
    let file = folder.path().join("bodies");
    std::fs::write(&file, lines.concat()).unwrap();
    let name_server = servers.rocketmq.address().to_string();
    let said = producer.run(&[&name_server, file.to_str().unwrap()], JAVA_DEADLINE).await;
    assert_eq!(said, vec!["SEND_OK"; lines.len()]);

    let group = format!(r#"{{"content":"all","fromUserId":7,"msgType":20,"time":{time},"toUserId":5}}"#);
    let direct = |content: &str| {
        format!(r#"{{"content":{content},"fromUserId":7,"msgType":10,"time":{time},"toUserId":1}}"#)
    };
    let mut wanted = vec![
        direct(r#""你好""#),
        direct(&format!("\"{long}\"")),
        direct(r#""digits""#),
        direct(r#""42""#),
        format!(r#"{{"content":"{{\"k\":[1,2]}}","msgType":10,"time":{time},"toUserId":1}}"#),
        group.clone(),
    ];
    // The producer fills the queues in turn, so the messages come in any order.
    let mut came = Vec::new();
    for _ in &wanted {
        came.push(one.next_text(testkit::client::PATIENCE).await);
    }
    came.sort();
    wanted.sort();
    assert_eq!(came, wanted);

    for (client, user, text) in
        [(&mut two, "2", "moved"), (&mut three_here, "3", "both"), (&mut three_there, "3", "both")]
    {
        let direct = client.expect("the direct one", |frame| frame["to"]["user"] == user).await;
        assert_eq!(
            (&direct["type"], &direct["from"], &direct["content"], &direct["time"]),
            (&json!("message"), &json!("7"), &json!(text), &json!(time))
        );
        let group = client.expect("the one to everybody", |frame| frame["to"]["group"] == "5").await;
        assert_eq!((&group["from"], &group["content"]), (&json!("7"), &json!("all")));
        client.expect_silence(SILENCE).await;
    }
    one.expect_silence(SILENCE).await;

    for to in [json!({"user": "1"}), json!({"group": "5"})] {
        let signal = kept.expect("a signal", |frame| frame["to"] == to).await;
        assert_eq!((&signal["type"], &signal["from"]), (&json!("signal"), &json!("7")), "{signal}");
        assert_eq!(signal["seq"], Value::Null, "{signal}");
    }
    kept.expect_silence(SILENCE).await;
}

async fn what_a_java_node_reads(servers: &Servers, nodes: &[NodeProcess; 2], strict: &JavaProgram) {
    let consumer = strict.start(&[&servers.rocketmq.address().to_string()]);
    let mut classic = ClassicClient::connect(&nodes[0].url(1)).await;
    let mut one = V1Client::connect(&nodes[0].url(11)).await;
    let mut named = V1Client::connect(&nodes[0].url_of("alice")).await;
    let mut two = V1Client::connect(&nodes[1].url(2)).await;
    let mut below_zero = ClassicClient::connect(&nodes[1].url(-5)).await;

    let mut wanted = Vec::new();
    for (content, text) in
        [(json!("你好"), "你好"), (json!(42), "42"), (json!({"k": [1, 2]}), r#"{"k":[1,2]}"#)]
    {
        classic.send_to_user(2, content).await;
        wanted.push(format!("SINGLE:node-2\t10\t1\t2\t{text}"));
    }
    let long = "长".repeat(COMPRESSED_CHARS);
    for (content, text) in [
        (json!("plain"), "plain"),
        (json!({"text": "\u{1F600}", "deep": {"n": [null]}}), r#"{"deep":{"n":[null]},"text":"😀"}"#),
        (json!(1.5), "1.5"),
        (json!(true), "true"),
        (json!(null), "null"),
        (json!(long), &long),
    ] {
        let sent = one.send_to_user("2", content).await;
        assert_eq!(one.expect_answer(&sent).await["reach"], "posted");
        wanted.push(format!("SINGLE:node-2\t10\t11\t2\t{text}"));
    }
    one.send_to_user("-5", "below zero").await;
    wanted.push("SINGLE:node-2\t10\t11\t-5\tbelow zero".to_owned());
    assert_eq!(below_zero.expect_message().await.from_user_id, Some(11));

    classic.send_to_group(7, "to a group").await;
    wanted.push("GROUP:MESSAGE\t20\t1\t7\tto a group".to_owned());
    one.send_to_group("everyone", "to everyone").await;
    wanted.push("GROUP:MESSAGE\t20\t11\t0\tto everyone".to_owned());

    // No Java node could read who sent these, or to whom they go; they reach our users all the same.
    for to in ["0123", "9223372036854775808"] {
        let mut other = V1Client::connect(&nodes[1].url_of(to)).await;
        one.send_to_user(to, "not for Java").await;
        other.expect("its own message", |frame| frame["content"] == "not for Java").await;
        other.close().await;
    }
    named.send_to_user("2", "from alice").await;
    two.expect("hers", |frame| frame["from"] == "alice").await;
    named.send_to_group("everyone", "from alice to everyone").await;
    two.expect("hers to everyone", |frame| frame["from"] == "alice").await;

    let line = |line: &String| line.starts_with("SINGLE:") || line.starts_with("GROUP:");
    poll::until("a Java node reads everything", READ_DEADLINE, async || {
        let count = consumer.lines(Stream::Out).iter().filter(|text| line(text)).count();
        if count >= wanted.len() { Ok(()) } else { Err(format!("{count} of {}", wanted.len())) }
    })
    .await;
    let mut came = consumer.lines(Stream::Out);
    came.retain(|text| text != "READY");
    came.sort();
    wanted.sort();
    assert_eq!(came, wanted);
    for client in [one, two, named] {
        client.close().await;
    }
    classic.close().await;
    below_zero.close().await;
}

/// A cluster of one node beside the others, that keeps its messages.
struct Keeping {
    _instance: Instance,
    port: u16,
}

impl Keeping {
    async fn start(servers: &Servers) -> Self {
        let (port, api) = (ports::free(), ports::free());
        let (redis, rocketmq) = (servers.redis.url(), servers.rocketmq.url());
        let file = format!(
            "node: {{ name: keeping }}\nws: {{ name: keeping, port: {port} }}\napi: {{ listen: \"127.0.0.1:{api}\" }}\n\
             directory: {redis}\nbus: {rocketmq}\nstore: \"sqlite:kept.db\"\n"
        );
        let base = format!("http://127.0.0.1:{port}");
        Self { _instance: Instance::start(TRUNKLINE, "node", &file, &base).await, port }
    }

    fn url(&self, user: i64) -> String {
        format!("ws://127.0.0.1:{}/ws/{user}", self.port)
    }
}
