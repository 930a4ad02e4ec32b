//! The promises of each seam as code: one suite a trait, run against every implementation, the real servers included.

pub mod bus;
pub mod directory;
pub mod registry;
