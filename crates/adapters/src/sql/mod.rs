//! The store in a SQL database. SQLite here; PostgreSQL and MySQL have their places kept.
//!
//! What is done is written once, against a [`link::Link`] to some database. What databases say differently is in three named places:
//! [`statements`] (how a list of rows is passed in, how rows are locked), [`schema`] (names of types) and the folder of each database (connections, errors).
//!
//! Writes wait in a queue and are kept in one transaction as many as there are; nobody is answered before its commit. Reads have connections of their own,
//! each on one snapshot. A message costs the same whatever the number of its readers.

mod backend;
mod link;
mod reads;
mod rosters;
mod rows;
mod schema;
mod sqlite;
mod statements;
mod store;
mod writer;
mod writes;

pub use sqlite::SqliteStore;
