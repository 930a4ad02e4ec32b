//! A connection to PostgreSQL as a [`Link`].
//!
//! Rows are passed as a list for each column, so a statement is the same text for any number of rows, and is prepared once a connection.

use sqlx::postgres::{PgArguments, PgConnection};
use sqlx::{Arguments, AssertSqlSafe, Error};

use crate::sql::link::{Link, Row, Rows, Sql, Value, row, statement, unexpected};
use crate::sql::statements::{self, Column, Insert, Statements};

impl Link for PgConnection {
    const STATEMENTS: Statements = statements::POSTGRES;
    const IS_SHARED: bool = true;
    /// Said, because a database may have another default: each statement is to see what was committed before it.
    const BEGIN: &str = "BEGIN ISOLATION LEVEL READ COMMITTED";
    const COMMIT_AND_BEGIN: &str = "COMMIT AND CHAIN";

    async fn rows(&mut self, sql: impl Into<Sql> + Send, values: Vec<Value>) -> Result<Vec<Row>, Error> {
        statement(sql.into(), values)?.fetch_all(self).await?.iter().map(row).collect()
    }

    async fn run(&mut self, sql: impl Into<Sql> + Send, values: Vec<Value>) -> Result<u64, Error> {
        Ok(statement(sql.into(), values)?.execute(self).await?.rows_affected())
    }

    async fn insert(&mut self, rows: Vec<Rows>) -> Result<u64, Error> {
        let rows: Vec<Rows> = rows.into_iter().filter(|rows| !rows.rows.is_empty()).collect();
        let Some(text) = together(rows.iter().map(|rows| rows.how)) else { return Ok(0) };
        let mut arguments = PgArguments::default();
        for rows in rows {
            add_lists(&mut arguments, rows)?;
        }
        Ok(sqlx::query_with(AssertSqlSafe(text), arguments).execute(self).await?.rows_affected())
    }
}

/// Several inserts as one statement, whose values are numbered through; `None` for none.
pub(super) fn together(inserts: impl Iterator<Item = Insert>) -> Option<String> {
    let mut first = 1;
    let statements = inserts.map(|insert| {
        let text = insert.of_lists(first);
        first += insert.columns.len();
        text
    });
    let mut statements: Vec<String> = statements.collect();
    let last = statements.pop()?;
    let before = statements.iter().enumerate().map(|(index, text)| format!("w{index} AS ({text})"));
    let before = before.collect::<Vec<_>>().join(", ");
    Some(if before.is_empty() { last } else { format!("WITH {before} {last}") })
}

/// The values of rows, a list a column.
fn add_lists(arguments: &mut PgArguments, Rows { how, rows }: Rows) -> Result<(), Error> {
    let mut rows: Vec<std::vec::IntoIter<Value>> = rows.into_iter().map(Vec::into_iter).collect();
    for (index, column) in how.columns.iter().enumerate() {
        let values = rows.iter_mut().map(|row| row.next().unwrap_or(Value::Null));
        let added = match column {
            Column::Text(_) => {
                let text = |value| match value {
                    Value::Text(text) => Ok(text),
                    _ => Err(unexpected(index, "no text")),
                };
                arguments.add(values.map(text).collect::<Result<Vec<String>, Error>>()?)
            }
            Column::Integer(_) => {
                let number = |value| match value {
                    Value::Integer(number) => Ok(Some(number)),
                    Value::Null => Ok(None),
                    Value::Text(_) => Err(unexpected(index, "no number")),
                };
                arguments.add(values.map(number).collect::<Result<Vec<Option<i64>>, Error>>()?)
            }
        };
        added.map_err(Error::Encode)?;
    }
    Ok(())
}
