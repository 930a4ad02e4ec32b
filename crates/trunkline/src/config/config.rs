//! The whole configuration, typed: the sections as they are written, and what they come to.

use edge::TrustedProxies;
use gateway::route::RoutesSpec;

use super::{
    backend::{BusBackend, DirectoryBackend, RegistryBackend, StoreBackend},
    key::TokenKey,
    scalar::EveryoneSend,
    secret::Secret,
    sections,
};

/// Everything that is set.
///
/// A field of a section that may be absent and has a default that depends on the role is filled in by the time anybody sees it.
#[derive(Debug, Clone)]
pub struct Config {
    /// Keys of the top level.
    pub top: sections::Top,
    /// Section `node`.
    pub node: sections::Node,
    /// Section `ws`.
    pub ws: sections::Ws,
    /// Section `api`.
    pub api: sections::Api,
    /// Section `auth`.
    pub auth: sections::Auth,
    /// Section `registry`.
    pub registry: sections::Registry,
    /// Section `directory`.
    pub directory: sections::Directory,
    /// Section `bus`.
    pub bus: sections::Bus,
    /// Section `store`.
    pub store: sections::Store,
    /// Section `groups`.
    pub groups: sections::Groups,
    /// Section `limits`.
    pub limits: sections::Limits,
    /// Section `gateway`.
    pub gateway: sections::Gateway,
    /// Section `log`.
    pub log: sections::Log,
    /// The four URLs, parsed.
    pub backends: Backends,
    /// The keys of `api.keys`, read.
    pub api_keys: Vec<Secret>,
    /// The keys of `auth.keys`, read.
    pub token_keys: Vec<TokenKey>,
    /// The routes of the file.
    pub routes: RoutesSpec,
    /// `--insecure`: serve off loopback without keys.
    pub insecure: bool,
}

/// What stands behind the four seams.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Backends {
    /// Where nodes are found.
    pub registry: RegistryBackend,
    /// Where sessions are found.
    pub directory: DirectoryBackend,
    /// How nodes talk.
    pub bus: BusBackend,
    /// Where messages are kept.
    pub store: StoreBackend,
    /// Whether the store was chosen, and is not merely the default.
    pub store_said: bool,
}

impl Config {
    /// Development mode: nothing proves who a user is, so the path names him.
    pub fn is_development(&self) -> bool {
        self.token_keys.is_empty() && self.auth.keys.is_empty() && self.auth.user_header.is_none()
    }

    /// The proxies whose word about a client a node takes.
    pub fn node_proxies(&self) -> TrustedProxies {
        match &self.ws.trusted_proxies {
            Some(networks) => TrustedProxies::new(networks.iter().map(|network| network.0).collect()),
            None => TrustedProxies::neighbours(),
        }
    }

    /// The proxies whose word about a client a gateway takes.
    pub fn gateway_proxies(&self) -> TrustedProxies {
        TrustedProxies::new(self.gateway.trusted_proxies.iter().map(|network| network.0).collect())
    }

    /// The pages that may connect.
    pub fn origins(&self) -> Vec<edge::Origin> {
        self.ws.origins.iter().map(|origin| origin.0.clone()).collect()
    }

    /// Whether clients may write to everyone.
    pub fn clients_write_to_everyone(&self) -> bool {
        self.groups.everyone_send == Some(EveryoneSend::Clients)
    }
}
