//! Topics and groups that are missing, that are created, and the one for copies.

use adapters::bus::{RocketMqBus, RocketMqOptions};
use ports::Retry;
use ports::bus::Bus;
use rocketmq::{Client, Config};
use testkit::servers::RocketMq;
use wire::envelope::Lane;

use super::{body, boot, options, to_node};

const COPIES: &str = "COPIES";

fn with_copies(server: &RocketMq, create: bool) -> RocketMqBus {
    RocketMqBus::new(RocketMqOptions { copy: Some(COPIES.to_owned()), create, ..options(server) }).unwrap()
}

pub(crate) async fn missing_topics_are_named_with_the_command_that_creates_them(server: &RocketMq) {
    let error = with_copies(server, false).open_inbox(&boot("missing")).await.err().unwrap();
    let line = error.chain();
    assert_eq!(error.retry, Retry::Never, "{line}");
    for topic in ["SINGLE", "GROUP", "TRUNKLINE", COPIES] {
        let command = format!("mqadmin updateTopic -n '{}' -c DefaultCluster -t {topic}", server.address());
        assert!(line.contains(&command), "{line}");
    }
    assert!(line.contains("?create=true") && !line.contains('\n'), "{line}");
}

pub(crate) async fn missing_topics_and_groups_are_created_when_asked_for(server: &RocketMq) {
    let node = boot("created");
    let bus = with_copies(server, true);
    let mut inbox = bus.open_inbox(&node).await.unwrap();
    assert!(bus.post(vec![to_node(&node, Lane::Single, "k", "hi".to_owned())]).await[0].is_ok());
    assert_eq!(body(&mut inbox).await, (Lane::Single, "hi".to_owned()));
    // The topics are there now; the groups of another node are not.
    let error = with_copies(server, false).open_inbox(&boot("groupless")).await.err().unwrap();
    assert_eq!(error.retry, Retry::Never);
    assert!(error.chain().contains("mqadmin updateSubGroup"), "{}", error.chain());
    with_copies(server, false).open_inbox(&node).await.unwrap();
}

pub(crate) async fn copies_lie_in_their_topic_once_each(server: &RocketMq) {
    let bus = with_copies(server, false);
    assert!(bus.wants_copies());
    for number in 0..20 {
        bus.copy(format!("d:{number}:2").into(), format!("copy {number}").into()).await.unwrap();
    }
    let client = Client::new(Config::new([server.address().to_string()])).unwrap();
    let route = client.topic_route(COPIES).await.unwrap();
    let mut copies = Vec::new();
    for queue in &route.readable {
        let stretch = client.read(queue, 0).await.unwrap();
        copies.extend(
            stretch.messages.into_iter().map(|message| String::from_utf8(message.body.to_vec()).unwrap()),
        );
    }
    copies.sort_by_key(|copy| copy["copy ".len()..].parse::<u32>().unwrap());
    let expected: Vec<String> = (0..20).map(|number| format!("copy {number}")).collect();
    assert_eq!(copies, expected);
}
