//! The store in a PostgreSQL database, which all nodes of a cluster share.
//!
//! Up to four transactions a node are under way at once, and two of them while none is held up; every conversation belongs to one of them,
//! and those of different nodes hold each other apart by the rows of conversations. A receipt means what the server calls committed; where its settings make that less than "on the disk", the state says so.
//!
//! The server may be restarted, hang, or be replaced by a standby: every wait ends, what was not kept is refused, and connections come back by themselves.
//! Not here: TLS, sockets of Unix, and poolers that share a connection between transactions, because statements are prepared and settings are made on a connection.

mod connect;
mod faults;
mod link;
mod readers;
mod standing;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use ports::{Ambient, PortError, Seam};
use sqlx::postgres::PgConnection;
use sqlx::{Connection, Error};
use tokio::time::timeout;
use wire::id::Epoch;

use super::backend::{Backend, Fault};
use super::link::Link;
use super::schema;
use super::store::SqlStore;
pub use connect::PostgresOptions;
use readers::{Readers, Reading};

/// Transactions of one node that write at once: the server works on one while another waits for the disk or for a row.
const WRITERS: usize = 4;
/// Transactions that are worked on while none is held up: one is on its way while another waits for the disk.
const TURNS: usize = 2;
/// How often a database that nobody writes to is looked at, so that a person sees an outage before the first message does.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// For bringing tables to the latest version: another node may be doing it, and all of them wait.
const MIGRATION_WAIT: Duration = Duration::from_secs(60);
/// For a polite end of a connection.
const GOODBYE_WAIT: Duration = Duration::from_secs(1);

/// A store in a PostgreSQL database. [`PostgresStore::open`] makes one.
pub type PostgresStore = SqlStore<PostgresDatabase>;

/// A PostgreSQL database that nodes share.
pub struct PostgresDatabase {
    options: PostgresOptions,
    readers: Readers,
}

impl PostgresStore {
    /// Connects, and brings the tables to the latest version; where several nodes do it at once, one does and the others wait.
    pub async fn open(options: PostgresOptions, ambient: &Ambient) -> Result<Arc<PostgresStore>, PortError> {
        let database = PostgresDatabase { readers: Readers::new(options.clone()), options };
        let (link, epoch, note) = match timeout(MIGRATION_WAIT, database.prepare(ambient)).await {
            Ok(prepared) => prepared.map_err(|error| database.cannot_open(error))?,
            Err(_) => return Err(PortError::timed_out(Seam::Store, "open the database", MIGRATION_WAIT)),
        };
        Ok(SqlStore::start(database, link, epoch, note))
    }
}

impl PostgresDatabase {
    async fn prepare(&self, ambient: &Ambient) -> Result<(PgConnection, Epoch, Option<String>), Error> {
        let (mut link, note) = connect::connect(&self.options).await?;
        let mut migrating = connect::connect_without_limits(&self.options).await?;
        schema::migrator(&schema::POSTGRES).run_direct(None, &mut migrating, false).await?;
        self.disconnect(migrating).await;
        let epoch = Epoch::mint(ambient.clock.unix_ms(), ambient.chance.bits());
        let statements = PgConnection::STATEMENTS;
        link.run(statements.begin_life, vec![epoch.to_string().into()]).await?;
        let row = link.rows(statements.epoch, vec![]).await?.into_iter().next().ok_or(Error::RowNotFound)?;
        let epoch = row.parsed(0)?;
        Ok((link, epoch, note))
    }

    /// What a person must mend is told apart from what may pass, so that a start does not wait for it.
    fn cannot_open(&self, error: Error) -> PortError {
        let told = format!("{}: {error}", self.options);
        if faults::is_lasting(&error) {
            PortError::refused(Seam::Store, "open the database", told)
        } else {
            PortError::outage(Seam::Store, "open the database", told)
        }
    }
}

impl Backend for PostgresDatabase {
    type Link = PgConnection;
    type Reading = Reading;

    const WRITERS: usize = WRITERS;
    const TURNS: usize = TURNS;
    const LOOK_EVERY: Option<Duration> = Some(LOOK_EVERY);

    async fn connect(&self) -> Result<(PgConnection, Option<String>), Error> {
        connect::connect(&self.options).await
    }

    async fn disconnect(&self, link: PgConnection) {
        // A server that does not answer, or has cut the connection already, notices that we are gone.
        timeout(GOODBYE_WAIT, link.close()).await.ok();
    }

    async fn begin_reading(&self) -> Result<Reading, Error> {
        self.readers.begin().await
    }

    async fn end_reading(&self, reading: Reading) -> Result<(), Error> {
        self.readers.end(reading).await
    }

    async fn close(&self) {
        self.readers.close().await;
    }

    async fn look(&self, link: &mut PgConnection) -> Result<Option<String>, Error> {
        standing::look(link).await
    }

    fn fault(error: &Error) -> Fault {
        faults::fault(error)
    }
}
