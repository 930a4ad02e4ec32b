//! Simulated people and their devices: they speak the protocol over sockets in memory to the real sessions of the nodes.
//!
//! They write down what they see as facts, before they act on it. They share no code with the nodes.

pub mod classic;
pub mod device;
pub mod heard;
pub mod line;
pub mod memory;
pub mod outbox;
pub mod sitting;
