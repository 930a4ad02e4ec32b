//! Opens the servers that the configuration names. What is shared by the nodes of one process is opened once.
//!
//! Directory and store are waited for, with a line every few seconds; a refusal ends the wait at once.
//! The registry is never waited for: only a refusal of it ends a start.

use std::sync::Arc;
use std::time::Duration;

use adapters::bus::{RabbitMqBus, RabbitMqOptions, RocketMqBus, RocketMqOptions};
use adapters::directory::{RedisDirectory, RedisDirectoryConfig};
use adapters::registry::{FixedRegistry, NacosOptions, NacosRegistry};
use adapters::sql::{PostgresOptions, PostgresStore, SqliteStore};
use node::Seams;
use ports::memory::bus::MemoryBus;
use ports::memory::directory::MemoryDirectory;
use ports::memory::registry::MemoryRegistry;
use ports::memory::store::MemoryStore;
use ports::{Ambient, Bus, Directory, PortError, Registry, Retry, Store};
use tokio::time::Instant;

use crate::config::Config;
use crate::config::backend::{
    BusBackend, DirectoryBackend, Nacos, Postgres, RabbitMq, Redis, RegistryBackend, RocketMq, StoreBackend,
};

/// The servers of one process.
#[derive(Clone)]
pub struct Opened {
    /// The seams of its nodes.
    pub seams: Seams,
}

/// A back end that never came up, or refuses us.
#[derive(Debug, thiserror::Error)]
#[error("{}", .0.chain())]
pub struct SeamError(PortError);

/// How often a wait says so.
const LINE_EVERY: Duration = Duration::from_secs(5);
/// Between two tries.
const RETRY: Duration = Duration::from_millis(500);

/// Opens everything that a node needs beside its registry.
pub async fn open(
    config: &Config,
    ambient: &Ambient,
    registry: Arc<dyn Registry>,
) -> Result<Opened, SeamError> {
    let wait = Some(config.top.start_wait.0).filter(|wait| !wait.is_zero());
    let began = Instant::now();
    let store = match &config.backends.store {
        StoreBackend::None => None,
        StoreBackend::Memory => {
            tracing::warn!("store: memory: every message is lost when this process ends");
            Some(Arc::new(MemoryStore::new(ambient)) as Arc<dyn Store>)
        }
        StoreBackend::Sqlite(file) => {
            let open = async || SqliteStore::open(file, ambient).await;
            Some(wait_for("store", wait, began, open).await? as Arc<dyn Store>)
        }
        StoreBackend::Postgres(postgres) => {
            let options = postgres_options(postgres);
            let open = async || PostgresStore::open(options.clone(), ambient).await;
            Some(wait_for("store", wait, began, open).await? as Arc<dyn Store>)
        }
    };
    let directory: Arc<dyn Directory> = match &config.backends.directory {
        DirectoryBackend::Memory => Arc::new(MemoryDirectory::new(ambient.clone())),
        DirectoryBackend::Redis(redis) => {
            let options = redis_options(redis, config);
            let open = async || RedisDirectory::connect(options.clone()).await;
            Arc::new(wait_for("directory", wait, began, open).await?)
        }
    };
    let bus: Arc<dyn Bus> = match &config.backends.bus {
        BusBackend::Memory => Arc::new(MemoryBus::new()),
        BusBackend::RabbitMq(rabbitmq) => Arc::new(RabbitMqBus::new(rabbitmq_options(rabbitmq, config))),
        BusBackend::RocketMq(rocketmq) => {
            let bus = RocketMqBus::new(rocketmq_options(rocketmq, config));
            Arc::new(bus.map_err(SeamError)?)
        }
    };
    Ok(Opened { seams: Seams { registry, directory, bus, store } })
}

/// Opens the registry, which reaches nothing yet.
pub fn open_registry(config: &Config) -> Arc<dyn Registry> {
    match &config.backends.registry {
        RegistryBackend::Memory => Arc::new(MemoryRegistry::new()),
        RegistryBackend::Fixed(services) => {
            let services = services.iter().map(|service| (service.name.clone(), service.instances.clone()));
            Arc::new(FixedRegistry::new(services))
        }
        RegistryBackend::Nacos(nacos) => Arc::new(NacosRegistry::new(nacos_options(nacos, config))),
    }
}

