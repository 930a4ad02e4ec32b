//! The client against the real Java name server and broker, and Apache's own Java client as its peer.
//!
//! One broker serves most tests, each on topics of its own; what breaks a broker, or needs one set up strictly, takes
//! the other, one test at a time.

#![expect(clippy::expect_used, reason = "what helps a test may panic like a test")]

mod brokers;
mod faults;
mod following;
mod interop;
mod rig;
mod sending;
mod setup;
