//! Section `api`.

use crate::config::{scalar::Listen, secret::Secret, settings::section};

section! {
    /// The HTTP interface of a node.
    Api in "api" {
        /// Its own listener; `/healthz` and `/readyz` are answered on `ws.port` too.
        main listen: Listen = Is("127.0.0.1:19980");
        /// The keys that callers of `/api` present: `file:PATH` (relative to this file), `base64:...` or the text itself.
        /// Without one, only development mode answers.
        main keys: Vec<Secret> = Is("[]");
    }
}
