//! What `bus` may be.

use percent_encoding::percent_decode_str;

use super::{BackendUrl, HostPort, split_scheme, unknown_scheme};
use crate::config::secret::Secret;

/// How nodes talk to each other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BusBackend {
    /// In this process.
    Memory,
    /// RabbitMQ.
    RabbitMq(RabbitMq),
    /// RocketMQ.
    RocketMq(RocketMq),
}

/// How RabbitMQ is reached, as whom, and how its exchanges and queues are called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RabbitMq {
    /// Its nodes.
    pub servers: Vec<HostPort>,
    /// User and password; nothing stands for RabbitMQ's own `guest`.
    pub login: Option<(String, Secret)>,
    /// The virtual host.
    pub virtual_host: String,
    /// How the names of exchanges and queues begin.
    pub prefix: String,
    /// The queue that a copy of every accepted message goes to.
    pub copy: Option<String>,
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

/// The port of a RabbitMQ.
const RABBITMQ_PORT: u16 = 5672;
/// The longest name of anything in AMQP.
const NAME_BYTES_MAX: usize = 255;
/// A prefix leaves room for the name of a node and its boot.
const PREFIX_CHARS_MAX: usize = 100;
/// The port of a RocketMQ name server.
pub(super) const NAME_SERVER_PORT: u16 = 9876;
/// The longest name of a topic that RocketMQ takes.
const TOPIC_CHARS_MAX: usize = 127;

impl BusBackend {
    /// Parses a URL. The error is for people, and names no secret.
    pub fn parse(text: &str) -> Result<BusBackend, String> {
        match split_scheme(text) {
            ("memory", "") => Ok(BusBackend::Memory),
            ("amqp", rest) => RabbitMq::parse(rest).map(BusBackend::RabbitMq),
            ("rocketmq", rest) => RocketMq::parse(rest).map(BusBackend::RocketMq),
            _ => {
                let later = ["amqps", "nats", "redis", "rediss", "tls"];
                Err(unknown_scheme(text, "memory, amqp://HOST:5672 or rocketmq://HOST:9876", &later))
            }
        }
    }

    /// Whether other processes see it too.
    pub fn is_shared(&self) -> bool {
        !matches!(self, BusBackend::Memory)
    }
}

impl RabbitMq {
    fn parse(rest: &str) -> Result<RabbitMq, String> {
        let url = BackendUrl::parse(rest, RABBITMQ_PORT, &["prefix", "copy"])?;
        let login = match (&url.user, &url.password) {
            (Some(user), Some(password)) if user.len() <= NAME_BYTES_MAX => {
                Some((user.clone(), password.clone()))
            }
            (None, None) => None,
            (Some(_), Some(_)) => return Err("the user's name is too long".to_owned()),
            _ => return Err("user and password go together: amqp://USER:PASSWORD@HOST".to_owned()),
        };
        let virtual_host = percent_decode_str(&url.path).decode_utf8();
        let virtual_host =
            virtual_host.map_err(|_| "the virtual host is not UTF-8 when decoded")?.into_owned();
        // A `/` behind it would be part of its name, which nobody means.
        if url.path.contains('/') || virtual_host.len() > NAME_BYTES_MAX {
            return Err(
                "one virtual host is expected behind the hosts; percent-encode a / in its name".to_owned()
            );
        }
        let prefix = url.parameter("prefix").unwrap_or("trunkline").to_owned();
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        if prefix.len() > PREFIX_CHARS_MAX || !prefix.chars().all(plain) || prefix.starts_with("amq.") {
            return Err(
                "parameter `prefix` is no beginning of a name (letters, digits, - _ ., not amq.)".to_owned()
            );
        }
        let copy = url.parameter("copy").map(str::to_owned);
        if let Some(copy) = &copy
            && (copy.len() > NAME_BYTES_MAX
                || copy.starts_with("amq.")
                || copy.starts_with(&format!("{prefix}.")))
        {
            return Err(format!(
                "parameter `copy` is not the name of a queue, or begins with amq. or {prefix}."
            ));
        }
        let virtual_host = if virtual_host.is_empty() { "/".to_owned() } else { virtual_host };
        Ok(RabbitMq { servers: url.hosts, login, virtual_host, prefix, copy })
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
