//! The promises of each seam as code: one suite a trait, run against every implementation, the real servers included.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a suite panics where product code would return an error"
)]

pub mod bus;
pub mod directory;
pub mod registry;
pub mod store;
