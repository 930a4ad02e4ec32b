//! The connection to Redis: one, shared by all calls, made anew when it fails.
//!
//! Promises: a call ends by its deadline whatever the server does; at most [`IN_FLIGHT_MAX`] batches are on their way, others wait within
//! their own deadline; what has not been answered is forgotten with the connection and never sent again by us; while no server can be reached,
//! callers share one attempt at a time. It has no task of its own: it connects when it is asked for something.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ::redis::aio::MultiplexedConnection;
use ::redis::{Cmd, Pipeline, Value};
use ports::{PortError, Retry, Seam, SeamState};
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout_at};

use super::call::Call;
use super::config::{
    ANSWER_LIMIT, BATCH_COMMANDS_MAX, HANG_AFTER, IN_FLIGHT_MAX, RECONNECT_PAUSE, RedisDirectoryConfig,
};
use super::connect::{Connected, connect};
use super::scripts::SCRIPTS;
use super::server_info::ServerInfo;

/// See the head of this file.
pub(super) struct Link {
    config: RedisDirectoryConfig,
    permits: Semaphore,
    current: Mutex<Option<Current>>,
    attempts: tokio::sync::Mutex<Attempts>,
    health: Mutex<Health>,
}

/// What came back, and from which life of which server.
pub(super) struct Replies {
    pub(super) values: Vec<Value>,
    pub(super) run_id: Option<Arc<str>>,
}

#[derive(Clone)]
struct Current {
    connection: MultiplexedConnection,
    run_id: Option<Arc<str>>,
    place: Arc<str>,
    number: u64,
}

#[derive(Default)]
struct Attempts {
    made: u64,
    next_host: usize,
    failed: Option<(Instant, Retry, String)>,
}

#[derive(Default)]
struct Health {
    down: Option<String>,
    warning: Option<String>,
}

impl Link {
    pub(super) fn new(config: RedisDirectoryConfig) -> Link {
        Link {
            config,
            permits: Semaphore::new(IN_FLIGHT_MAX),
            current: Mutex::default(),
            attempts: tokio::sync::Mutex::default(),
            health: Mutex::default(),
        }
    }

    /// Sends commands in order, in batches; the first error is the answer.
    pub(super) async fn run(&self, call: &Call, commands: Vec<Cmd>) -> Result<Vec<Value>, PortError> {
        self.run_somewhere(call, commands).await.map(|replies| replies.values)
    }

    /// As [`Link::run`], and tells by which server the last batch was answered.
    pub(super) async fn run_somewhere(&self, call: &Call, commands: Vec<Cmd>) -> Result<Replies, PortError> {
        if commands.is_empty() {
            return Ok(Replies { values: Vec::new(), run_id: None });
        }
        let outcome = self.run_batches(call, commands).await;
        lock(&self.health).down = outcome.as_ref().err().map(PortError::chain);
        outcome
    }

    /// Takes note of what the server says of itself, if it says anything.
    pub(super) async fn look_at_server(&self, call: &Call) {
        let mut batch = Pipeline::new();
        for question in ServerInfo::questions() {
            batch.add_command(question);
        }
        // What is wrong with the server is found by the calls that matter.
        if let Ok(replies) = self.run_batch(call, batch).await {
            self.note_info(&ServerInfo::read(replies.values));
        }
    }

    /// How the directory is.
    pub(super) fn state(&self) -> SeamState {
        let health = lock(&self.health);
        match (&health.down, &health.warning) {
            (Some(note), _) => SeamState::down(note),
            (None, Some(note)) => SeamState::warning(note),
            (None, None) => SeamState::up(),
        }
    }

    fn note_info(&self, info: &ServerInfo) {
        lock(&self.health).warning = info.warning();
    }

    async fn run_batches(&self, call: &Call, commands: Vec<Cmd>) -> Result<Replies, PortError> {
        let mut all = Replies { values: Vec::with_capacity(commands.len()), run_id: None };
        let mut commands = commands.into_iter();
        loop {
            let mut batch = Pipeline::new();
            for command in commands.by_ref().take(BATCH_COMMANDS_MAX) {
                batch.add_command(command);
            }
            if batch.is_empty() {
                return Ok(all);
            }
            let replies = self.run_batch(call, batch).await?;
            for value in &replies.values {
                if let Value::ServerError(error) = value {
                    return Err(call.server_error(error));
                }
            }
            all.values.extend(replies.values);
            all.run_id = replies.run_id;
        }
    }