/// Ends when the registry refuses us at the start; an outage is no refusal, and is said every few seconds until it is over. Cancel safe.
///
/// What it refuses later is only said: a Nacos that was just set up refuses everybody for a moment, and people are connected by then.
pub async fn refusal(registry: &dyn Registry) -> SeamError {
    let mut answer = registry.check().await;
    let mut is_first = true;
    while let Err(error) = answer {
        if is_first && error.retry == Retry::Never {
            return SeamError(error);
        }
        is_first = false;
        tracing::warn!("going on without the registry: {}", error.chain());
        tokio::time::sleep(LINE_EVERY).await;
        answer = registry.check().await;
    }
    std::future::pending().await
}

async fn wait_for<T>(
    key: &'static str,
    wait: Option<Duration>,
    began: Instant,
    open: impl AsyncFn() -> Result<T, PortError>,
) -> Result<T, SeamError> {
    let mut line_at = Instant::now();
    loop {
        let error = match open().await {
            Ok(opened) => return Ok(opened),
            Err(error) => error,
        };
        if error.retry == Retry::Never || wait.is_some_and(|wait| began.elapsed() >= wait) {
            return Err(SeamError(error));
        }
        if Instant::now() >= line_at {
            line_at = Instant::now() + LINE_EVERY;
            tracing::warn!("waiting for the {key}: {}", error.chain());
        }
        tokio::time::sleep(RETRY).await;
    }
}

fn postgres_options(postgres: &Postgres) -> PostgresOptions {
    PostgresOptions {
        hosts: postgres.servers.iter().map(|server| (server.host.clone(), server.port)).collect(),
        user: postgres.user.clone(),
        password: postgres.password.as_ref().and_then(|password| password.expose_text()).map(str::to_owned),
        database: postgres.database.clone(),
    }
}

fn redis_options(redis: &Redis, config: &Config) -> RedisDirectoryConfig {
    let hosts = vec![(redis.server.host.clone(), redis.server.port)];
    let defaults = RedisDirectoryConfig::new(hosts, &config.ws.name.0);
    let classic = redis.classic_keys == Some(true);
    RedisDirectoryConfig {
        user: redis.user.clone(),
        password: redis.password.as_ref().and_then(|password| password.expose_text()).map(str::to_owned),
        database: redis.database,
        prefix: redis.prefix.clone().unwrap_or_else(|| defaults.prefix.clone()),
        classic_prefix: redis.classic_prefix.clone().filter(|_| classic),
        ..defaults
    }
}

fn nacos_options(nacos: &Nacos, config: &Config) -> NacosOptions {
    NacosOptions {
        user: nacos.user.clone(),
        password: nacos.password.as_ref().and_then(|password| password.expose_text()).map(str::to_owned),
        namespace: nacos.namespace.clone(),
        group: nacos.group.clone(),
        cluster: nacos.cluster.clone(),
        self_check_every: config.registry.check_every.0,
        poll_every: config.registry.list_every.0,
        ..NacosOptions::new(nacos.servers.iter().map(ToString::to_string))
    }
}

fn rabbitmq_options(rabbitmq: &RabbitMq, config: &Config) -> RabbitMqOptions {
    let servers = rabbitmq.servers.iter().map(|server| (server.host.clone(), server.port));
    let mut options = RabbitMqOptions::new(servers);
    if let Some((user, password)) = &rabbitmq.login {
        options.user.clone_from(user);
        options.password = password.expose_text().unwrap_or_default().to_owned();
    }
    RabbitMqOptions {
        virtual_host: rabbitmq.virtual_host.clone(),
        prefix: rabbitmq.prefix.clone(),
        copy: rabbitmq.copy.clone(),
        call_timeout: config.bus.call_timeout.0,
        ..options
    }
}

fn rocketmq_options(rocketmq: &RocketMq, config: &Config) -> RocketMqOptions {
    RocketMqOptions {
        single: rocketmq.single.clone(),
        group: rocketmq.group.clone(),
        control: rocketmq.control.clone(),
        create: rocketmq.create,
        copy: rocketmq.copy.clone(),
        call_timeout: config.bus.call_timeout.0,
        ..RocketMqOptions::new(rocketmq.name_servers.iter().map(ToString::to_string))
    }
}
