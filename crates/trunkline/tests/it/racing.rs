//! Three node processes on a real Redis and a real broker, one session a user: logins that race, and processes that claim one name.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use testkit::client::{Ended, RawClient, V1Client};
use testkit::cluster::{Instance, Up};
use testkit::http::Http;
use testkit::servers::{Redis, RocketMq};
use testkit::{poll, ports};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};

use crate::deployment::TRUNKLINE;
use crate::say;

/// Rounds of one race.
const ROUNDS: usize = 100;
/// Logins that race in each: a thousand in all.
const RACERS: usize = 10;
/// Everything that a round waits for, on two busy cores.
const PATIENCE: Duration = Duration::from_secs(20);
/// Between two looks of a racer at whether the race is over.
const GLANCE: Duration = Duration::from_millis(20);
/// Redis alone may bring an eviction this late, and a process waits for two of the longer ones.
const LEASE_SETTINGS: &str = "--set directory.lease=3s --set directory.renew=1s";

struct Servers {
    redis: Redis,
    rocketmq: RocketMq,
}

impl Servers {
    async fn start() -> Servers {
        let (redis, rocketmq) = tokio::join!(Redis::start(), RocketMq::start());
        Servers { redis, rocketmq }
    }

    /// A node process that is not started yet.
    fn node(&self, name: &str) -> Node {
        let (port, api) = (ports::free(), ports::free());
        let file = format!(
            "node: {{ name: {name} }}\n\
             ws: {{ port: {port}, devices: single }}\n\
             api: {{ listen: \"127.0.0.1:{api}\" }}\n\
             directory: {}\n\
             bus: {}?create=true\n\
             store: none\n",
            self.redis.url(),
            self.rocketmq.url(),
        );
        let verb = format!("node {LEASE_SETTINGS}");
        let instance = Instance::prepare(TRUNKLINE, &verb, &file, &format!("http://127.0.0.1:{port}"));
        Node { instance, port, api: Http::at(&format!("http://127.0.0.1:{api}")) }
    }

    async fn three_nodes(&self) -> Vec<Node> {
        let nodes: Vec<Node> = (1..=3).map(|nth| self.node(&format!("node-{nth}"))).collect();
        for node in &nodes {
            node.instance.restart().await;
        }
        nodes
    }
}

struct Node {
    instance: Instance,
    port: u16,
    api: Http,
}

impl Node {
    fn url(&self, user: &str) -> String {
        format!("ws://127.0.0.1:{}/ws/{user}", self.port)
    }

