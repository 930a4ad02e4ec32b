//! The servers of this kit live, die and come back as they promise.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests, and the helpers between them")]

use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use testkit::http::Http;
use testkit::java::JavaProgram;
use testkit::poll;
use testkit::servers::{Nacos, NacosOptions, Postgres, RabbitMq, Redis, Reply, RocketMq, RocketMqOptions};

fn connects(address: SocketAddr) -> bool {
    TcpStream::connect_timeout(&address, Duration::from_secs(1)).is_ok()
}

fn ok() -> Reply {
    Reply::Simple("OK".to_owned())
}

fn bulk(text: &str) -> Reply {
    Reply::Bulk(text.to_owned())
}

#[tokio::test]
async fn redis_forgets_at_restart_unless_it_appends() {
    let forgetful = Redis::start().await;
    let faithful = Redis::start_with(&[("appendonly", "yes"), ("appendfsync", "always")]).await;
    for redis in [&forgetful, &faithful] {
        assert_eq!(redis.command(&["SET", "a", "1"]).await, ok());
        redis.kill_9().await;
        assert!(!connects(redis.address()), "a killed redis still listens");
        redis.restart().await;
    }
    assert_eq!(forgetful.command(&["GET", "a"]).await, Reply::Nil);
    assert_eq!(faithful.command(&["GET", "a"]).await, bulk("1"));
    faithful.flush_all().await;
    assert_eq!(faithful.command(&["DBSIZE"]).await, Reply::Integer(0));
}

#[tokio::test]
async fn redis_answers_errors_and_lists_as_such() {
    let redis = Redis::start_with(&[("requirepass", "secret")]).await;
    assert!(matches!(redis.command(&["NO-SUCH"]).await, Reply::Error(_)));
    let policy = redis.command(&["CONFIG", "GET", "maxmemory-policy"]).await;
    assert_eq!(policy, Reply::Array(vec![bulk("maxmemory-policy"), bulk("noeviction")]));
    assert!(redis.url().starts_with("redis://:secret@127.0.0.1:"));
}

#[tokio::test]
async fn a_paused_redis_takes_connections_and_answers_nothing_until_it_is_resumed() {
    let redis = Redis::start().await;
    redis.pause();
    assert!(connects(redis.address()), "the kernel takes connections for a stopped process");
    let asked = poll::try_until(Duration::from_millis(200), async || {
        redis.command(&["PING"]).await;
        true
    });
    assert!(asked.await.is_err(), "a stopped redis answered");
    redis.resume();
    assert_eq!(redis.command(&["PING"]).await, Reply::Simple("PONG".to_owned()));
    redis.pause();
    redis.stop().await;
    assert!(!redis.server().is_running());
}

#[tokio::test]
#[should_panic(expected = "Bad directive")]
async fn a_server_that_does_not_start_shows_what_it_said() {
    Redis::start_with(&[("no-such-setting", "1")]).await;
}

#[tokio::test]
async fn nacos_comes_back_on_its_port_after_a_kill() {
    let nacos = Nacos::start_with(NacosOptions { hang_seconds: Some(5), ..NacosOptions::default() }).await;
    assert!(connects(nacos.address()) && connects(nacos.grpc_address()));
    nacos.kill_9().await;
    assert!(!connects(nacos.address()) && !connects(nacos.grpc_address()));
    nacos.restart().await;
    assert!(connects(nacos.address()) && connects(nacos.grpc_address()));
    nacos.stop().await;
    assert!(!connects(nacos.address()));
}

#[tokio::test]
async fn nacos_can_be_reached_through_two_proxies() {
    let nacos = Nacos::start().await;
    let (http, grpc) = nacos.proxies();
    assert_eq!(grpc.address().port(), http.address().port() + 1000);
    let answer =
        Http::at(&format!("http://{}", http.address())).get("/nacos/v1/console/health/readiness").await;
    assert_eq!(answer.status, 200);
    http.refuse().await;
    assert!(!connects(http.address()) && connects(grpc.address()) && connects(nacos.address()));
}

/// Sends its second argument's number of messages to topic SINGLE by the official client.
const PRODUCER: &str = r#"
import org.apache.rocketmq.client.producer.*;
import org.apache.rocketmq.common.message.Message;
public class Produce {
    public static void main(String[] args) throws Exception {
        DefaultMQProducer producer = new DefaultMQProducer("test");
        producer.setNamesrvAddr(args[0]);
        producer.start();
        for (int n = 0; n < Integer.parseInt(args[1]); n++) {
            System.out.println(producer.send(new Message("SINGLE", "node-1", ("{" + n + "}").getBytes())).getSendStatus());
        }
        System.exit(0);
    }
}
"#;

