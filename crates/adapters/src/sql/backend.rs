//! What a SQL database must offer to be a store.

use std::ops::DerefMut;

use sqlx::Error;

use super::link::Link;

/// A database, with its connections.
pub(super) trait Backend: Send + Sync + 'static {
    /// A connection.
    type Link: Link;

    /// A connection that reads one snapshot until it is given back.
    type Reading: DerefMut<Target = Self::Link> + Send;

    /// How a transaction that writes begins.
    const BEGIN: &str;

    /// A connection to write on. Called again after one has failed.
    fn connect(&self) -> impl Future<Output = Result<Self::Link, Error>> + Send;

    /// Lets go of a connection to write on.
    fn disconnect(&self, link: Self::Link) -> impl Future<Output = ()> + Send;

    /// A connection to read on.
    fn begin_reading(&self) -> impl Future<Output = Result<Self::Reading, Error>> + Send;

    /// Gives back a connection to read on.
    fn end_reading(&self, reading: Self::Reading) -> impl Future<Output = Result<(), Error>> + Send;

    /// Lets go of the database.
    fn close(&self) -> impl Future<Output = ()> + Send;

    /// True where the database refuses what it was given; false where it could not do it.
    fn refuses(error: &Error) -> bool;
}
