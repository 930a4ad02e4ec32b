//! A gateway: one address for many nodes.

pub mod route;
