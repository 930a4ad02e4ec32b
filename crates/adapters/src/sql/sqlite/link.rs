//! A connection to SQLite as a [`Link`].

use sqlx::Error;
use sqlx::sqlite::SqliteConnection;

use crate::sql::link::{Link, Row, Rows, Sql, Value, row, statement};
use crate::sql::statements::{self, Statements};

/// Values that one statement takes: far below what SQLite allows, and enough that a transaction needs few of them.
const VALUES_MAX: usize = 1_000;

impl Link for SqliteConnection {
    const STATEMENTS: Statements = statements::SQLITE;
    const IS_SHARED: bool = false;
    /// The lock is taken at the start, so that what was read holds until the commit.
    const BEGIN: &str = "BEGIN IMMEDIATE";

    async fn rows(&mut self, sql: impl Into<Sql> + Send, values: Vec<Value>) -> Result<Vec<Row>, Error> {
        statement(sql.into(), values)?.fetch_all(self).await?.iter().map(row).collect()
    }

    async fn run(&mut self, sql: impl Into<Sql> + Send, values: Vec<Value>) -> Result<u64, Error> {
        Ok(statement(sql.into(), values)?.execute(self).await?.rows_affected())
    }

    async fn insert(&mut self, rows: Vec<Rows>) -> Result<(), Error> {
        for Rows { how, rows } in rows {
            let mut rows = rows.into_iter();
            loop {
                let piece: Vec<Vec<Value>> = rows.by_ref().take(VALUES_MAX / how.columns.len()).collect();
                if piece.is_empty() {
                    break;
                }
                self.run(how.of_values(piece.len()), piece.into_iter().flatten().collect()).await?;
            }
        }
        Ok(())
    }
}

/// The code without its details: the low byte of SQLite's.
pub(super) fn primary_code(error: &Error) -> Option<i32> {
    let code: i32 = error.as_database_error()?.code()?.parse().ok()?;
    Some(code & 0xff)
}
