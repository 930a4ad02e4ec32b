//! Real nodes on the seams in memory, spoken to over real sockets: what a client, an operator and a service see of a node.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that goes wrong panics, its own functions too"
)]

mod api;
mod classic;
mod cluster;
mod delivery;
mod faulty_store;
mod fixture;
mod groups;
mod resume;
mod unkept;
