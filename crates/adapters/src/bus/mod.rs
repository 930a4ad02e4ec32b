//! How nodes talk to each other: over RocketMQ.

pub mod rocketmq;

pub use rocketmq::{RocketMqBus, RocketMqOptions};
