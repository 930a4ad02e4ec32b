//! Development only: what all tests of the project stand on.
//!
//! Real servers on free ports in temporary folders, a TCP proxy that misbehaves on request, clients that may misbehave,
//! child processes that never outlive their test, and waiting for conditions instead of for time.
//!
//! A thing that goes wrong here is a failing test, so this crate panics with a sentence where product code would return an error.
//! It holds no product logic, and its clients use no WebSocket or HTTP library: they are the independent oracle.

mod background;
pub mod client;
pub mod cluster;
mod connection;
pub mod http;
pub mod java;
pub mod judge;
pub mod poll;
pub mod ports;
pub mod process;
pub mod proxy;
mod random;
pub mod scratch;
pub mod servers;
mod url;
