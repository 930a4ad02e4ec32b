//! Checks that look at more than one setting, and the bounds of single ones that a type does not hold.
//!
//! Promises: a check is left out where one of its settings is wrong already, so that one slip gives one line; each line says what to do.

use super::{
    backend::{RegistryBackend, StoreBackend},
    config::Config,
    problem::{Problem, Problems},
    role::Role,
    scalar::{ClassicGroup, Span, span_text},
};

/// Adds what is wrong to `problems`, and what is worth a line at start to `warnings`.
pub(super) fn check(config: &Config, role: Role, problems: &mut Problems, warnings: &mut Vec<Problem>) {
    let found: Vec<(&[&str], Option<Problem>)> = vec![
        (&["directory.lease", "directory.renew"], lease(config)),
        (&["limits.frame_bytes_max", "limits.content_bytes_max"], content(config)),
        (&["auth.user_header", "auth.keys", "ws.trusted_proxies"], user_header(config)),
        (&["auth.keys", "auth.user_header", "ws.host"], development(config, role)),
        (&["store", "ws.classic_group"], classic_group(config)),
        (
            &[
                "registry",
                "directory",
                "bus",
                "spring.cloud.nacos",
                "spring.data.redis",
                "spring.redis",
                "rocketmq",
            ],
            shared(config, role),
        ),
        (&["directory", "store", "spring.data.redis", "spring.redis"], store_said(config, role)),
        (&["node.advertise", "ws.host", "spring.cloud.nacos"], advertise(config, role)),
        (&["ws.port", "api.listen"], node_ports(config, role)),
        (&["gateway.listen", "gateway.api"], gateway_ports(config)),
        (&["gateway.eject_first", "gateway.eject_max"], eject(config)),
        (&["registry", "spring.cloud.gateway", "spring.cloud.nacos"], gateway_registry(config, role)),
    ];
    let mut fresh: Vec<Problem> = found
        .into_iter()
        .filter(|(keys, _)| !keys.iter().any(|key| problems.touch(key)))
        .filter_map(|(_, problem)| problem)
        .collect();
    fresh.extend(
        bounds(config)
            .into_iter()
            .filter(|problem| !problem.key.as_deref().is_some_and(|key| problems.touch(key))),
    );
    for problem in fresh {
        if problem.key.as_deref().is_none_or(|key| role.heeds(key)) {
            problems.push(problem);
        }
    }
    if role != Role::Gateway {
        warnings.extend(node_warnings(config));
    }
}

fn problem(key: &str, message: impl Into<String>) -> Option<Problem> {
    Some(Problem::of(key, None, message))
}

fn lease(config: &Config) -> Option<Problem> {
    let (lease, renew) = (config.directory.lease.0, config.directory.renew.0);
    if renew.is_zero() {
        return problem(
            "directory.renew",
            "0 would never renew a lease; set 5s, or a third of directory.lease",
        );
    }
    if lease >= renew * 3 {
        return None;
    }
    let (lease, renew, least) = (span_text(lease), span_text(renew), span_text(renew * 3));
    problem(
        "directory.lease",
        format!(
            "{lease} is shorter than three renewals of {renew}; set at least {least}, or a smaller directory.renew"
        ),
    )
}

/// What stands around `content` in the longest frame that a node writes.
const FRAME_AROUND_CONTENT_BYTES: u64 = 1_536;

fn content(config: &Config) -> Option<Problem> {
    let (frame, content) = (config.limits.frame_bytes_max.0, config.limits.content_bytes_max.0);
    let most = (wire::limits::FRAME_BYTES_MAX as u64).min(frame).saturating_sub(FRAME_AROUND_CONTENT_BYTES);
    if content <= most {
        return None;
    }
    problem(
        "limits.content_bytes_max",
        format!("{content} leaves no room for the frame around it; at most {most}"),
    )
}

