//! The adapters against the real servers, in one program: each test starts the servers that it breaks.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that goes wrong panics, its own functions too"
)]

mod postgres;
mod rabbitmq_bus;
mod redis_directory;
mod registry;
mod rocketmq_bus;
mod sqlite;
mod store_model;

/// What a busy machine may add to a time-out.
const SLACK: std::time::Duration = std::time::Duration::from_secs(1);
