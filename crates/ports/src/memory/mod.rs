//! The seams in memory: for `trunkline up` without servers, for tests, and for simulation. They keep what they promise, and forget it at exit.

pub mod bus;
pub mod directory;
pub mod registry;
pub mod store;
