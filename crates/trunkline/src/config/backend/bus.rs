//! What `bus` may be.

use super::{BackendUrl, HostPort, split_scheme, unknown_scheme};

/// How nodes talk to each other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BusBackend {
    /// In this process.
    Memory,
    /// RocketMQ.
    RocketMq(RocketMq),
}

/// How RocketMQ is reached, and what its topics are called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RocketMq {
    /// The name servers.
    pub name_servers: Vec<HostPort>,
    /// The topic of messages to one node.
    pub single: String,
    /// The topic of messages to everybody that Java nodes read too.
    pub group: String,
    /// The topic of what no Java node should see.
    pub control: String,
    /// Whether topics that are missing are created.
    pub create: bool,
    /// The topic that a copy of every accepted message goes to.
    pub copy: Option<String>,
}

/// The port of a RocketMQ name server.
pub(super) const NAME_SERVER_PORT: u16 = 9876;
/// The longest name of a topic that RocketMQ takes.
const TOPIC_CHARS_MAX: usize = 127;

impl BusBackend {
    /// Parses a URL. The error is for people, and names no secret.
    pub fn parse(text: &str) -> Result<BusBackend, String> {
        match split_scheme(text) {
            ("memory", "") => Ok(BusBackend::Memory),
            ("rocketmq", rest) => RocketMq::parse(rest).map(BusBackend::RocketMq),
            _ => {
                let later = ["amqp", "amqps", "nats", "redis", "rediss", "tls"];
                Err(unknown_scheme(text, "memory or rocketmq://HOST:9876", &later))
            }
        }
    }

    /// Whether other processes see it too.
    pub fn is_shared(&self) -> bool {
        matches!(self, BusBackend::RocketMq(_))
    }
}

impl RocketMq {
    /// With the topics' usual names.
    pub fn at(name_servers: Vec<HostPort>) -> RocketMq {
        RocketMq {
            name_servers,
            single: "SINGLE".to_owned(),
            group: "GROUP".to_owned(),
            control: "TRUNKLINE".to_owned(),
            create: false,
            copy: None,
        }
    }

    fn parse(rest: &str) -> Result<RocketMq, String> {
        let url =
            BackendUrl::parse(rest, NAME_SERVER_PORT, &["single", "group", "control", "create", "copy"])?;
        if url.user.is_some() || url.password.is_some() {
            return Err("a user (RocketMQ's ACL) is not supported yet".to_owned());
        }
        if !url.path.is_empty() {
            return Err("a path has no meaning here".to_owned());
        }
        let mut rocketmq = RocketMq::at(url.hosts.clone());
        rocketmq.create = url.flag("create")?.unwrap_or(false);
        rocketmq.copy = topic(&url, "copy")?;
        for (name, field) in [
            ("single", &mut rocketmq.single),
            ("group", &mut rocketmq.group),
            ("control", &mut rocketmq.control),
        ] {
            if let Some(topic) = topic(&url, name)? {
                *field = topic;
            }
        }
        let names = [&rocketmq.single, &rocketmq.group, &rocketmq.control];
        let same = names[0] == names[1] || names[0] == names[2] || names[1] == names[2];
        if same || rocketmq.copy.as_ref().is_some_and(|copy| names.contains(&copy)) {
            return Err("single, group, control and copy must be different topics".to_owned());
        }
        Ok(rocketmq)
    }
}

fn topic(url: &BackendUrl, name: &str) -> Result<Option<String>, String> {
    let Some(topic) = url.parameter(name) else { return Ok(None) };
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '%' | '|');
    if topic.len() > TOPIC_CHARS_MAX || !topic.chars().all(plain) {
        return Err(format!("parameter `{name}` is not the name of a topic (letters, digits, - _ % |)"));
    }
    Ok(Some(topic.to_owned()))
}
