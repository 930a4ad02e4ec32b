//! The keys of the top level.

use crate::config::{scalar::Span, settings::section};

section! {
    /// Keys that stand by themselves.
    Top in "" {
        /// How long directory, bus and store are waited for at start, with a line every 5 s; then the process ends with 69.
        /// The registry is not waited for, and a refused password ends the process at once.
        main start_wait: Span = Is("60s"), zero "for ever";
    }
}
