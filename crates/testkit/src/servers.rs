//! Real servers on free loopback ports in temporary folders.
//!
//! Each can be killed, stopped, restarted on the same port with the same data, and made to stand still.
//! One server may serve all tests of a program: `static REDIS: OnceCell<Redis>`, then `REDIS.get_or_init(Redis::start).await`.
//! A server that is not installed is a panic that names the step which installs it, never a skipped test.

mod nacos;
mod postgres;
mod rabbitmq;
mod redis;
mod remoting;
mod rocketmq;
mod server;

use std::path::{Path, PathBuf};

pub use nacos::{Nacos, NacosOptions};
pub use postgres::Postgres;
pub use rabbitmq::{ListedQueue, RabbitMq};
pub use redis::{Redis, Reply};
pub use rocketmq::{RocketMq, RocketMqOptions, rocketmq_jars};
pub use server::Server;

/// Where servers that are not packages of the system are kept between test runs:
/// `$TRUNKLINE_CACHE`, else `$XDG_CACHE_HOME/trunkline`, else `~/.cache/trunkline`.
///
/// # Panics
///
/// When none of the three variables is set.
#[expect(
    clippy::disallowed_methods,
    reason = "the product's configuration has no say in where test servers are kept"
)]
pub fn cache_folder() -> PathBuf {
    let set = |name| std::env::var(name).ok().filter(|value| !value.is_empty()).map(PathBuf::from);
    set("TRUNKLINE_CACHE")
        .or_else(|| Some(set("XDG_CACHE_HOME")?.join("trunkline")))
        .or_else(|| Some(set("HOME")?.join(".cache/trunkline")))
        .unwrap_or_else(|| panic!("set TRUNKLINE_CACHE, XDG_CACHE_HOME or HOME: test servers are kept there"))
}

/// A recipe of this crate, for instance `rocketmq/start-rocketmq.sh`.
pub(crate) fn recipe(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("servers").join(path)
}
