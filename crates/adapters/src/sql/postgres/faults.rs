//! Whose fault an error of PostgreSQL is, told by its SQLSTATE.

use sqlx::Error;
use sqlx::migrate::MigrateError;

use crate::sql::backend::Fault;

/// Two transactions could not both go on, or both kept the same send.
const RACED: [&str; 3] = ["40001", "40P01", "23505"];
/// A row was not free within `lock_timeout`.
const LOCK_NOT_AVAILABLE: &str = "55P03";
/// Bad data, a broken constraint, more than PostgreSQL takes.
const REFUSED: [&str; 3] = ["22", "23", "54"];
/// Nobody like that may enter, no such database or schema, no such right, something that this server cannot do.
const LASTING: [&str; 5] = ["28", "3D", "3F", "42", "0A"];

pub(super) fn fault(error: &Error) -> Fault {
    let Some(code) = sqlstate(error) else {
        return if matches!(error, Error::Encode(_)) { Fault::Refused } else { Fault::Broken };
    };
    match code.as_str() {
        code if RACED.contains(&code) => Fault::Raced,
        LOCK_NOT_AVAILABLE => Fault::Busy,
        code if is_of(code, &REFUSED) => Fault::Refused,
        _ => Fault::Broken,
    }
}

/// Whether only a person can mend it.
pub(super) fn is_lasting(error: &Error) -> bool {
    match error {
        Error::Configuration(_) | Error::Tls(_) => true,
        Error::Migrate(migrating) => match &**migrating {
            MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => is_lasting(error),
            _ => true,
        },
        error => sqlstate(error).is_some_and(|code| is_of(&code, &LASTING)),
    }
}

fn is_of(code: &str, classes: &[&str]) -> bool {
    code.get(..2).is_some_and(|class| classes.contains(&class))
}

fn sqlstate(error: &Error) -> Option<String> {
    Some(error.as_database_error()?.code()?.into_owned())
}