    /// The sessions of a user, as this node's HTTP interface says.
    async fn sessions_of(&self, user: &str) -> Vec<Value> {
        let answer = self.api.get(&format!("/api/v1/users/{user}")).await.json();
        let sessions = answer["sessions"].as_array().unwrap();
        sessions.iter().map(|session| session["session"].clone()).collect()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_a_thousand_racing_logins_over_redis_exactly_one_session_is_left_each_time() {
    let servers = Servers::start().await;
    let nodes = servers.three_nodes().await;
    let mut teller = V1Client::connect(&nodes[0].url("teller")).await;
    let began = Instant::now();
    let (mut stayed, mut turned_away): (Option<V1Client>, usize) = (None, 0);
    for round in 0..ROUNDS {
        let mut racing = JoinSet::new();
        for nth in 0..RACERS {
            let url = nodes[nth % nodes.len()].url("1");
            racing.spawn(async move {
                let opened = RawClient::open(&url, |handshake| handshake.protocols("trunkline.v1")).await;
                opened.map(|raw| V1Client::over(raw, &url))
            });
        }
        let opened = racing.join_all().await;
        turned_away += opened.iter().filter(|opened| opened.is_err()).count();
        let racers: Vec<V1Client> = stayed.take().into_iter().chain(opened.into_iter().flatten()).collect();
        let mut stays = the_one_that_stays(racers).await;
        for node in &nodes {
            let session = stays.welcome["session"].clone();
            assert_eq!(node.sessions_of("1").await, [session], "round {round}");
        }
        let id = teller.send_to_user("1", round).await;
        while stays.expect_type("message").await["content"] != round {
            // What was said a round ago may still have been on its way when this one came.
        }
        assert!(teller.expect_answer(&id).await["reach"].is_string());
        stayed = Some(stays);
    }
    say::line(&format!(
        "{} racing logins in {:.1?}, {turned_away} of them never saw a 101",
        ROUNDS * RACERS,
        began.elapsed()
    ));
}

/// Waits until all but one were told that they are replaced, and gives that one.
async fn the_one_that_stays(racers: Vec<V1Client>) -> V1Client {
    let (racing, replaced) = (racers.len(), std::sync::Arc::new(AtomicUsize::new(0)));
    let mut settling = JoinSet::new();
    for mut racer in racers {
        let replaced = replaced.clone();
        settling.spawn(async move {
            while replaced.load(Ordering::SeqCst) + 1 < racing {
                match racer.try_next(GLANCE).await {
                    Ok(frame) if frame["type"] == "welcome" => racer.welcome = frame,
                    Ok(frame) if frame["type"] == "message" => {}
                    Ok(frame) => {
                        assert_eq!(
                            (&frame["type"], &frame["code"]),
                            (&json!("bye"), &json!(4500)),
                            "{frame}"
                        );
                        assert_eq!(racer.expect_close().await.code, Some(4500));
                        replaced.fetch_add(1, Ordering::SeqCst);
                        return None;
                    }
                    Err(Ended::TimedOut) => {}
                    Err(ended) => panic!("a session ends without a word: {ended}"),
                }
            }
            Some(racer)
        });
    }
    let settled = timeout(PATIENCE, settling.join_all()).await.expect("all but one are replaced");
    let mut staying: Vec<V1Client> = settled.into_iter().flatten().collect();
    let mut stays = staying.pop().expect("one stays");
    assert!(staying.is_empty(), "{} more stay", staying.len());
    if stays.welcome.is_null() {
        stays.welcome = stays.expect_type("welcome").await;
    }
    stays
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_processes_under_one_name_end_with_one_and_a_line_that_says_what_to_set() {
    let servers = Servers::start().await;
    let (first, other) = (servers.node("node-1"), servers.node("node-2"));
    first.instance.restart().await;
    other.instance.restart().await;
    let mut one = V1Client::connect(&first.url("1")).await;
    let mut two = V1Client::connect(&other.url("2")).await;

    // One that finds the name held waits, and then goes; the holder keeps its lease and its mail.
    let second = servers.node("node-1");
    second.instance.launch();
    assert_eq!(second.instance.exit_code().await, 69);
    let advice = format!("node-1 is 127.0.0.1:{}; set node.name", first.port);
    second.instance.process().wait_for_line(&format!("trunkline: {advice}"), PATIENCE).await;
    two.send_to_user("1", "still yours?").await;
    assert_eq!(one.expect_type("message").await["content"], "still yours?");

    // One that stood still for longer than its lease finds its name taken.
    first.instance.pause();
    second.instance.restart().await;
    let mut again = V1Client::connect(&second.url("1")).await;
    first.instance.resume();
    one.expect_bye(4004).await;
    assert_eq!(first.instance.exit_code().await, 69);
    let advice = format!("node-1 is 127.0.0.1:{}; set node.name", second.port);
    first.instance.process().wait_for_line(&format!("trunkline: {advice}"), PATIENCE).await;
    poll::until("the new holder is reached", PATIENCE, async || {
        two.send_to_user("1", "and you?").await;
        again.try_next(GLANCE * 10).await.map(|frame| assert_eq!(frame["content"], "and you?"))
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_up_that_stood_still_while_another_took_its_names_exits_69() {
    let servers = Servers::start().await;
    let (redis, bus) = (servers.redis.url(), format!("{}?create=true", servers.rocketmq.url()));
    let arguments = ["--nodes", "2", "--directory", &redis, "--bus", &bus, "--store", "none"];
    let leases = ["--set", "directory.lease=3s", "--set", "directory.renew=1s"];
    let arguments = [&arguments[..], &leases[..]].concat();
    let first = Up::start_with(TRUNKLINE, &arguments).await;
    let mut one = first.login("1").await;
    first.instance().pause();
    let second = Up::start_with(TRUNKLINE, &arguments).await;
    first.instance().resume();
    one.expect_bye(4004).await;
    assert_eq!(first.instance().exit_code().await, 69);
    first.process().wait_for_line("; set node.name", PATIENCE).await;
    second.login("1").await.close().await;
}
