//! Connections to read on: each read is one snapshot, and sees all that was committed before it began.
//!
//! A connection on which anything went wrong is not used again. One that was cut while nobody used it is replaced without a word:
//! nothing was asked of it yet.

use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sqlx::Error;
use sqlx::postgres::PgConnection;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::connect::{self, PostgresOptions};
use crate::sql::link::Link;

/// Connections that read: one batched read serves many sessions, and a server has its connections for all nodes.
const READERS_MAX: usize = 4;
const BEGIN: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";

/// The connections, made when they are needed.
pub(super) struct Readers {
    options: PostgresOptions,
    places: Arc<Semaphore>,
    idle: Mutex<Vec<PgConnection>>,
}

/// A connection with a snapshot. Dropped, it is closed.
pub(in crate::sql) struct Reading {
    link: PgConnection,
    place: OwnedSemaphorePermit,
}

impl Readers {
    pub(super) fn new(options: PostgresOptions) -> Readers {
        Readers { options, places: Arc::new(Semaphore::new(READERS_MAX)), idle: Mutex::default() }
    }

    /// Waits for a connection and takes a snapshot.
    pub(super) async fn begin(&self) -> Result<Reading, Error> {
        let place = self.places.clone().acquire_owned().await.map_err(|_| Error::PoolClosed)?;
        while let Some(mut link) = self.take_idle() {
            match link.run(BEGIN, vec![]).await {
                Ok(_) => return Ok(Reading { link, place }),
                Err(error) => tracing::debug!(%error, "a connection to the database is lost"),
            }
        }
        let (mut link, _) = connect::connect(&self.options).await?;
        link.run(BEGIN, vec![]).await?;
        Ok(Reading { link, place })
    }

    /// Ends the snapshot and keeps the connection for the next.
    pub(super) async fn end(&self, reading: Reading) -> Result<(), Error> {
        let Reading { mut link, place } = reading;
        link.run("COMMIT", vec![]).await?;
        self.idle().push(link);
        drop(place);
        Ok(())
    }

    pub(super) async fn close(&self) {
        self.places.close();
        self.idle().clear();
    }

    fn take_idle(&self) -> Option<PgConnection> {
        self.idle().pop()
    }

    fn idle(&self) -> MutexGuard<'_, Vec<PgConnection>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Deref for Reading {
    type Target = PgConnection;

    fn deref(&self) -> &PgConnection {
        &self.link
    }
}

impl DerefMut for Reading {
    fn deref_mut(&mut self) -> &mut PgConnection {
        &mut self.link
    }
}
