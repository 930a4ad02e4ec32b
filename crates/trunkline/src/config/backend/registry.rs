//! What `registry` may be.

use std::net::SocketAddr;

use super::{BackendUrl, HostPort, split_scheme, unknown_scheme};
use crate::config::secret::Secret;

/// Where nodes are found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RegistryBackend {
    /// In this process.
    Memory,
    /// A list in the configuration.
    Fixed(Vec<FixedService>),
    /// A Nacos server.
    Nacos(Nacos),
}

/// A service of a fixed list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FixedService {
    /// Its name.
    pub name: String,
    /// Where its instances listen; at least one.
    pub instances: Vec<SocketAddr>,
}

/// How Nacos is reached, and as what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Nacos {
    /// Its servers.
    pub servers: Vec<HostPort>,
    /// The user, where it asks for one.
    pub user: Option<String>,
    /// The user's password.
    pub password: Option<Secret>,
    /// The namespace's id; empty is the public one.
    pub namespace: String,
    /// The group of our services.
    pub group: String,
    /// The cluster that instances belong to.
    pub cluster: String,
}

/// The port of a Nacos server.
pub(super) const NACOS_PORT: u16 = 8848;

impl RegistryBackend {
    /// Parses a URL. The error is for people, and names no secret.
    pub fn parse(text: &str) -> Result<RegistryBackend, String> {
        match split_scheme(text) {
            ("memory", "") => Ok(RegistryBackend::Memory),
            ("fixed", list) => parse_fixed(list).map(RegistryBackend::Fixed),
            ("nacos", rest) => Nacos::parse(rest).map(RegistryBackend::Nacos),
            _ => Err(unknown_scheme(
                text,
                "memory, fixed:SERVICE=IP:PORT,... or nacos://HOST:8848",
                &["redis", "rediss", "nacoss"],
            )),
        }
    }

    /// Whether it may name nodes of other processes.
    pub fn is_shared(&self, service: &str) -> bool {
        match self {
            RegistryBackend::Memory => false,
            // One instance is this process; a gateway may well be told of it by such a list.
            RegistryBackend::Fixed(services) => {
                services.iter().any(|fixed| fixed.name == service && fixed.instances.len() > 1)
            }
            RegistryBackend::Nacos(_) => true,
        }
    }
}

impl Nacos {
    fn parse(rest: &str) -> Result<Nacos, String> {
        let url = BackendUrl::parse(rest, NACOS_PORT, &["namespace", "group", "cluster"])?;
        if !url.path.is_empty() {
            return Err("a path has no meaning here; the namespace is ?namespace=".to_owned());
        }
        if url.user.is_some() != url.password.is_some() {
            return Err("user and password go together: nacos://USER:PASSWORD@HOST".to_owned());
        }
        let or = |name: &str, default: &str| url.parameter(name).unwrap_or(default).to_owned();
        Ok(Nacos {
            namespace: Nacos::namespace_id(&or("namespace", "")),
            group: or("group", Nacos::GROUP),
            cluster: or("cluster", Nacos::CLUSTER),
            servers: url.hosts,
            user: url.user,
            password: url.password,
        })
    }

    /// The group where none is named, as Spring has it.
    pub const GROUP: &'static str = "DEFAULT_GROUP";
    /// The cluster where none is named, as Spring has it.
    pub const CLUSTER: &'static str = "DEFAULT";

    /// The public namespace has an empty id, but people write its name.
    pub fn namespace_id(written: &str) -> String {
        if written == "public" { String::new() } else { written.to_owned() }
    }
}

/// `a=IP:PORT,IP:PORT,b=IP:PORT`: an item with `=` begins a service.
fn parse_fixed(list: &str) -> Result<Vec<FixedService>, String> {
    let mut services: Vec<FixedService> = Vec::new();
    for item in list.split(',').map(str::trim) {
        let address = match item.split_once('=') {
            Some((name, address)) => {
                if name.is_empty() || services.iter().any(|service| service.name == name) {
                    return Err(format!("service `{name}` has no name, or is there twice"));
                }
                services.push(FixedService { name: name.to_owned(), instances: Vec::new() });
                address
            }
            None => item,
        };
        let address = address
            .parse()
            .map_err(|_| format!("`{address}` is not IP:PORT; write fixed:SERVICE=IP:PORT,IP:PORT"))?;
        match services.last_mut() {
            Some(service) => service.instances.push(address),
            None => {
                return Err("the list begins with no service; write fixed:SERVICE=IP:PORT,IP:PORT".to_owned());
            }
        }
    }
    Ok(services)
}
