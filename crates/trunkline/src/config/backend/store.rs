//! What `store` may be.

use std::path::PathBuf;

use super::{split_scheme, unknown_scheme};

/// Where messages are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoreBackend {
    /// Nowhere.
    None,
    /// In this process; lost at exit.
    Memory,
    /// In a SQLite file that one process holds.
    Sqlite(PathBuf),
}

impl StoreBackend {
    /// Where nothing is said, for `up` and beside a directory in memory.
    pub const DEFAULT_FILE: &'static str = "trunkline-data/trunkline.db";

    /// Parses a URL. The error is for people, and names no secret.
    pub fn parse(text: &str) -> Result<StoreBackend, String> {
        match split_scheme(text) {
            ("none", "") => Ok(StoreBackend::None),
            ("memory", "") => Ok(StoreBackend::Memory),
            ("sqlite", file) => parse_sqlite(file),
            _ => {
                let later = ["postgres", "postgresql", "mysql", "mariadb"];
                Err(unknown_scheme(text, "sqlite:FILE, memory or none", &later))
            }
        }
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
