//! The verbs that keep running, and how they end: with a drain, a clear line and an exit code.

pub mod gateway;
pub mod node;
mod open_files;
mod process;
pub mod talk;
pub mod up;

pub use process::Failure;
