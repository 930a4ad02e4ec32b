//! The seams of Trunkline: where a node or a gateway meets a server that it does not own.
//!
//! There are four, and each settles one question:
//! **the store is the truth, the directory is a lease, the bus is a hint, the registry is a map.**
//! A seam is a trait with its promises in prose, one contract suite that every implementation must pass, and an implementation in memory.
//! Nothing here opens a socket or knows a product.

// A simulation is repeated to the byte: nothing happens in the order of a hasher with secret keys.
#![warn(clippy::iter_over_hash_type)]

pub mod ambient;
pub mod bookmark;
pub mod bus;
pub mod contract;
pub mod directory;
pub mod error;
pub mod memory;
pub mod registry;
pub mod store;

pub use ambient::{Ambient, Chance, Clock};
pub use bus::Bus;
pub use directory::Directory;
pub use error::{PortError, Retry, Seam, SeamState};
pub use registry::Registry;
pub use store::Store;
