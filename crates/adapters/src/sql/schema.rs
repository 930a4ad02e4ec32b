//! The tables, made and changed by numbered files that are the same for every database but for a few words.
//!
//! A file that was released is never edited again: the database remembers its check sum.

use std::borrow::Cow;

use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::{AssertSqlSafe, SqlSafeStr};

/// The files, by number.
const FILES: &[(i64, &str, &str)] = &[(1, "messages", include_str!("migrations/0001_messages.sql"))];

/// What a database calls what others call differently.
pub(super) struct Words {
    /// A whole number of 64 bits.
    pub(super) integer: &'static str,
    /// A short text that is compared byte for byte.
    pub(super) text: &'static str,
    /// A text of any length.
    pub(super) long_text: &'static str,
    /// The end of a table that is stored in the order of its primary key.
    pub(super) clustered: &'static str,
    /// The end of a table that is stored in the order in which its rows came.
    pub(super) appended: &'static str,
}

/// SQLite's words.
pub(super) const SQLITE: Words = Words {
    integer: "INTEGER",
    text: "TEXT",
    long_text: "TEXT",
    clustered: "STRICT, WITHOUT ROWID",
    appended: "STRICT",
};

/// PostgreSQL's words. The order of its text is that of the database unless said otherwise, and ids are compared byte for byte.
pub(super) const POSTGRES: Words =
    Words { integer: "BIGINT", text: "TEXT COLLATE \"C\"", long_text: "TEXT", clustered: "", appended: "" };

/// What brings a database to the latest version.
pub(super) fn migrator(words: &Words) -> Migrator {
    let migration = |(number, name, text): &(i64, &'static str, &str)| {
        let text = text
            .replace("{integer}", words.integer)
            .replace("{text}", words.text)
            .replace("{long_text}", words.long_text)
            .replace("{clustered}", words.clustered)
            .replace("{appended}", words.appended);
        let text = AssertSqlSafe(text).into_sql_str();
        Migration::new(*number, Cow::Borrowed(name), MigrationType::Simple, text, false)
    };
    Migrator::with_migrations(FILES.iter().map(migration).collect())
}
