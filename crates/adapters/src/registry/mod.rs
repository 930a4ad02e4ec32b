//! Where nodes are found: a list in the configuration, or a Nacos server.

pub mod fixed;
pub mod nacos;

pub use fixed::FixedRegistry;
pub use nacos::{NacosOptions, NacosRegistry};
