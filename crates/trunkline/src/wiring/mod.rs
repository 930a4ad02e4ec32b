//! From a configuration to what runs: the servers behind the seams, and what node and gateway are told.

pub mod gateway;
pub mod node;
mod seams;

pub use seams::{open, open_registry, refusal};
