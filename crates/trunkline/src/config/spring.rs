//! Spring's own addresses of Nacos, Redis and RocketMQ, read where ours are silent.
//!
//! Promises: a file of the older Java service works as it is; what of Spring's is not read, though it matters, is warned of.
//! A password is never quoted.

use super::{
    backend::{BusBackend, RocketMq},
    backend::{DirectoryBackend, HostPort, Nacos, Redis, RegistryBackend, parse_hosts},
    de,
    problem::Problem,
    scalar::{Address, Port},
    secret::Secret,
    tree::{Node, Value},
};

const NACOS: &str = "spring.cloud.nacos";
const DISCOVERY: &str = "spring.cloud.nacos.discovery";

/// The registry that Spring Cloud Alibaba would use.
pub(super) fn registry(root: &Node) -> Result<Option<RegistryBackend>, Problem> {
    if text(root, &format!("{DISCOVERY}.enabled")) == Some("false") {
        return Ok(None);
    }
    let of = |name: &str| {
        root.find(&format!("{DISCOVERY}.{name}")).or_else(|| root.find(&format!("{NACOS}.{name}")))
    };
    let Some(address) = of("server-addr").filter(|node| !node.is_null()) else { return Ok(None) };
    let key = format!("{DISCOVERY}.server-addr");
    let text_of = |name: &str| of(name).and_then(Node::as_text).filter(|text| !text.is_empty());
    let servers = filled(address)
        .and_then(nacos_servers)
        .map_err(|message| Problem::of(&key, Some(&address.at), message))?;
    Ok(Some(RegistryBackend::Nacos(Nacos {
        servers,
        user: text_of("username").map(str::to_owned),
        password: text_of("password").map(Secret::new),
        namespace: Nacos::namespace_id(text_of("namespace").unwrap_or_default()),
        group: text_of("group").unwrap_or(Nacos::GROUP).to_owned(),
        cluster: text_of("cluster-name").unwrap_or(Nacos::CLUSTER).to_owned(),
    })))
}

/// The address that Spring Cloud Alibaba would announce.
pub(super) fn advertise(root: &Node) -> Result<Option<Address>, Problem> {
    let key = format!("{DISCOVERY}.ip");
    root.find(&key).filter(|node| !node.is_null()).map(|node| de::read(node, &key)).transpose()
}

/// The Redis that Spring Data would use.
pub(super) fn directory(root: &Node) -> Result<Option<DirectoryBackend>, Problem> {
    let sections = ["spring.data.redis", "spring.redis"];
    let Some((section, node)) = sections.iter().find_map(|name| Some((*name, root.find(name)?))) else {
        return Ok(None);
    };
    let Some(map) = node.as_map() else { return Ok(None) };
    for (name, why) in [("sentinel", "Sentinel"), ("cluster", "Redis Cluster")] {
        if let Some(found) = map.get_relaxed(name).filter(|node| !node.is_null()) {
            return Err(Problem::of(
                &format!("{section}.{name}"),
                Some(&found.at),
                format!("{why} is not supported yet"),
            ));
        }
    }
    let ssl = node
        .find("ssl.enabled")
        .or_else(|| map.get_relaxed("ssl"))
        .filter(|node| node.as_text() == Some("true"));
    if let Some(found) = ssl {
        return Err(Problem::of(
            &format!("{section}.ssl"),
            Some(&found.at),
            "TLS to Redis is not supported yet",
        ));
    }
    if let Some(url) = map.get_relaxed("url").and_then(Node::as_text) {
        let key = format!("{section}.url");
        return DirectoryBackend::parse(url)
            .map(Some)
            .map_err(|message| Problem::of(&key, Some(&node.at), message));
    }
    let text_of = |name: &str| map.get_relaxed(name).and_then(Node::as_text).filter(|text| !text.is_empty());
    let port = match map.get_relaxed("port").filter(|node| !node.is_null()) {
        Some(port) => de::read::<Port>(port, &format!("{section}.port"))?.0,
        None => 6379,
    };
    let database = match map.get_relaxed("database").filter(|node| !node.is_null()) {
        Some(number) => de::read::<super::scalar::Count>(number, &format!("{section}.database"))?.0,
        None => 0,
    };
    let host = match map.get_relaxed("host").filter(|node| !node.is_null()) {
        Some(host) => filled(host)
            .map_err(|message| Problem::of(&format!("{section}.host"), Some(&host.at), message))?,
        None => "localhost",
    };
    Ok(Some(DirectoryBackend::Redis(Redis {
        server: HostPort { host: host.to_owned(), port },
        user: text_of("username").map(str::to_owned),
        password: text_of("password").map(Secret::new),
        database,
        prefix: None,
        classic_keys: None,
        classic_prefix: None,
    })))
}

