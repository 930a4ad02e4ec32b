//! The words of Trunkline: ids, frames, envelopes, codes and limits.
//!
//! Everything that crosses a socket, the bus or a seam is spelled here once, and whatever is typed here was checked when it was parsed.
//! There is no I/O, no clock and no randomness in this crate: who needs a new id passes in the time and the chance that it is made from.

pub mod classic;
pub mod close;
pub mod envelope;
pub mod error_code;
pub mod frame;
pub mod id;
pub mod json;
pub mod limits;
pub mod message;
pub mod policy;

pub use close::CloseCode;
pub use error_code::ErrorCode;
pub use message::{Message, Target};
