//! Real nodes on the seams in memory, spoken to over real sockets: what a client, an operator and a service see of a node.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that goes wrong panics, its own functions too"
)]

mod abuse;
mod api;
mod bad_frames;
mod claims;
mod classic;
mod cluster;
mod conformance;
mod delivery;
mod drain;
mod faulty_bus;
mod faulty_directory;
mod faulty_store;
mod fixture;
mod groups;
mod handshake;
mod healing;
mod identity;
mod leases;
mod limits;
mod pages;
mod resume;
mod review;
mod slow_readers;
mod strangers;
mod unkept;
