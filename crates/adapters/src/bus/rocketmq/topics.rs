//! The topics and consumer groups of the bus: what they are called, and whether they are there.

use ports::bus::Address;
use ports::{PortError, Retry};
use rocketmq::{Client, Error, Fault, Tags};
use wire::envelope::Lane;
use wire::id::NodeName;

use super::{RocketMqOptions, SEAM};

/// The tag of what is for everybody, on the group topic; the Java original's.
const TAG_MESSAGE: &str = "MESSAGE";
/// The tag of what is for all nodes, on the control topic. No node may have this name.
const TAG_ALL: &str = "ALL";
/// Queues of a topic that we create: as many as a broker gives one by itself.
const QUEUES: u32 = 4;
/// Every broker announces this topic by itself: where it is known, a broker is there, and a topic that is not known is missing.
const TOPIC_OF_EVERY_BROKER: &str = "SELF_TEST_TOPIC";

/// What one lane is read from.
pub(super) struct Source {
    pub(super) lane: Lane,
    pub(super) topic: String,
    pub(super) group: String,
    pub(super) tags: Tags,
}

/// The topic of a lane.
pub(super) fn topic_of(options: &RocketMqOptions, lane: Lane) -> &str {
    match lane {
        Lane::Single => &options.single,
        Lane::Group => &options.group,
        Lane::Control => &options.control,
    }
}

/// The tag that leads to an address on a lane that leads there.
pub(super) fn tag_of(lane: Lane, to: &Address) -> &str {
    match (lane, to) {
        (Lane::Group, _) => TAG_MESSAGE,
        (_, Address::Node(node)) => node.as_str(),
        (_, Address::All) => TAG_ALL,
    }
}

/// What a node reads.
pub(super) fn sources(options: &RocketMqOptions, node: &NodeName) -> Result<[Source; 3], PortError> {
    let name = node.as_str();
    if name == TAG_ALL {
        return Err(PortError::refused(SEAM, OPEN, "no node can be called ALL on RocketMQ: set node.name"));
    }
    let tags = |expression: &str| expression.parse().map_err(|error: Error| port_error(OPEN, error));
    let source = |lane, group: &str, tags| Source {
        lane,
        topic: topic_of(options, lane).to_owned(),
        group: format!("{group}-{name}"),
        tags,
    };
    Ok([
        source(Lane::Single, "simple", tags(name)?),
        // Java nodes read it whatever the tag, so whoever writes there need not know ours.
        source(Lane::Group, "trunkline", Tags::every()),
        source(Lane::Control, "trunkline", tags(&format!("{name} || {TAG_ALL}"))?),
    ])
}

const OPEN: &str = "open an inbox";

/// Makes sure that all topics and groups are there; creates them where that is wanted.
pub(super) async fn prepare(
    client: &Client,
    options: &RocketMqOptions,
    sources: &[Source],
) -> Result<(), PortError> {
    let of_lanes = [&options.single, &options.group, &options.control].into_iter();
    let topics: Vec<&str> = of_lanes.chain(&options.copy).map(String::as_str).collect();
    if options.create {
        for topic in topics {
            client.ensure_topic(topic, QUEUES).await.map_err(|error| port_error(OPEN, error))?;
        }
        for source in sources {
            client.ensure_group(&source.group).await.map_err(|error| port_error(OPEN, error))?;
        }
        return Ok(());
    }
    let mut missing = Vec::new();
    for topic in topics {
        match client.topic_route_now(topic).await {
            Ok(_) => {}
            Err(Error::NoSuchTopic { .. }) => missing.push(topic),
            Err(error) => return Err(port_error(OPEN, error)),
        }
    }
    if missing.is_empty() { Ok(()) } else { Err(missing_topics(client, options, &missing).await) }
}

/// A name server forgets the topics of a broker that is away, so only where there is a broker they are truly missing.
async fn missing_topics(client: &Client, options: &RocketMqOptions, missing: &[&str]) -> PortError {
    let name_servers = options.name_servers.join(";");
    if client.topic_route_now(TOPIC_OF_EVERY_BROKER).await.is_err() {
        return PortError::outage(SEAM, OPEN, format!("the name server at {name_servers} knows no broker"));
    }
    let command =
        |topic: &&str| format!("mqadmin updateTopic -n '{name_servers}' -c DefaultCluster -t {topic}");
    let commands: Vec<String> = missing.iter().map(command).collect();
    let what = format!(
        "RocketMQ has no topic {}: run `{}` (with the name of your cluster), or add ?create=true",
        missing.join(", "),
        commands.join(" && ")
    );
    PortError::refused(SEAM, OPEN, what)
}

/// The crate's error as a seam's. What somebody has to set up is not tried again; a topic may only be out of sight.
pub(super) fn port_error(during: &'static str, error: Error) -> PortError {
    let is_final = match error.fault() {
        Fault::Caller => error.retry() == rocketmq::Retry::Never,
        Fault::Setup => !matches!(error, Error::NoSuchTopic { .. }),
        Fault::Server | Fault::Network => false,
    };
    let outage = PortError::outage(SEAM, during, error);
    if is_final { PortError { retry: Retry::Never, ..outage } } else { outage }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lanes_have_the_topics_tags_and_groups_that_java_nodes_know() {
        let options = RocketMqOptions::new(["h:1"]);
        let node: NodeName = "node-1".parse().unwrap();
        let to_node = Address::Node(node.clone());
        assert_eq!((topic_of(&options, Lane::Single), tag_of(Lane::Single, &to_node)), ("SINGLE", "node-1"));
        assert_eq!(
            (topic_of(&options, Lane::Group), tag_of(Lane::Group, &Address::All)),
            ("GROUP", "MESSAGE")
        );
        assert_eq!(
            (topic_of(&options, Lane::Control), tag_of(Lane::Control, &to_node)),
            ("TRUNKLINE", "node-1")
        );
        assert_eq!(tag_of(Lane::Control, &Address::All), "ALL");
        let sources = sources(&options, &node).unwrap();
        assert_eq!(
            sources.each_ref().map(|source| source.group.as_str()),
            ["simple-node-1", "trunkline-node-1", "trunkline-node-1"]
        );
        let accepted = |tag| sources.each_ref().map(|source| source.tags.accept(tag));
        assert_eq!(accepted(Some("node-1")), [true, true, true]);
        assert_eq!(accepted(Some("node-2")), [false, true, false]);
        assert_eq!(accepted(Some("ALL")), [false, true, true]);
        assert_eq!(accepted(None), [false, true, false]);
    }

    #[test]
    fn a_node_whose_name_is_the_tag_of_all_is_refused() {
        let error = sources(&RocketMqOptions::new(["h:1"]), &"ALL".parse().unwrap()).err().unwrap();
        assert_eq!(error.retry, Retry::Never);
    }

    #[test]
    fn a_broker_that_says_no_is_an_outage_and_a_missing_group_is_not() {
        let topic = Error::NoSuchTopic { topic: "T".to_owned() };
        let group = Error::NoSuchGroup { group: "g".to_owned(), address: "b:1".to_owned() };
        let busy = Error::Refused { address: "b:1".to_owned(), code: 2, remark: "busy".to_owned() };
        let odd = Error::Refused { address: "b:1".to_owned(), code: 77, remark: "odd".to_owned() };
        let is_final = |error| port_error("x", error).retry == Retry::Never;
        assert_eq!([topic, group, busy, odd].map(is_final), [false, true, false, false]);
    }
}
