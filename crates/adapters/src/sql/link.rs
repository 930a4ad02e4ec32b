//! A connection to some SQL database, as little of it as the statements need.
//!
//! Every column of ours is text or an integer, so a value is one of these, and no statement needs to know a driver's types.

use std::borrow::Cow;
use std::fmt::Display;
use std::str::FromStr;

use sqlx::database::HasStatementCache;
use sqlx::query::Query;
use sqlx::{
    Arguments, AssertSqlSafe, ColumnIndex, Database, Decode, Encode, Error, IntoArguments, Type, TypeInfo,
    ValueRef,
};

use super::statements::{Insert, Statements};

/// The text of a statement: one of [`Statements`], or made of one and a number of rows.
pub(super) struct Sql {
    pub(super) text: Cow<'static, str>,
    /// Whether a connection is to keep it prepared. It is not worth it for texts that are rarely the same twice.
    pub(super) is_kept: bool,
}

impl From<String> for Sql {
    fn from(text: String) -> Sql {
        Sql { text: Cow::Owned(text), is_kept: false }
    }
}

impl From<&'static str> for Sql {
    fn from(text: &'static str) -> Sql {
        Sql { text: Cow::Borrowed(text), is_kept: true }
    }
}

/// What is passed to a statement, and what it yields.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Value {
    Null,
    Integer(i64),
    Text(String),
}

impl From<&str> for Value {
    fn from(text: &str) -> Value {
        Value::Text(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Value {
        Value::Text(text)
    }
}

impl From<u64> for Value {
    fn from(number: u64) -> Value {
        Value::Integer(integer(number))
    }
}

impl From<Option<u64>> for Value {
    fn from(number: Option<u64>) -> Value {
        number.map_or(Value::Null, Value::from)
    }
}

/// Seqs and times fit; what a caller makes up may not, and no row lies beyond.
pub(super) fn integer(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// One row that a statement yields.
#[derive(Debug, Clone)]
pub(super) struct Row(pub(super) Vec<Value>);

impl Row {
    pub(super) fn number(&self, column: usize) -> Result<u64, Error> {
        self.maybe_number(column)?.ok_or_else(|| unexpected(column, "nothing instead of a number"))
    }

    pub(super) fn maybe_number(&self, column: usize) -> Result<Option<u64>, Error> {
        match self.0.get(column) {
            Some(Value::Integer(number)) => {
                u64::try_from(*number).map(Some).map_err(|_| unexpected(column, "a negative number"))
            }
            Some(Value::Null) => Ok(None),
            _ => Err(unexpected(column, "no number")),
        }
    }

    /// The index that a list of rows passed in gave to this one.
    pub(super) fn index(&self, column: usize) -> Result<usize, Error> {
        usize::try_from(self.number(column)?).map_err(|_| unexpected(column, "no index"))
    }

    pub(super) fn text(&self, column: usize) -> Result<&str, Error> {
        match self.0.get(column) {
            Some(Value::Text(text)) => Ok(text),
            _ => Err(unexpected(column, "no text")),
        }
    }

    /// Takes a text out of the row without copying it.
    pub(super) fn take_text(&mut self, column: usize) -> Result<String, Error> {
        match self.0.get_mut(column) {
            Some(Value::Text(text)) => Ok(std::mem::take(text)),
            _ => Err(unexpected(column, "no text")),
        }
    }

    pub(super) fn parsed<T: FromStr<Err: Display>>(&self, column: usize) -> Result<T, Error> {
        self.text(column)?.parse().map_err(|error| unexpected(column, format!("no such id: {error}")))
    }
}

/// A value in the database that no version of this program has written.
pub(super) fn unexpected(column: usize, what: impl Display) -> Error {
    Error::Decode(format!("column {column} holds {what}").into())
}

/// Rows for one table.
pub(super) struct Rows {
    pub(super) how: Insert,
    pub(super) rows: Vec<Vec<Value>>,
}

/// A connection to a database.
pub(super) trait Link: Send {
    /// The statements in the words of this database.
    const STATEMENTS: Statements;

    /// Whether others may write the same tables meanwhile.
    const IS_SHARED: bool;

    /// How a transaction that writes begins.
    const BEGIN: &str;

    /// How a transaction ends where the next one is to begin at once.
    const COMMIT_AND_BEGIN: &str;

    /// Runs a statement and returns its rows.
    fn rows(
        &mut self,
        sql: impl Into<Sql> + Send,
        values: Vec<Value>,
    ) -> impl Future<Output = Result<Vec<Row>, Error>> + Send;

    /// Runs a statement and returns how many rows it has changed.
    fn run(
        &mut self,
        sql: impl Into<Sql> + Send,
        values: Vec<Value>,
    ) -> impl Future<Output = Result<u64, Error>> + Send;

    /// Inserts any number of rows into different tables, none of which is named twice. Returns how many were inserted or changed in the last of those that get any.
    fn insert(&mut self, rows: Vec<Rows>) -> impl Future<Output = Result<u64, Error>> + Send;
}

/// A statement with its values, for whichever database.
pub(super) fn statement<DB: Database + HasStatementCache>(
    sql: Sql,
    values: Vec<Value>,
) -> Result<Query<'static, DB, DB::Arguments>, Error>
where
    DB::Arguments: IntoArguments<DB>,
    Option<i64>: Encode<'static, DB> + Type<DB>,
    i64: Encode<'static, DB> + Type<DB>,
    String: Encode<'static, DB> + Type<DB>,
{
    let mut arguments = DB::Arguments::default();
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

/// A row that a statement has yielded, out of whichever database.
pub(super) fn row<R: sqlx::Row>(row: &R) -> Result<Row, Error>
where
    usize: ColumnIndex<R>,
    String: for<'r> Decode<'r, R::Database> + Type<R::Database>,
    i64: for<'r> Decode<'r, R::Database> + Type<R::Database>,
{
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
