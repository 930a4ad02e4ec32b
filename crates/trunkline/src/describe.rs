//! A configuration in words, a line each: for `check`, and for whoever starts and says what it is.
//!
//! Promises: no password, key or token is in any line.

use std::path::Path;

use crate::config::{
    Config, Role,
    backend::{BusBackend, DirectoryBackend, HostPort, RegistryBackend, StoreBackend},
    scalar::span_text,
};

/// What matters to a role: the subject, and what it comes to.
pub fn lines(config: &Config, role: Role) -> Vec<(&'static str, String)> {
    let mut lines = Vec::new();
    if role == Role::Gateway {
        lines.push((
            "gateway",
            format!("clients at {}, health and metrics at {}", config.gateway.listen.0, config.gateway.api.0),
        ));
        lines.push(("registry", registry(&config.backends.registry)));
        lines.extend(routes(config).into_iter().map(|route| ("route", route)));
        return lines;
    }
    if let Some(name) = &config.node.name {
        let advertised = config
            .node
            .advertise
            .as_ref()
            .map(|address| format!(", told to others as {}:{}", address.0, config.ws.port.0));
        lines.push((
            "node",
            format!("{}, of the service {}{}", name.0, config.ws.name.0, advertised.unwrap_or_default()),
        ));
    }
    let (host, port, path) = (config.ws.host.0, config.ws.port.0, &config.ws.path.0);
    let dialect = config.ws.dialect.as_ref().map(|dialect| dialect.0.as_str()).unwrap_or_default();
    lines.push((
        "clients",
        format!("at {host}, port {port}, {path}/<user>, dialect {dialect}, devices {}", config.ws.devices.0),
    ));
    lines.push(("login", login(config)));
    let keys = match config.api_keys.len() {
        0 if config.is_development() => "no key asked for".to_owned(),
        0 => "closed: api.keys has no key".to_owned(),
        1 => "1 key".to_owned(),
        n => format!("{n} keys"),
    };
    lines.push(("HTTP", format!("at {}, {keys}", config.api.listen.0)));
    lines.push(("registry", registry(&config.backends.registry)));
    lines.push(("directory", directory(config)));
    lines.push(("bus", bus(config)));
    lines.push(("store", store(&config.backends.store)));
    lines
}

fn login(config: &Config) -> String {
    if let Some(header) = &config.auth.user_header {
        return format!("the header {} of a trusted proxy names the user", header.0);
    }
    if config.is_development() {
        return "none: development mode, the path names the user".to_owned();
    }
    let keys: Vec<_> = config.token_keys.iter().map(|key| key.algorithm.as_str()).collect();
    format!("a token ({}), whose claim {} names the user", keys.join(", "), config.auth.user_claim.0)
}

fn registry(registry: &RegistryBackend) -> String {
    match registry {
        RegistryBackend::Memory => "memory: this process alone".to_owned(),
        RegistryBackend::Fixed(services) => {
            let services = services.iter().map(|service| {
                let instances: Vec<_> = service.instances.iter().map(ToString::to_string).collect();
                format!("{} at {}", service.name, instances.join(", "))
            });
            format!("a fixed list: {}", services.collect::<Vec<_>>().join("; "))
        }
        RegistryBackend::Nacos(nacos) => {
            let namespace = if nacos.namespace.is_empty() { "public" } else { &nacos.namespace };
            let user = nacos.user.as_ref().map(|user| format!(", as {user}")).unwrap_or_default();
            let (servers, group, cluster) = (hosts(&nacos.servers), &nacos.group, &nacos.cluster);
            format!("Nacos at {servers}, namespace {namespace}, group {group}, cluster {cluster}{user}")
        }
    }
}

fn directory(config: &Config) -> String {
    let settings = format!(
        "lease {}, renewed every {}",
        span_text(config.directory.lease.0),
        span_text(config.directory.renew.0)
    );
    match &config.backends.directory {
        DirectoryBackend::Memory => "memory: this process alone".to_owned(),
        DirectoryBackend::Redis(redis) => {
            let prefix = redis.prefix.as_deref().unwrap_or_default();
            let classic = match (redis.classic_keys, &redis.classic_prefix) {
                (Some(true), Some(prefix)) => format!(", and {prefix}* for Java nodes"),
                _ => String::new(),
            };
            format!(
                "Redis at {}, database {}, keys {prefix}:*{classic}; {settings}",
                redis.server, redis.database
            )
        }
    }
}

fn bus(config: &Config) -> String {
    match &config.backends.bus {
        BusBackend::Memory => "memory: this process alone".to_owned(),
        BusBackend::RabbitMq(rabbitmq) => {
            let copy = rabbitmq.copy.as_ref().map(|copy| format!(", a copy of everything to {copy}"));
            format!(
                "RabbitMQ at {}, virtual host {}, names {}.*{}",
                hosts(&rabbitmq.servers),
                rabbitmq.virtual_host,
                rabbitmq.prefix,
                copy.unwrap_or_default()
            )
        }
        BusBackend::RocketMq(rocketmq) => {
            let (single, group, control) = (&rocketmq.single, &rocketmq.group, &rocketmq.control);
            let copy = rocketmq
                .copy
                .as_ref()
                .map(|copy| format!(", a copy of everything to {copy}"))
                .unwrap_or_default();
            format!(
                "RocketMQ at {}, topics {single}, {group}, {control}{copy}",
                hosts(&rocketmq.name_servers)
            )
        }
    }
}

/// Where messages are kept, in words.
pub fn store(store: &StoreBackend) -> String {
    match store {
        StoreBackend::None => "none: nothing is kept".to_owned(),
        StoreBackend::Memory => "memory: everything is lost at exit".to_owned(),
        StoreBackend::Sqlite(file) => format!("SQLite in {}, for this process alone", absolute(file)),
        StoreBackend::Postgres(postgres) => {
            format!("PostgreSQL at {}, database {}", hosts(&postgres.servers), postgres.database)
        }
    }
}

fn absolute(file: &Path) -> String {
    std::path::absolute(file).unwrap_or_else(|_| file.to_owned()).display().to_string()
}

fn routes(config: &Config) -> Vec<String> {
    if config.routes.enabled == Some(false) {
        return vec!["none: spring.cloud.gateway.enabled is false".to_owned()];
    }
    let built_in;
    let spec = if config.routes.routes.is_empty() {
        built_in = gateway::route::built_in(&config.ws.name.0, &config.ws.path.0);
        &built_in
    } else {
        &config.routes
    };
    let words = |named: &gateway::route::Named| {
        format!("{}={}", named.name, named.values().collect::<Vec<_>>().join(","))
    };
    let defaults = &spec.default_filters;
    let line = |route: &gateway::route::RouteSpec| {
        let parts: Vec<_> =
            route.predicates.iter().chain(defaults).chain(&route.filters).map(words).collect();
        format!("{}: {} to {}", route.id, parts.join(" "), route.uri)
    };
    spec.routes.iter().map(line).collect()
}

fn hosts(hosts: &[HostPort]) -> String {
    hosts.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}
