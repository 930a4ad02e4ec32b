//! The servers behind the seams: Nacos, Redis, RocketMQ, SQL.

pub mod bus;
pub mod directory;
pub mod registry;
pub mod sql;
