//! A connection to SQLite as a [`Link`].

use sqlx::sqlite::{SqliteArguments, SqliteConnection, SqliteRow};
use sqlx::{Arguments, AssertSqlSafe, Error, Row as _, Sqlite, TypeInfo, ValueRef, query::Query};

use crate::sql::link::{Link, Row, Rows, Sql, Value};
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

fn statement(sql: Sql, values: Vec<Value>) -> Result<Query<'static, Sqlite, SqliteArguments>, Error> {
    let mut arguments = SqliteArguments::default();
    for value in values {
        let added = match value {
            Value::Null => arguments.add(None::<i64>),
            Value::Integer(number) => arguments.add(number),
            Value::Text(text) => arguments.add(text),
        };
        added.map_err(Error::Encode)?;
    }
    Ok(sqlx::query_with(AssertSqlSafe(sql.text), arguments).persistent(sql.is_kept))
}

fn row(row: &SqliteRow) -> Result<Row, Error> {
    let value = |column: usize| {
        let value = row.try_get_raw(column)?;
        if value.is_null() {
            return Ok(Value::Null);
        }
        Ok(match value.type_info().name() {
            "TEXT" => Value::Text(row.try_get(column)?),
            _ => Value::Integer(row.try_get(column)?),
        })
    };
    (0..row.len()).map(value).collect::<Result<Vec<Value>, Error>>().map(Row)
}
