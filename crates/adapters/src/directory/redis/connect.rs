//! Makes a connection: reaches a host, logs in, picks the database, asks who answers, and makes the scripts known.

use std::sync::Arc;

use ::redis::aio::MultiplexedConnection;
use ::redis::{AsyncConnectionConfig, Client, Cmd, ConnectionAddr, IntoConnectionInfo, Pipeline, Value, cmd};
use ports::PortError;
use tokio::time::{Instant, timeout_at};

use super::call::Call;
use super::config::{CONNECT_LIMIT, RedisDirectoryConfig};
use super::scripts::SCRIPTS;
use super::server_info::ServerInfo;

/// A connection that is ready for calls, and who is at its other end.
pub(super) struct Connected {
    pub(super) connection: MultiplexedConnection,
    pub(super) info: ServerInfo,
    /// For messages: `redis at HOST:PORT`.
    pub(super) place: Arc<str>,
}

/// Tries the hosts in turn, each once, from `next_host` on, which it moves past those that failed.
pub(super) async fn connect(
    call: &Call,
    config: &RedisDirectoryConfig,
    next_host: &mut usize,
) -> Result<Connected, PortError> {
    let mut failed = call.refused("no host is configured");
    for _ in 0..config.hosts.len() {
        let Some((host, port)) = config.hosts.get(*next_host % config.hosts.len()) else { break };
        let deadline = (Instant::now() + CONNECT_LIMIT).min(call.deadline());
        let attempt = timeout_at(deadline, reach(call, config, host, *port)).await;
        failed = match attempt
            .unwrap_or_else(|_| Err(call.outage(format!("no answer within {CONNECT_LIMIT:?}"))))
        {
            // A replica takes no writes; where there is another host, that one may be its master.
            Ok(connected) if connected.info.is_replica && config.hosts.len() > 1 => call.outage("a replica"),
            Ok(connected) => return Ok(connected),
            Err(error) => error,
        };
        let text = failed.source.as_ref().map(ToString::to_string).unwrap_or_default();
        failed.source = Some(format!("{}: {text}", place(host, *port)).into());
        *next_host = (*next_host + 1) % config.hosts.len();
        if Instant::now() >= call.deadline() {
            break;
        }
    }
    Err(failed)
}

async fn reach(
    call: &Call,
    config: &RedisDirectoryConfig,
    host: &str,
    port: u16,
) -> Result<Connected, PortError> {
    let address = ConnectionAddr::Tcp(host.to_owned(), port);
    let info = address.into_connection_info().map_err(|error| call.refused(error))?;
    let redis = info.redis_settings().clone().set_skip_set_lib_name();
    let client = Client::open(info.set_redis_settings(redis)).map_err(|error| call.refused(error))?;
    // Calls have deadlines of their own.
    let limits =
        AsyncConnectionConfig::new().set_connection_timeout(Some(CONNECT_LIMIT)).set_response_timeout(None);
    let connection = client.get_multiplexed_async_connection_with_config(&limits).await;
    let mut connection = connection.map_err(|error| call.outage(error))?;
    let info = prepare(call, config, &mut connection).await?;
    Ok(Connected { connection, info, place: place(host, port).into() })
}

fn place(host: &str, port: u16) -> String {
    format!("redis at {host}:{port}")
}

/// Logs in by commands of our own, because the library takes every error there for a wrong password, a server that is full too.
async fn prepare(
    call: &Call,
    config: &RedisDirectoryConfig,
    connection: &mut MultiplexedConnection,
) -> Result<ServerInfo, PortError> {
    let mut commands: Vec<(Step, Cmd)> = Vec::new();
    if let Some(password) = &config.password {
        let mut auth = cmd("AUTH");
        auth.arg(config.user.as_deref()).arg(password);
        commands.push((Step::LogIn, auth));
    }
    if config.database > 0 {
        let mut select = cmd("SELECT");
        select.arg(config.database);
        commands.push((Step::PickDatabase, select));
    }
    commands.extend(ServerInfo::questions().map(|question| (Step::Ask, question)));
    commands.extend(SCRIPTS.load().into_iter().map(|load| (Step::LoadScript, load)));
    let mut batch = Pipeline::new();
    let mut steps = Vec::with_capacity(commands.len());
    for (step, command) in commands {
        steps.push(step);
        batch.add_command(command);
    }
    let replies = connection.send_packed_commands(&batch, 0, batch.len()).await;
    let replies = replies.map_err(|error| call.outage(error))?;
    let mut answers = Vec::new();
    for (step, reply) in steps.into_iter().zip(replies) {
        match (step, reply) {
            // Who may not ask still has a directory; only a server's change is then noticed by its leases alone.
            (Step::Ask, reply) => answers.push(reply),
            (step, Value::ServerError(error)) => return Err(step.error(call, &error)),
            _ => {}
        }
    }
    Ok(ServerInfo::read(answers))
}

#[derive(Clone, Copy)]
enum Step {
    LogIn,
    PickDatabase,
    Ask,
    LoadScript,
}

impl Step {
    fn error(self, call: &Call, error: &::redis::ServerError) -> PortError {
        let details = error.details().unwrap_or_default();
        match (self, error.code()) {
            // Not in the server's words: some repeat what they were sent.
            (Step::LogIn, "WRONGPASS" | "NOAUTH" | "NOPERM") => {
                call.refused(format!("{}: the server refuses the user or the password", error.code()))
            }
            (Step::LogIn, "ERR") if details.starts_with("AUTH ") => {
                call.refused("the server has no password for this user, and one is configured")
            }
            (Step::LogIn, "ERR") if details.starts_with("unknown command") => {
                call.refused("what answers there does not know how to log in")
            }
            (Step::PickDatabase, "ERR") if !details.starts_with("max number of clients") => {
                call.refused(format!("no such database: {details}"))
            }
            _ => call.server_error(error),
        }
    }
}
