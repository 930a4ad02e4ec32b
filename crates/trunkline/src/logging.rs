//! Log lines: to standard error, text on a terminal and JSON elsewhere. What a program may want to read goes to standard output instead.

use std::io::{self, IsTerminal};

use tracing_subscriber::filter::{EnvFilter, LevelFilter};
use tracing_subscriber::fmt;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::{SubscriberInitExt, TryInitError};

use crate::config::scalar::{LogFormat, LogLevel};

/// Libraries whose chatter is not ours: a client that reconnects writes a page of errors about what we say in one line.
/// That of RabbitMQ also writes whole messages, where one comes back.
const QUIETED: [&str; 6] = ["nacos_sdk=off", "lapin=off", "sqlx=warn", "hyper=warn", "redis=warn", "h2=warn"];

/// Starts logging, once in a process.
///
/// # Errors
/// Somebody else has started it already.
pub fn start(format: LogFormat, level: LogLevel) -> Result<(), TryInitError> {
    let level = match level {
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Trace => LevelFilter::TRACE,
    };
    let mut filter = EnvFilter::default().add_directive(level.into());
    for directive in QUIETED.iter().filter_map(|text| text.parse().ok()) {
        filter = filter.add_directive(directive);
    }
    let json = match format {
        LogFormat::Auto => !io::stderr().is_terminal(),
        LogFormat::Text => false,
        LogFormat::Json => true,
    };
    let registry = tracing_subscriber::registry().with(filter);
    if json {
        registry.with(fmt::layer().json().flatten_event(true).with_writer(io::stderr)).try_init()
    } else {
        let colours = io::stderr().is_terminal();
        registry.with(fmt::layer().with_target(false).with_ansi(colours).with_writer(io::stderr)).try_init()
    }
}