fn user_header(config: &Config) -> Option<Problem> {
    let header = config.auth.user_header.as_ref()?;
    if !config.auth.keys.is_empty() {
        return problem("auth.user_header", "stands instead of auth.keys; set one of the two");
    }
    if config.ws.trusted_proxies.as_ref().is_some_and(|proxies| !proxies.is_empty()) {
        return None;
    }
    let header = &header.0;
    problem(
        "auth.user_header",
        format!(
            "whoever may set {header} is any user; say in ws.trusted_proxies whom to believe it, such as [10.0.0.7]"
        ),
    )
}

fn development(config: &Config, role: Role) -> Option<Problem> {
    let host = config.ws.host.0;
    // `up` listens on loopback whatever the file says.
    if role == Role::Up || !config.is_development() || host.is_loopback() || config.insecure {
        return None;
    }
    problem(
        "auth.keys",
        format!(
            "there is none, so anybody who reaches {host} could be any user; set auth.keys or auth.user_header, or ws.host: 127.0.0.1, or start with --insecure"
        ),
    )
}

fn classic_group(config: &Config) -> Option<Problem> {
    let members = config.ws.classic_group == ClassicGroup::Members;
    (members && config.backends.store == StoreBackend::None).then_some(())?;
    problem(
        "ws.classic_group",
        "members are kept in the store, and store is none; set a store, or ws.classic_group: everyone",
    )
}

fn shared(config: &Config, role: Role) -> Option<Problem> {
    if role == Role::Gateway {
        return None;
    }
    let backends = &config.backends;
    let shared_registry = backends.registry.is_shared(&config.ws.name.0);
    if shared_registry && !backends.directory.is_shared() {
        return problem(
            "directory",
            "is memory, but the registry is shared: nodes would not find each other's users; set directory: redis://HOST:6379",
        );
    }
    let with = if backends.directory.is_shared() { "directory" } else { "registry" };
    if (backends.directory.is_shared() || shared_registry) && !backends.bus.is_shared() {
        return problem(
            "bus",
            format!(
                "is memory, but the {with} is shared: nodes would not reach each other; set bus: amqp://HOST:5672 or rocketmq://HOST:9876"
            ),
        );
    }
    None
}

fn store_said(config: &Config, role: Role) -> Option<Problem> {
    if role != Role::Node || !config.backends.directory.is_shared() || config.backends.store_said {
        return None;
    }
    problem(
        "store",
        "nodes that share a directory cannot share an SQLite file; set store: postgres://USER:PASSWORD@HOST/DATABASE, or none (nothing is kept), or name the file where this is the only node",
    )
}

fn advertise(config: &Config, role: Role) -> Option<Problem> {
    let address = config.node.advertise.as_ref().filter(|_| role == Role::Node)?.0;
    if address.is_loopback() || !config.ws.host.0.is_loopback() {
        return None;
    }
    let host = config.ws.host.0;
    problem(
        "node.advertise",
        format!(
            "nobody reaches {address} while ws.host is {host}; set ws.host: 0.0.0.0, or leave node.advertise out"
        ),
    )
}

fn node_ports(config: &Config, role: Role) -> Option<Problem> {
    let port = config.ws.port.0;
    (role == Role::Node && config.api.listen.0.port() == port).then_some(())?;
    problem("api.listen", format!("port {port} is ws.port too; give it another"))
}

fn gateway_ports(config: &Config) -> Option<Problem> {
    let port = config.gateway.listen.0.port();
    (port != 0 && config.gateway.api.0.port() == port).then_some(())?;
    problem("gateway.api", format!("port {port} is that of gateway.listen too; give it another"))
}

fn eject(config: &Config) -> Option<Problem> {
    let (first, most) = (config.gateway.eject_first.0, config.gateway.eject_max.0);
    (first > most).then_some(())?;
    problem(
        "gateway.eject_first",
        format!("{} is longer than gateway.eject_max, {}", span_text(first), span_text(most)),
    )
}

