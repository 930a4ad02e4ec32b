//! Which session holds which user: a Redis server.

pub mod redis;

pub use redis::{RedisDirectory, RedisDirectoryConfig};