    async fn run_batch(&self, call: &Call, batch: Pipeline) -> Result<Replies, PortError> {
        let permit = timeout_at(call.deadline(), self.permits.acquire()).await;
        let _permit = permit.map_err(|_| call.timed_out())?.map_err(|error| call.outage(error))?;
        let mut current = self.connection(call).await?;
        let mut values = self.send(call, &mut current, &batch).await?;
        let unknown: Vec<usize> =
            (0..values.len()).filter(|place| is_error(&values[*place], "NOSCRIPT")).collect();
        if !unknown.is_empty() {
            // Nothing of such a command was carried out.
            let mut again = Pipeline::new();
            SCRIPTS.load().into_iter().for_each(|command| {
                again.add_command(command);
            });
            let loads = again.len();
            for (place, command) in batch.cmd_iter().enumerate() {
                if unknown.contains(&place) {
                    again.add_command(command.clone());
                }
            }
            let replies = self.send(call, &mut current, &again).await?;
            for (place, value) in unknown.into_iter().zip(replies.into_iter().skip(loads)) {
                values[place] = value;
            }
        }
        if values.iter().any(|value| is_error(value, "READONLY") || is_error(value, "MASTERDOWN")) {
            // Not the server that we want, or not any more: the next host may be.
            self.give_up(&current);
        }
        Ok(Replies { values, run_id: current.run_id })
    }

    async fn send(
        &self,
        call: &Call,
        current: &mut Current,
        batch: &Pipeline,
    ) -> Result<Vec<Value>, PortError> {
        let sent = Instant::now();
        let sending = current.connection.send_packed_commands(batch, 0, batch.len());
        match timeout_at(call.deadline(), sending).await {
            Ok(Ok(values)) => Ok(values),
            Ok(Err(error)) => {
                self.give_up(current);
                Err(call.outage(format!("{}: {error}", current.place)))
            }
            Err(_) => {
                // A call that had little time left when it was sent says nothing about the connection.
                if sent.elapsed() >= HANG_AFTER {
                    self.give_up(current);
                }
                Err(call.outage(format!("{}: no answer within {ANSWER_LIMIT:?}", current.place)))
            }
        }
    }

    /// The connection of the moment, or a new one.
    async fn connection(&self, call: &Call) -> Result<Current, PortError> {
        if let Some(current) = lock(&self.current).clone() {
            return Ok(current);
        }
        let attempts = timeout_at(call.deadline(), self.attempts.lock()).await;
        let mut attempts = attempts.map_err(|_| call.timed_out())?;
        if let Some(current) = lock(&self.current).clone() {
            return Ok(current);
        }
        if let Some((at, retry, text)) = &attempts.failed
            && at.elapsed() < RECONNECT_PAUSE
        {
            return Err(call.error(*retry, text.clone()));
        }
        attempts.made += 1;
        match connect(call, &self.config, &mut attempts.next_host).await {
            Ok(Connected { connection, info, place }) => {
                attempts.failed = None;
                self.note_info(&info);
                let current = Current { connection, run_id: info.run_id, place, number: attempts.made };
                *lock(&self.current) = Some(current.clone());
                Ok(current)
            }
            Err(error) => {
                let text = error.source.as_ref().map(ToString::to_string).unwrap_or_default();
                attempts.failed = Some((Instant::now(), error.retry, text));
                Err(error)
            }
        }
    }

    /// The next call makes a new connection; calls under way on this one may still be answered.
    fn give_up(&self, failed: &Current) {
        let mut current = lock(&self.current);
        if current.as_ref().is_some_and(|current| current.number == failed.number) {
            *current = None;
        }
    }
}

impl std::fmt::Debug for Link {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Link")
            .field("config", &self.config)
            .field("seam", &Seam::Directory)
            .finish_non_exhaustive()
    }
}

fn is_error(value: &Value, code: &str) -> bool {
    matches!(value, Value::ServerError(error) if error.code() == code)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
