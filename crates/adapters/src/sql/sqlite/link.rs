//! A connection to SQLite as a [`Link`].

use sqlx::Error;
use sqlx::sqlite::SqliteConnection;

use crate::sql::link::{Link, Row, Rows, Sql, Value, row, statement};
use crate::sql::statements::{self, Statements};

/// Rows that one statement takes at most. Any number of rows is inserted in pieces of 1, 2, 4 and so on up to this many, whose statements stay prepared:
/// to prepare one takes as long as to run it. The values of the widest table are far fewer than SQLite allows.
const ROWS_MAX: usize = 128;

impl Link for SqliteConnection {
    const STATEMENTS: Statements = statements::SQLITE;
    const IS_SHARED: bool = false;
    /// The lock is taken at the start, so that what was read holds until the commit.
    const BEGIN: &str = "BEGIN IMMEDIATE";
    const COMMIT_AND_BEGIN: &str = "COMMIT; BEGIN IMMEDIATE";

    async fn rows(&mut self, sql: impl Into<Sql> + Send, values: Vec<Value>) -> Result<Vec<Row>, Error> {
        statement(sql.into(), values)?.fetch_all(self).await?.iter().map(row).collect()
    }

    async fn run(&mut self, sql: impl Into<Sql> + Send, values: Vec<Value>) -> Result<u64, Error> {
        Ok(statement(sql.into(), values)?.execute(self).await?.rows_affected())
    }

    async fn insert(&mut self, rows: Vec<Rows>) -> Result<u64, Error> {
        let mut changed = 0;
        for Rows { how, rows } in rows.into_iter().filter(|rows| !rows.rows.is_empty()) {
            changed = 0;
            let mut rows = rows.into_iter();
            while let Some(length) = rows.len().checked_ilog2().map(|power| ROWS_MAX.min(1 << power)) {
                let piece = rows.by_ref().take(length);
                changed += self.run(how.of_values(length), piece.flatten().collect()).await?;
            }
        }
        Ok(changed)
    }
}

/// The code without its details: the low byte of SQLite's.
pub(super) fn primary_code(error: &Error) -> Option<i32> {
    let code: i32 = error.as_database_error()?.code()?.parse().ok()?;
    Some(code & 0xff)
}
