//! Fills in the defaults that depend on the role, on other settings or on the machine.
//!
//! Promises: what is written is never changed.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, UdpSocket};

use wire::policy::DialectChoice;

use super::{
    backend::DirectoryBackend,
    config::Config,
    environment::Environment,
    problem::{Problem, Problems},
    role::Role,
    scalar::{Address, Dialects, EveryoneSend, Name, Span},
};

/// Fills in what is absent.
pub(super) fn settle(
    config: &mut Config,
    role: Role,
    environment: &dyn Environment,
    problems: &mut Problems,
) {
    let up = role == Role::Up;
    let development = config.is_development();
    let dialect = config
        .ws
        .dialect
        .get_or_insert(Dialects(if up { DialectChoice::Both } else { DialectChoice::Trunkline }))
        .0;
    let classic = dialect == DialectChoice::Classic;
    config.groups.client_join.get_or_insert(development);
    config.groups.everyone_send.get_or_insert(if development || classic {
        EveryoneSend::Clients
    } else {
        EveryoneSend::Api
    });
    config.limits.drain_notice.get_or_insert(if up {
        Span(std::time::Duration::ZERO)
    } else {
        Span(std::time::Duration::from_secs(10))
    });
    if let DirectoryBackend::Redis(redis) = &mut config.backends.directory {
        let service = &config.ws.name.0;
        redis.prefix.get_or_insert_with(|| format!("trunkline:{service}"));
        redis.classic_keys.get_or_insert(classic);
        redis.classic_prefix.get_or_insert_with(|| format!("{service}:userNode:"));
    }
    if role == Role::Node {
        settle_node(config, environment, problems);
    }
}

fn settle_node(config: &mut Config, environment: &dyn Environment, problems: &mut Problems) {
    if config.node.name.is_none() {
        match host_name(environment).and_then(|host| node_name(&host)) {
            Some(name) => config.node.name = Some(name),
            None => problems.push(Problem::of(
                "node.name",
                None,
                "this machine has no host name to take; set one",
            )),
        }
    }
    if config.node.advertise.is_none() {
        let host = config.ws.host.0;
        match if host.is_unspecified() { default_route_address(host) } else { Some(host) } {
            Some(address) => config.node.advertise = Some(Address(address)),
            None => problems.push(Problem::of(
                "node.advertise",
                None,
                "this machine has no default route to take the address of; set one",
            )),
        }
    }
}

/// The host name with every character that a node name cannot have as `-`.
pub(super) fn node_name(host: &str) -> Option<Name> {
    let name: String = host
        .trim()
        .chars()
        .take(64)
        .map(|c| if c.is_ascii_alphanumeric() || c == '_' { c } else { '-' })
        .collect();
    name.parse().ok().map(Name)
}

fn host_name(environment: &dyn Environment) -> Option<String> {
    // Containers set the variable, and tests do; the file is Linux's own word; macOS has neither.
    let named =
        environment.get("HOSTNAME").or_else(|| std::fs::read_to_string("/proc/sys/kernel/hostname").ok());
    let asked = || {
        let output = std::process::Command::new("hostname").output().ok()?;
        String::from_utf8(output.stdout).ok()
    };
    named.or_else(asked).map(|name| name.trim().to_owned()).filter(|name| !name.is_empty())
}

/// The address that packets to elsewhere would leave from. Nothing is sent: connecting a UDP socket only asks the routing table.
fn default_route_address(listening: IpAddr) -> Option<IpAddr> {
    let probe = |local: IpAddr, far: IpAddr| {
        let socket = UdpSocket::bind((local, 0)).ok()?;
        socket.connect((far, 9)).ok()?;
        socket.local_addr().ok().map(|address| address.ip()).filter(|address| !address.is_unspecified())
    };
    // Addresses reserved for documentation: nobody has them, so the default route leads there.
    let v4 = || probe(Ipv4Addr::UNSPECIFIED.into(), Ipv4Addr::new(192, 0, 2, 1).into());
    let v6 = || probe(Ipv6Addr::UNSPECIFIED.into(), Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1).into());
    v4().or_else(|| if listening.is_ipv6() { v6() } else { None })
}
