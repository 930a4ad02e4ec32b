//! What `store` may be.

use std::path::PathBuf;

use percent_encoding::percent_decode_str;

use super::{BackendUrl, HostPort, split_scheme, unknown_scheme};
use crate::config::secret::Secret;

/// Where messages are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoreBackend {
    /// Nowhere.
    None,
    /// In this process; lost at exit.
    Memory,
    /// In a SQLite file that one process holds.
    Sqlite(PathBuf),
    /// In a PostgreSQL database.
    Postgres(Postgres),
}

/// How PostgreSQL is reached, and as whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Postgres {
    /// The servers; the first that takes writes is used.
    pub servers: Vec<HostPort>,
    /// The user.
    pub user: String,
    /// The user's password, where it is asked for one.
    pub password: Option<Secret>,
    /// The name of the database.
    pub database: String,
}

/// The port of a PostgreSQL server.
const POSTGRES_PORT: u16 = 5432;
/// What may be written for a store.
const KNOWN: &str = "postgres://USER:PASSWORD@HOST/DATABASE, sqlite:FILE, memory or none";

impl StoreBackend {
    /// Where nothing is said, for `up` and beside a directory in memory.
    pub const DEFAULT_FILE: &'static str = "trunkline-data/trunkline.db";

    /// Parses a URL. The error is for people, and names no secret.
    pub fn parse(text: &str) -> Result<StoreBackend, String> {
        match split_scheme(text) {
            ("none", "") => Ok(StoreBackend::None),
            ("memory", "") => Ok(StoreBackend::Memory),
            ("sqlite", file) => parse_sqlite(file),
            ("postgres" | "postgresql", rest) => Postgres::parse(rest).map(StoreBackend::Postgres),
            _ => Err(unknown_scheme(text, KNOWN, &["mysql", "mariadb"])),
        }
    }
}

impl Postgres {
    fn parse(rest: &str) -> Result<Postgres, String> {
        let url = BackendUrl::parse(rest, POSTGRES_PORT, &["sslmode"])?;
        // TLS is what the other modes ask for, and to go on without it would be worse than to say so.
        if url.parameter("sslmode").is_some_and(|mode| !["disable", "allow", "prefer"].contains(&mode)) {
            return Err("TLS is not supported yet; write sslmode=disable, or leave it out".to_owned());
        }
        let user = url.user.ok_or("a user is missing: postgres://USER:PASSWORD@HOST/DATABASE")?;
        let database = percent_decode_str(&url.path).decode_utf8();
        let database = database.map_err(|_| "the database's name is not UTF-8 when decoded")?;
        if database.contains('/') {
            return Err("one name of a database is expected behind the hosts".to_owned());
        }
        Ok(Postgres {
            servers: url.hosts,
            database: if database.is_empty() { user.clone() } else { database.into_owned() },
            password: url.password,
            user,
        })
    }
}

fn parse_sqlite(file: &str) -> Result<StoreBackend, String> {
    let file = file.strip_prefix("//").unwrap_or(file);
    if file.is_empty() {
        return Err("a file is missing: sqlite:FILE".to_owned());
    }
    if file == ":memory:" {
        return Err("for a store that is lost at exit write memory".to_owned());
    }
    if file.contains('?') {
        return Err("sqlite: takes no parameters".to_owned());
    }
    Ok(StoreBackend::Sqlite(file.into()))
}
