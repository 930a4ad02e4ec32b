//! Whole nodes in one thread, under paused time, behind listeners in memory: that they can be run so, crashed, and run again to the same end.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that goes wrong panics, its own functions too"
)]

mod crash;
mod points;
mod repeat;
mod rules;
mod stage;
