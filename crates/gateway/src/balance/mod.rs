//! Which instance gets the next connection.
//!
//! WebSockets live for hours, so what counts is how many an instance holds, not whose turn it is: weighted least connections.
//! The counts belong to the instances and outlive every list of them; a count that was rebuilt with each list would fall back to
//! taking turns at the first scale-out and never recover.

mod address;
mod follow;
mod limits;
mod pool;
mod pools;
mod saved;
mod seat;
mod seats;

pub use address::Address;
pub(crate) use follow::{follow, keep_saved};
pub use limits::BalanceLimits;
pub(crate) use pool::{Choice, Pool, Source};
pub(crate) use pools::Pools;
pub(crate) use saved::SavedLists;
pub use seats::Change;
