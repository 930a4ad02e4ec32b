//! Did the cluster keep its word? One function from facts to a verdict, for simulated and for real clusters alike.
//!
//! Its only input is a log of what clients saw, what was broken when, and what the store holds at the end.
//! It knows the protocol's promises and nothing of how they are kept.

mod bounds;
mod case;
mod checks;
mod evidence;
mod fact;
mod facts;
#[allow(clippy::module_inception, reason = "the one function is the noun of the folder")]
mod judge;
#[cfg(test)]
mod judge_tests;
mod members;
#[cfg(test)]
mod model_tests;
mod payload;
mod verdict;
mod weather;

pub use bounds::{Bounds, Least, Patience, Slot};
pub use fact::{Entry, Fact, Phase};
pub use facts::Facts;
pub use judge::judge;
pub use payload::{Payload, Seen};
pub use verdict::{Check, Counts, Finding, Verdict};
