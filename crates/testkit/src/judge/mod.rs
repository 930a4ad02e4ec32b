//! Did the cluster keep its word? One function from facts to a verdict, for simulated and for real clusters alike.
//!
//! Its only input is a log of what clients saw, what was broken when, and what the store holds at the end.
//! It knows the protocol's promises and nothing of how they are kept.

mod fact;
mod facts;
mod payload;

pub use fact::{Entry, Fact, Phase};
pub use facts::Facts;
pub use payload::{Payload, Seen};
