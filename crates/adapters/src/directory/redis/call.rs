//! One call on the directory: what it does, and until when; and how it fails.

use std::error::Error;

use ::redis::{FromRedisValue, Value};
use ports::{PortError, Retry, Seam};
use tokio::time::Instant;

use super::config::ANSWER_LIMIT;

/// One call: all its steps share one deadline.
pub(super) struct Call {
    during: &'static str,
    started: Instant,
}

impl Call {
    pub(super) fn begin(during: &'static str) -> Call {
        Call { during, started: Instant::now() }
    }

    pub(super) fn deadline(&self) -> Instant {
        self.started + ANSWER_LIMIT
    }

    /// Whether half of its time is left, for what can go on another time.
    pub(super) fn has_time(&self) -> bool {
        self.started.elapsed() < ANSWER_LIMIT / 2
    }

    pub(super) fn timed_out(&self) -> PortError {
        PortError::timed_out(Seam::Directory, self.during, ANSWER_LIMIT)
    }

    pub(super) fn outage(&self, source: impl Into<Box<dyn Error + Send + Sync>>) -> PortError {
        PortError::outage(Seam::Directory, self.during, source)
    }

    pub(super) fn refused(&self, source: impl Into<Box<dyn Error + Send + Sync>>) -> PortError {
        PortError::refused(Seam::Directory, self.during, source)
    }

    /// Its deadline by the directory's clock had passed.
    pub(super) fn late(&self) -> PortError {
        self.error(Retry::Now, "its deadline had passed when it reached the server")
    }

    pub(super) fn error(&self, retry: Retry, source: impl Into<Box<dyn Error + Send + Sync>>) -> PortError {
        PortError { seam: Seam::Directory, during: self.during, retry, source: Some(source.into()) }
    }

    /// What the server answered, or why that was no answer.
    pub(super) fn read<T: FromRedisValue>(&self, value: Value) -> Result<T, PortError> {
        if let Value::ServerError(error) = &value {
            return Err(self.server_error(error));
        }
        ::redis::from_redis_value(value).map_err(|error| self.outage(error))
    }

    /// A server that answers with an error is as much an outage as one that is gone, unless only a person can mend it.
    pub(super) fn server_error(&self, error: &::redis::ServerError) -> PortError {
        let text = format!("{} {}", error.code(), error.details().unwrap_or_default());
        match error.code() {
            "NOAUTH" | "WRONGPASS" | "NOPERM" => self.refused(text),
            _ => self.outage(text),
        }
    }
}
