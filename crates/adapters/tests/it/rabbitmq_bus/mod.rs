//! The bus that is a RabbitMQ, against a real one.
//!
//! A broker takes seconds to start, so each is shared by the checks that one test runs after another.

mod faults;
mod hanging;
mod looker;
mod places;
mod setup;

use std::sync::Arc;
use std::time::Duration;

use adapters::bus::{RabbitMqBus, RabbitMqOptions};
use async_trait::async_trait;
use ports::Ambient;
use ports::bus::{Address, Bus, Inbox, Mail, Posting};
use ports::contract::{self, bus::BusBed};
use testkit::servers::RabbitMq;
use tokio::time::timeout;
use wire::envelope::Lane;
use wire::id::{Boot, NodeName};

use self::looker::Looker;

/// A broker that restarts on a busy machine needs 10 s and more.
const PATIENCE: Duration = Duration::from_secs(60);

struct RabbitMqBed {
    server: RabbitMq,
}

#[async_trait]
impl BusBed for RabbitMqBed {
    async fn bus(&self) -> Arc<dyn Bus> {
        Arc::new(RabbitMqBus::new(options(&self.server)))
    }

    async fn take_away(&self) {
        self.server.kill_9().await;
    }

    async fn bring_back(&self) {
        self.server.restart().await;
    }

    fn patience(&self) -> Duration {
        PATIENCE
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rabbitmq_keeps_the_promises_of_a_bus_and_survives_its_broker() {
    let bed = RabbitMqBed { server: RabbitMq::start().await };
    contract::bus::check_all(&bed).await;
    faults::a_broker_that_restarts_in_mid_traffic_loses_and_reorders_nothing_accepted(&bed.server).await;
    faults::a_broker_killed_in_mid_traffic_loses_and_reorders_nothing_accepted(&bed.server).await;
    faults::a_broker_that_is_away_at_start_is_an_outage(&bed.server).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rabbitmq_that_hangs_or_takes_nothing_holds_nobody_up() {
    let server = RabbitMq::start().await;
    hanging::a_broker_without_memory_fails_posts_in_time_and_still_opens_inboxes(&server).await;
    hanging::a_broker_that_hangs_fails_posts_in_time_and_is_used_again_later(&server).await;
    hanging::a_broker_that_never_answers_leaves_no_thread_behind().await;
    hanging::a_burst_of_a_hundred_thousand_is_taken_in_order(&server).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_name_has_one_inbox_and_a_node_that_is_gone_is_known() {
    let server = RabbitMq::start().await;
    places::an_inbox_in_another_process_takes_the_place(&server).await;
    places::a_predecessor_that_was_cut_off_does_not_come_back(&server).await;
    places::a_new_boot_reads_nothing_old_and_drops_it(&server).await;
    places::an_inbox_whose_queue_was_deleted_makes_it_again(&server).await;
    places::a_node_that_left_is_told_from_one_that_is_away(&server).await;
    places::each_of_many_postings_has_its_own_answer(&server).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_only_a_person_can_mend_is_said_at_once_and_names_no_secret() {
    let server = RabbitMq::start().await;
    setup::a_wrong_password_is_final_and_not_shown(&server).await;
    setup::missing_permissions_are_named_with_the_command_that_gives_them(&server).await;
    setup::an_exchange_that_is_declared_otherwise_is_named(&server).await;
    setup::copies_lie_in_their_queue_once_each(&server).await;
    setup::another_server_is_used_where_the_first_is_away(&server).await;
}

#[tokio::test]
async fn a_rabbitmq_that_is_nowhere_is_an_outage() {
    let nobody = ("127.0.0.1".to_owned(), testkit::ports::free());
    let bus = RabbitMqBus::new(RabbitMqOptions::new([nobody]));
    assert!(!bus.state().up);
    let error = bus.open_inbox(&boot("away")).await.err().unwrap();
    assert!(matches!(error.retry, ports::Retry::After(_)), "{}", error.chain());
}

fn options(server: &RabbitMq) -> RabbitMqOptions {
    at(server.address())
}

fn at(address: std::net::SocketAddr) -> RabbitMqOptions {
    RabbitMqOptions::new([(address.ip().to_string(), address.port())])
}

fn boot(name: &str) -> Boot {
    let ambient = Ambient::system();
    let node: NodeName = format!("{name}-{}", ambient.message_id()).parse().unwrap();
    Boot { node, nonce: ambient.nonce() }
}

/// Another boot of the same node.
fn reborn(boot: &Boot) -> Boot {
    Boot { node: boot.node.clone(), nonce: Ambient::system().nonce() }
}

fn to_node(boot: &Boot, lane: Lane, key: &str, body: impl Into<String>) -> Posting {
    Posting { to: Address::Node(boot.node.clone()), lane, key: key.into(), body: body.into().into() }
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

fn queue_of(boot: &Boot) -> String {
    format!("trunkline.node.{}", boot.node)
}

async fn looker(server: &RabbitMq) -> Looker {
    Looker::at(server.address()).await
}
