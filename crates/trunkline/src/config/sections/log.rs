//! Section `log`.

use crate::config::{
    scalar::{LogFormat, LogLevel},
    settings::section,
};

section! {
    /// What is logged, to standard error.
    Log in "log" {
        /// `auto` is text on a terminal and JSON elsewhere.
        main format: LogFormat = Is("auto");
        /// The least grave lines that are logged.
        main level: LogLevel = Is("info");
    }
}
