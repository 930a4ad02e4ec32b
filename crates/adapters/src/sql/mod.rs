//! The store in a SQL database: SQLite, which one process has for itself, and PostgreSQL, which many share.
//!
//! What is done is written once, against a [`link::Link`] to some database. What databases say differently is in three named places:
//! [`statements`] (how a list of rows is passed in, how rows are locked), [`schema`] (names of types) and the folder of each database (connections, errors).
//!
//! Writes wait in a queue and are kept in one transaction as many as there are; nobody is answered before its commit. A database with several writers
//! has several such queues, and every write of a conversation goes into the same one. Reads have connections of their own, each on one snapshot.
//! A message costs the same whatever the number of its readers.

mod backend;
mod batch;
mod ground;
mod health;
mod link;
mod postgres;
mod reads;
mod rosters;
mod rows;
mod schema;
mod sqlite;
mod statements;
mod store;
mod writer;
mod writes;

pub use postgres::{PostgresOptions, PostgresStore};
pub use sqlite::SqliteStore;
