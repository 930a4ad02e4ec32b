//! Section `store`.

use crate::config::{scalar::UrlText, settings::section};

section! {
    /// Where messages are kept: `postgres://USER:PASSWORD@HOST:5432/DATABASE` (shared by all nodes), `sqlite:FILE` (one process), `memory` (lost at exit) or `none` (nothing is kept). PostgreSQL gets up to eight connections of each node, and a user that may make tables in the database.
    Store in "store" {
        /// The back end; `store: URL` is short for it. A relative FILE is relative to the working directory.
        main url: Option<UrlText> = Said("`sqlite:trunkline-data/trunkline.db`; to be said where the directory is shared");
    }
}