#[tokio::test]
async fn rocketmq_broker_dies_and_returns_while_its_name_server_lives_on() {
    let options = RocketMqOptions { broker_behind_proxy: true, ..RocketMqOptions::default() };
    let rocketmq = RocketMq::start_with(options).await;
    assert!(!connects(rocketmq.broker_address()), "only the proxy may listen there");
    assert!(connects(rocketmq.broker_listens_on()));

    let proxy = rocketmq.broker_proxy();
    rocketmq.create_topic("SINGLE", 8).await;
    assert_eq!(rocketmq.messages_on("SINGLE").await, 0);
    let produce = JavaProgram::compile("Produce", PRODUCER).await;
    let sent = produce.run(&[&rocketmq.address().to_string(), "11"], Duration::from_secs(60)).await;
    assert_eq!(sent, ["SEND_OK"; 11]);
    assert_eq!(rocketmq.messages_on("SINGLE").await, 11);
    assert!(proxy.counters().bytes_to_server > 0, "the official client went past the proxy");

    rocketmq.broker.kill_9().await;
    assert!(!connects(rocketmq.broker_listens_on()) && connects(rocketmq.address()));
    assert!(rocketmq.name_server.is_running() && !rocketmq.broker.is_running());
    rocketmq.broker.restart().await;
    assert_eq!(rocketmq.messages_on("SINGLE").await, 11, "the broker's data outlives it");
    rocketmq.stop().await;
    assert!(!connects(rocketmq.address()));
}

#[tokio::test]
async fn rabbitmq_comes_back_on_its_port_with_its_data_and_blocks_publishers_when_told_to() {
    let rabbitmq = RabbitMq::start().await;
    assert_eq!(rabbitmq.queues().await, []);
    rabbitmq.ctl(&["add_user", "somebody", "secret"]).await;
    rabbitmq.kill_9().await;
    assert!(!connects(rabbitmq.address()), "a killed RabbitMQ still listens");
    rabbitmq.restart().await;
    let users = rabbitmq.ctl(&["list_users", "--no-table-headers"]).await;
    assert!(users.iter().any(|line| line.starts_with("somebody")), "{users:?}");
    let alarms = async || rabbitmq.ctl(&["eval", "rabbit_alarm:get_alarms()."]).await.concat();
    for blocked in [true, false] {
        rabbitmq.block_publishers(blocked).await;
        poll::until("the alarm is as told", Duration::from_secs(20), async || {
            let alarms = alarms().await;
            if alarms.contains("memory") == blocked { Ok(()) } else { Err(alarms) }
        })
        .await;
    }
    rabbitmq.stop().await;
    assert!(!connects(rabbitmq.address()));
}

#[tokio::test]
async fn postgres_keeps_what_was_committed_through_a_kill_and_a_restart() {
    let postgres = Postgres::start().await;
    postgres.execute("CREATE TABLE a (n int); INSERT INTO a VALUES (7)").await;
    postgres.kill_9().await;
    assert!(!connects(([127, 0, 0, 1], postgres.port()).into()), "a killed postgres still listens");
    postgres.restart().await;
    assert_eq!(postgres.execute("SELECT n FROM a").await, "7");
    postgres.stop().await;
    assert!(!postgres.is_running());
    postgres.restart().await;
    assert_eq!(postgres.execute("SELECT n + 1 FROM a").await, "8");
    let other = postgres.create_database("other").await;
    assert!(other.ends_with("/other"), "{other}");
    assert_eq!(
        postgres.execute_in("other", "SELECT 'a' < 'B'").await,
        "t",
        "its text is not ordered by bytes"
    );
}

#[tokio::test]
async fn a_paused_postgres_takes_connections_and_answers_nothing_until_it_is_resumed() {
    let postgres = Postgres::start_with_password("it's a % secret").await;
    assert!(postgres.url().contains(":%69%74%27%73%20"), "{}", postgres.url());
    postgres.pause();
    assert!(connects(([127, 0, 0, 1], postgres.port()).into()));
    let asked = poll::try_until(Duration::from_millis(300), async || {
        postgres.execute("SELECT 1").await;
        true
    });
    assert!(asked.await.is_err(), "a stopped postgres answered");
    postgres.resume();
    assert_eq!(postgres.execute("SELECT 1").await, "1");
}
