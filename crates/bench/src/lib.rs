//! Development only: what a message costs, beside reference servers in the same run.
//!
//! Three programs: `bench` starts servers, has works done on them in turns and prints figures; `load` is the clients of one work;
//! `limit` is a server that only reads and writes frames, the floor under every figure.
//! A fourth, in `centrifuge/`, is a small server on the Go library of that name.
//! Nothing here is shared with what is measured: no code of Trunkline, no WebSocket library.

pub mod clock;
pub mod frame;
pub mod histogram;
pub mod job;
pub mod load;
pub mod outcome;
pub mod suite;
pub mod token;
pub mod usage;
mod works;
