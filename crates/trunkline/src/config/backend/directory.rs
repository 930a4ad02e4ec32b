//! What `directory` may be.

use super::{BackendUrl, HostPort, split_scheme, unknown_scheme};
use crate::config::secret::Secret;

/// Where a user's sessions are found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DirectoryBackend {
    /// In this process.
    Memory,
    /// A Redis or Valkey server.
    Redis(Redis),
}

/// How Redis is reached, and how its keys begin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Redis {
    /// The server.
    pub server: HostPort,
    /// The user, where it asks for one.
    pub user: Option<String>,
    /// The password.
    pub password: Option<Secret>,
    /// The number of the database.
    pub database: u32,
    /// How our keys begin; nothing stands for `trunkline:<ws.name>`.
    pub prefix: Option<String>,
    /// Whether the Java original's keys are written; nothing stands for "where `ws.dialect` is `classic`".
    pub classic_keys: Option<bool>,
    /// How those keys begin, up to the user's id; nothing stands for `<ws.name>:userNode:`.
    pub classic_prefix: Option<String>,
}

/// The port of a Redis server.
pub(super) const REDIS_PORT: u16 = 6379;

impl DirectoryBackend {
    /// Parses a URL. The error is for people, and names no secret.
    pub fn parse(text: &str) -> Result<DirectoryBackend, String> {
        match split_scheme(text) {
            ("memory", "") => Ok(DirectoryBackend::Memory),
            ("redis", rest) => Redis::parse(rest).map(DirectoryBackend::Redis),
            _ => {
                let later = [
                    "rediss",
                    "redis-cluster",
                    "redis-sentinel",
                    "redis+cluster",
                    "redis+sentinel",
                    "valkeys",
                ];
                Err(unknown_scheme(text, "memory or redis://HOST:6379", &later))
            }
        }
    }

    /// Whether other processes see it too.
    pub fn is_shared(&self) -> bool {
        matches!(self, DirectoryBackend::Redis(_))
    }
}

impl Redis {
    fn parse(rest: &str) -> Result<Redis, String> {
        let url = BackendUrl::parse(rest, REDIS_PORT, &["prefix", "classic_keys", "classic_prefix"])?;
        let [server] = url.hosts.as_slice() else {
            return Err("several hosts (Redis Cluster, Sentinel) are not supported yet; write one".to_owned());
        };
        let database = match url.path.as_str() {
            "" => 0,
            number => number
                .parse()
                .map_err(|_| "the path is not the number of a database, such as redis://HOST/2")?,
        };
        Ok(Redis {
            server: server.clone(),
            database,
            prefix: url.parameter("prefix").map(str::to_owned),
            classic_keys: url.flag("classic_keys")?,
            classic_prefix: url.parameter("classic_prefix").map(str::to_owned),
            user: url.user,
            password: url.password,
        })
    }
}
