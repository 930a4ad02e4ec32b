//! What a SQL database must offer to be a store.

use std::fmt;
use std::ops::DerefMut;
use std::time::Duration;

use sqlx::Error;

use super::link::Link;

/// A database, with its connections.
pub(super) trait Backend: Send + Sync + 'static {
    /// A connection.
    type Link: Link;

    /// A connection that reads one snapshot until it is given back.
    type Reading: DerefMut<Target = Self::Link> + Send;

    /// Transactions that write at once. What they write is divided by conversation, so a row that is locked elsewhere holds up one of them.
    const WRITERS: usize;

    /// Transactions that are worked on at once while none of them is held up: the fewer, the more questions each of them carries.
    const TURNS: usize;

    /// How often a database that nobody writes to is asked how it is; `None` where it cannot go away.
    const LOOK_EVERY: Option<Duration>;

    /// A connection to write on, and what [`Backend::look`] says of it. Called again after one has failed.
    fn connect(&self) -> impl Future<Output = Result<(Self::Link, Option<String>), Error>> + Send;

    /// Lets go of a connection to write on.
    fn disconnect(&self, link: Self::Link) -> impl Future<Output = ()> + Send;

    /// A connection to read on.
    fn begin_reading(&self) -> impl Future<Output = Result<Self::Reading, Error>> + Send;

    /// Gives back a connection to read on.
    fn end_reading(&self, reading: Self::Reading) -> impl Future<Output = Result<(), Error>> + Send;

    /// Lets go of the database.
    fn close(&self) -> impl Future<Output = ()> + Send;

    /// How the database is: what a person should know of it, though it works. An error where it would keep nothing.
    fn look(&self, link: &mut Self::Link) -> impl Future<Output = Result<Option<String>, Error>> + Send;

    /// Whose fault an error of the database is.
    fn fault(error: &Error) -> Fault;
}

/// The error of a transaction that was to insert a send which was kept before.
#[derive(Debug)]
pub(super) struct Repeated;

impl fmt::Display for Repeated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a send was kept before")
    }
}

impl std::error::Error for Repeated {}

impl From<Repeated> for Error {
    fn from(repeated: Repeated) -> Error {
        Error::AnyDriverError(Box::new(repeated))
    }
}

/// Whose fault an error in a transaction is, which says what to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// That of what was to be kept: the database works, and refuses it.
    Refused,
    /// Nobody's: another transaction was in the way and the database gave this one up. The same again can succeed at once.
    Raced,
    /// Ours: a send that was taken for a fresh one was kept before. Nothing else is wrong.
    Repeated,
    /// That of another session, which holds a row for too long. The connection is as good as before.
    Busy,
    /// The database's or the network's: what became of the transaction is not known, and the connection is of no use.
    Broken,
}
