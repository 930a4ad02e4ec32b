//! How nodes talk to each other: over RocketMQ or RabbitMQ.

mod health;
pub mod rabbitmq;
pub mod rocketmq;

pub use rabbitmq::{RabbitMqBus, RabbitMqOptions};
pub use rocketmq::{RocketMqBus, RocketMqOptions};
