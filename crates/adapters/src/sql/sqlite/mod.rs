//! The store in an SQLite file, which belongs to one process.
//!
//! Write-ahead log with full synchronisation: a commit has reached the disk, and readers never wait for the writer.

mod link;
mod lock;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use ports::{Ambient, PortError, Seam};
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqlitePool, SqlitePoolOptions,
    SqliteSynchronous,
};
use sqlx::{Connection, Error, Sqlite, Transaction};
use wire::id::Epoch;

use super::backend::{Backend, Fault};
use super::link::Link;
use super::schema;
use super::store::SqlStore;
use link::primary_code;
use lock::FileLock;

/// Connections that read: they share the processor with everything else, and one batched read serves many sessions.
const READERS_MAX: u32 = 4;
/// For a connection to read on.
const READER_WAIT: Duration = Duration::from_secs(5);
/// For somebody who looks into the file with a tool of his own.
const BUSY_WAIT: Duration = Duration::from_secs(2);
/// The write-ahead log is cut to this when it has been worked off.
const WAL_BYTES_KEPT: &str = "67108864";
/// Pages of 4 KiB in the write-ahead log before it is worked off, 32 MiB. A page that many commits have written is then written to the file once.
const WAL_PAGES: &str = "8192";
/// Kibibytes of pages that the writer remembers at most; SQLite takes a negative number for these. With the 2 MiB that are usual a commit of 256 messages
/// does not fit: its pages are written to the log before their time, read again and written again.
const WRITER_CACHE_KIB: &str = "-32768";

/// The codes of `sqlite3.h` that are told apart.
mod code {
    pub(super) const PERM: i32 = 3;
    pub(super) const READONLY: i32 = 8;
    pub(super) const CORRUPT: i32 = 11;
    pub(super) const CANTOPEN: i32 = 14;
    pub(super) const TOOBIG: i32 = 18;
    pub(super) const CONSTRAINT: i32 = 19;
    pub(super) const MISMATCH: i32 = 20;
    pub(super) const RANGE: i32 = 25;
    pub(super) const NOTADB: i32 = 26;
}

/// A store in an SQLite file. [`SqliteStore::open`] makes one.
pub type SqliteStore = SqlStore<SqliteFile>;

/// An SQLite file that this process alone writes.
pub struct SqliteFile {
    path: PathBuf,
    readers: SqlitePool,
    lock: FileLock,
    /// Pages that the file may grow to; 0 is no limit of ours. Tests fill the disk with it.
    pages_max: AtomicU32,
}

impl SqliteStore {
    /// Opens the file, or makes it and its folder, and brings its tables to the latest version.
    /// The file is locked until the store is closed or the process ends; where another process has it, the error says what to do.
    pub async fn open(path: impl AsRef<Path>, ambient: &Ambient) -> Result<Arc<SqliteStore>, PortError> {
        SqliteStore::open_with(path.as_ref(), ambient, 0).await
    }

    async fn open_with(
        path: &Path,
        ambient: &Ambient,
        pages_max: u32,
    ) -> Result<Arc<SqliteStore>, PortError> {
        if let Some(folder) = path.parent() {
            tokio::fs::create_dir_all(folder).await.map_err(|error| {
                let told = format!("{}: {error}", folder.display());
                PortError::refused(Seam::Store, "make the folder of the database", told)
            })?;
        }
        let lock = FileLock::take(path)?;
        let readers = SqlitePoolOptions::new()
            .max_connections(READERS_MAX)
            .acquire_timeout(READER_WAIT)
            // A file does not go away, so there is nothing to test.
            .test_before_acquire(false)
            .connect_lazy_with(options(path).pragma("query_only", "ON"));
        let file = SqliteFile { path: path.to_owned(), readers, lock, pages_max: AtomicU32::new(pages_max) };
        let (link, epoch) = prepare(&file, ambient).await.map_err(|error| cannot_open(path, error))?;
        Ok(SqlStore::start(file, link, epoch, None))
    }
}

impl Backend for SqliteFile {
    type Link = SqliteConnection;
    type Reading = Transaction<'static, Sqlite>;

    /// SQLite has one writer at a time.
    const WRITERS: usize = 1;
    const TURNS: usize = 1;
    const LOOK_EVERY: Option<Duration> = None;

    async fn connect(&self) -> Result<(SqliteConnection, Option<String>), Error> {
        let pages_max = self.pages_max.load(Ordering::Relaxed);
        let options = options(&self.path)
            .create_if_missing(true)
            .pragma("cache_size", WRITER_CACHE_KIB)
            .pragma("wal_autocheckpoint", WAL_PAGES)
            // What a statement would take back on an error is kept in memory, not in a file a statement.
            .pragma("temp_store", "MEMORY");
        let options =
            if pages_max > 0 { options.pragma("max_page_count", pages_max.to_string()) } else { options };
        Ok((SqliteConnection::connect_with(&options).await?, None))
    }

    async fn disconnect(&self, link: SqliteConnection) {
        if let Err(error) = link.close().await {
            // Everything that was answered is in the log, which the next connection works off.
            tracing::warn!(%error, "a connection to the database does not close");
        }
    }

    async fn begin_reading(&self) -> Result<Transaction<'static, Sqlite>, Error> {
        self.readers.begin().await
    }

    async fn end_reading(&self, reading: Transaction<'static, Sqlite>) -> Result<(), Error> {
        reading.commit().await
    }

    async fn close(&self) {
        self.readers.close().await;
        self.lock.release();
    }

    async fn look(&self, _link: &mut SqliteConnection) -> Result<Option<String>, Error> {
        Ok(None)
    }

    fn fault(error: &Error) -> Fault {
        let refusals = [code::CONSTRAINT, code::TOOBIG, code::MISMATCH, code::RANGE];
        let is_refusal = primary_code(error).is_some_and(|code| refusals.contains(&code));
        if is_refusal { Fault::Refused } else { Fault::Broken }
    }
}

/// A connection to a file whose tables are there.
async fn prepare(file: &SqliteFile, ambient: &Ambient) -> Result<(SqliteConnection, Epoch), Error> {
    let (mut link, _) = file.connect().await?;
    schema::migrator(&schema::SQLITE).run_direct(None, &mut link, false).await?;
    let epoch = Epoch::mint(ambient.clock.unix_ms(), ambient.chance.bits());
    let statements = SqliteConnection::STATEMENTS;
    link.run(statements.begin_life, vec![epoch.to_string().into()]).await?;
    let row = link.rows(statements.epoch, vec![]).await?.into_iter().next().ok_or(Error::RowNotFound)?;
    Ok((link, row.parsed(0)?))
}

fn options(path: &Path) -> SqliteConnectOptions {
    use sqlx::ConnectOptions;
    SqliteConnectOptions::new()
        .filename(path)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .busy_timeout(BUSY_WAIT)
        .pragma("journal_size_limit", WAL_BYTES_KEPT)
        .disable_statement_logging()
}

/// What a person must mend is told apart from what may pass, so that a start does not wait for it.
fn cannot_open(path: &Path, error: Error) -> PortError {
    let lasting = [code::PERM, code::READONLY, code::CORRUPT, code::CANTOPEN, code::NOTADB];
    let is_lasting = matches!(error, Error::Migrate(_))
        || primary_code(&error).is_some_and(|code| lasting.contains(&code));
    let told = format!("{}: {error}", path.display());
    if is_lasting {
        PortError::refused(Seam::Store, "open the database", told)
    } else {
        PortError::outage(Seam::Store, "open the database", told)
    }
}
