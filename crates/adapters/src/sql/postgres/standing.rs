//! How a server stands: whether it takes writes, and whether what it calls committed outlives a loss of power.

use sqlx::Error;
use sqlx::postgres::PgConnection;

use crate::sql::link::Link;

const LOOK: &str = "SELECT pg_is_in_recovery()::TEXT, current_setting('transaction_read_only'), \
    current_setting('synchronous_commit'), current_setting('fsync'), current_setting('full_page_writes'), \
    current_setting('server_encoding')";

/// What a person should know of this server; an error where it takes no writes.
///
/// With `synchronous_commit: local` a commit is on this server's disk, and with `remote_write` and above also with a standby:
/// both are what a receipt promises. With `off` it may be a moment later.
pub(super) async fn look(link: &mut PgConnection) -> Result<Option<String>, Error> {
    let row = link.rows(LOOK, vec![]).await?.into_iter().next().ok_or(Error::RowNotFound)?;
    if row.text(0)? == "true" {
        return Err(Error::InvalidArgument("the server is a standby, which takes no writes".to_owned()));
    }
    if row.text(1)? == "on" {
        let told = "the server is read-only: default_transaction_read_only is on";
        return Err(Error::InvalidArgument(told.to_owned()));
    }
    let encoding = row.text(5)?;
    if encoding != "UTF8" {
        let told = format!("the database's encoding is {encoding}, and messages need UTF8");
        return Err(Error::Configuration(told.into()));
    }
    let settings = ["synchronous_commit", "fsync", "full_page_writes"];
    let mut weak = Vec::new();
    for (column, setting) in settings.into_iter().enumerate() {
        if row.text(column + 2)? == "off" {
            weak.push(format!("{setting} is off"));
        }
    }
    if weak.is_empty() {
        return Ok(None);
    }
    let told = "messages that were receipted may be lost when the database's machine or server stops";
    Ok(Some(format!("{told}: {}", weak.join(", "))))
}
