//! The bus that is a RocketMQ, against the Java broker.
//!
//! A broker takes seconds to start, so each of the two here is shared by the checks that one test runs after another.

mod faults;
mod foreign;
mod setup;

use std::sync::Arc;
use std::time::Duration;

use adapters::bus::{RocketMqBus, RocketMqOptions};
use async_trait::async_trait;
use ports::Ambient;
use ports::bus::{Address, Bus, Inbox, Mail, Posting};
use ports::contract::{self, bus::BusBed};
use testkit::servers::{RocketMq, RocketMqOptions as ServerOptions};
use tokio::time::timeout;
use wire::envelope::Lane;
use wire::id::{Boot, NodeName};

/// A broker that restarts on a busy machine needs 10 s and more.
const PATIENCE: Duration = Duration::from_secs(60);

struct RocketMqBed {
    server: RocketMq,
}

#[async_trait]
impl BusBed for RocketMqBed {
    async fn bus(&self) -> Arc<dyn Bus> {
        let options = RocketMqOptions { create: true, ..options(&self.server) };
        Arc::new(RocketMqBus::new(options).unwrap())
    }

    async fn take_away(&self) {
        self.server.broker.kill_9().await;
    }

    async fn bring_back(&self) {
        self.server.broker.restart().await;
    }

    fn patience(&self) -> Duration {
        PATIENCE
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rocketmq_keeps_the_promises_of_a_bus_and_survives_its_broker() {
    let bed = RocketMqBed { server: RocketMq::start().await };
    contract::bus::check_all(&bed).await;
    faults::a_broker_killed_in_mid_traffic_loses_and_reorders_nothing_accepted(&bed.server).await;
    faults::a_broker_that_hangs_fails_posts_in_time_and_is_used_again_later(&bed.server).await;
    faults::a_broker_that_is_away_at_start_is_an_outage_and_no_missing_topic(&bed.server).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rocketmq_that_creates_nothing_by_itself_is_set_up_and_shared_with_java() {
    let lines = ["autoCreateTopicEnable=false", "autoCreateSubscriptionGroup=false"];
    let broker_lines = lines.map(str::to_owned).to_vec();
    let server = RocketMq::start_with(ServerOptions { broker_lines, ..ServerOptions::default() }).await;
    setup::missing_topics_are_named_with_the_command_that_creates_them(&server).await;
    setup::missing_topics_and_groups_are_created_when_asked_for(&server).await;
    setup::copies_lie_in_their_topic_once_each(&server).await;
    foreign::what_java_sends_arrives_on_its_lane_inflated(&server).await;
}

#[tokio::test]
async fn a_name_server_that_is_away_is_an_outage() {
    let nobody = format!("127.0.0.1:{}", testkit::ports::free());
    let bus = RocketMqBus::new(RocketMqOptions::new([nobody])).unwrap();
    assert!(!bus.state().up);
    let error = bus.open_inbox(&boot("away")).await.err().unwrap();
    assert!(matches!(error.retry, ports::Retry::After(_)), "{}", error.chain());
}

fn options(server: &RocketMq) -> RocketMqOptions {
    RocketMqOptions::new([server.address().to_string()])
}

fn boot(name: &str) -> Boot {
    let ambient = Ambient::system();
    let node: NodeName = format!("{name}-{}", ambient.message_id()).parse().unwrap();
    Boot { node, nonce: ambient.nonce() }
}

fn to_node(boot: &Boot, lane: Lane, key: &str, body: String) -> Posting {
    Posting { to: Address::Node(boot.node.clone()), lane, key: key.into(), body: body.into() }
}

/// The next mail that is a body.
async fn body(inbox: &mut Box<dyn Inbox>) -> (Lane, String) {
    loop {
        match timeout(PATIENCE, inbox.next()).await.expect("mail must arrive") {
            Some(Mail::Arrived { lane, body }) => return (lane, String::from_utf8(body.to_vec()).unwrap()),
            Some(Mail::WasDeaf(_)) => {}
            None => panic!("the inbox ended"),
        }
    }
}