fn gateway_registry(config: &Config, role: Role) -> Option<Problem> {
    if role != Role::Gateway || config.backends.registry != RegistryBackend::Memory {
        return None;
    }
    if config.routes.enabled == Some(false) {
        return None;
    }
    let balanced = |uri: &str| uri.to_lowercase().starts_with("lb:");
    let name = &config.ws.name.0;
    let route = match config.routes.routes.iter().find(|route| balanced(&route.uri)) {
        Some(route) => format!("route `{}` leads to {}", route.id, route.uri),
        None if config.routes.routes.is_empty() => format!("without routes it leads to lb:ws://{name}"),
        None => return None,
    };
    problem(
        "registry",
        format!(
            "is memory, where a gateway of its own process finds no node, but {route}; set registry: nacos://HOST:8848 or fixed:{name}=IP:PORT"
        ),
    )
}

/// Bounds that 0, or a slip of a unit, would break.
fn bounds(config: &Config) -> Vec<Problem> {
    let limits = &config.limits;
    let least: [(&str, u64, u64); 7] = [
        ("limits.handshake_bytes_max", limits.handshake_bytes_max.0, 512),
        ("limits.handshake_fields_max", u64::from(limits.handshake_fields_max.0), 8),
        ("limits.frame_bytes_max", limits.frame_bytes_max.0, 1_024),
        ("limits.content_bytes_max", limits.content_bytes_max.0, 1),
        ("limits.json_depth_max", u64::from(limits.json_depth_max.0), 3),
        ("limits.page_bytes_max", limits.page_bytes_max.0, 1),
        ("gateway.tries_max", u64::from(config.gateway.tries_max.0), 1),
    ];
    let most: [(&str, u64, u64); 5] = [
        ("limits.handshake_bytes_max", limits.handshake_bytes_max.0, 1 << 20),
        ("limits.handshake_fields_max", u64::from(limits.handshake_fields_max.0), 1_000),
        ("limits.frame_bytes_max", limits.frame_bytes_max.0, 1 << 30),
        ("limits.json_depth_max", u64::from(limits.json_depth_max.0), 128),
        ("limits.page_bytes_max", limits.page_bytes_max.0, 64_000),
    ];
    let needed: [(&str, &Span); 4] = [
        ("directory.claim_deadline", &config.directory.claim_deadline),
        ("gateway.connect_timeout", &config.gateway.connect_timeout),
        ("gateway.handshake_timeout", &config.gateway.handshake_timeout),
        ("gateway.eject_max", &config.gateway.eject_max),
    ];
    let low = least.iter().filter(|(_, value, least)| value < least).map(|(key, _, least)| {
        (*key, format!("must be at least {least}; this limit cannot be switched off"))
    });
    let high = most
        .iter()
        .filter(|(_, value, most)| value > most)
        .map(|(key, _, most)| (*key, format!("must be at most {most}")));
    let zero = needed
        .iter()
        .filter(|(_, span)| span.0.is_zero())
        .map(|(key, _)| (*key, "must be longer than 0".to_owned()));
    low.chain(high).chain(zero).map(|(key, message)| Problem::of(key, None, message)).collect()
}

fn node_warnings(config: &Config) -> Vec<Problem> {
    let mut warnings = Vec::new();
    if config.backends.store == StoreBackend::Memory {
        warnings.push(Problem::of("store", None, "is memory: every message is lost when this process ends"));
    }
    if config.insecure && config.is_development() {
        warnings.push(Problem::general(
            "--insecure: nobody proves who he is; whoever reaches this node can be any user",
        ));
    }
    if config.limits.drain_hard_stop.0
        < config.limits.drain_notice.as_ref().map_or(std::time::Duration::ZERO, |span| span.0)
    {
        warnings.push(Problem::of(
            "limits.drain_hard_stop",
            None,
            "ends a drain before limits.drain_notice is over: sessions are cut",
        ));
    }
    warnings
}