/// The RocketMQ that Spring's starter would use.
pub(super) fn bus(root: &Node) -> Result<Option<BusBackend>, Problem> {
    let key = "rocketmq.name-server";
    let Some(node) = root.find(key).filter(|node| !node.is_null()) else { return Ok(None) };
    let hosts = filled(node)
        .and_then(|text| parse_hosts(text.trim_end_matches(';'), 9876))
        .map_err(|message| Problem::of(key, Some(&node.at), message))?;
    Ok(Some(BusBackend::RocketMq(RocketMq::at(hosts))))
}

/// What a Spring application would read besides this file.
pub(super) fn warnings(root: &Node) -> Vec<Problem> {
    let mut warnings = Vec::new();
    let mut warn = |key: &str, message: &str| {
        if let Some(node) = root.find(key).filter(|node| !node.is_null()) {
            warnings.push(Problem::of(key, Some(&node.at), message));
        }
    };
    let imported = root.find("spring.config.import").map(imports).unwrap_or_default();
    warn(
        "spring.config.import",
        &format!("{imported} is not read; what matters of it must stand in this file"),
    );
    warn(
        "spring.cloud.nacos.config",
        "settings and routes kept in Nacos are not read; what matters of them must stand in this file",
    );
    warn("spring.profiles.active", "Trunkline has no profiles; files and documents for one are not read");
    warn("spring.profiles.include", "Trunkline has no profiles; files and documents for one are not read");
    warnings
}

/// What is imported, by name; a name that may hold a login is not repeated.
fn imports(node: &Node) -> String {
    let names: Vec<&str> = match &node.value {
        Value::List(items) => items.iter().filter_map(Node::as_text).collect(),
        _ => node.as_text().into_iter().collect(),
    };
    let shown = names.iter().map(|name| if name.contains('@') { "a location with a login" } else { name });
    shown.collect::<Vec<_>>().join(", ")
}

/// The text of an address. Under `spring` a placeholder without a value stays as written, and is no address.
fn filled(node: &Node) -> Result<&str, String> {
    let text = node.as_text().unwrap_or_default();
    match text.find("${").map(|start| &text[start..]) {
        Some(rest) => {
            let placeholder = rest.find('}').map_or(rest, |end| &rest[..=end]);
            Err(format!("{placeholder} is not set and has no default"))
        }
        None => Ok(text),
    }
}

fn text<'a>(root: &'a Node, key: &str) -> Option<&'a str> {
    root.find(key).and_then(Node::as_text)
}

fn nacos_servers(text: &str) -> Result<Vec<HostPort>, String> {
    if text.contains("https://") {
        return Err("TLS to Nacos is not supported yet".to_owned());
    }
    // Nacos' own client takes `http://` before each address, and a context path that is `/nacos` anyway.
    let hosts: Vec<&str> = text
        .split([',', ';'])
        .map(|part| {
            part.trim().trim_start_matches("http://").trim_end_matches("/nacos").trim_end_matches('/')
        })
        .collect();
    parse_hosts(&hosts.join(","), 8848)
}
