//! The frames of `trunkline.v1`: what a client says, and what a node says.

mod client;
mod server;

pub use client::{BadFrame, ClientFrame, Range};
pub use server::*;
