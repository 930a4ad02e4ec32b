//! Section `groups`.

use crate::config::{scalar::EveryoneSend, settings::section};

section! {
    /// What clients may do with groups.
    Groups in "groups" {
        /// Whether clients may join and leave by themselves, which also makes a group that is not there yet.
        main client_join: Option<bool> = Said("`false`; in development mode `true`");
        /// Who may write to everyone.
        main everyone_send: Option<EveryoneSend> = Said("`api`; in development mode, or where `ws.dialect` is `classic`, `clients`");
    }
}
