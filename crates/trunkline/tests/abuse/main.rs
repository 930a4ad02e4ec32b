//! What hostile clients can do to a process, and what it costs: memory as the kernel counts it, and the patience of a well-behaved neighbour.
//!
//! Each test starts the built binary as a process of its own, lets two people talk through it all the time, and abuses it.
//! Three things must hold: the process never grows beyond the ceiling that the test names, it gives back what it took,
//! and the two lose no message and wait for none.
//! What the kernel keeps for sockets is not counted: its own limits bound that.
//! What a client is *told* for each of these things is asserted where the limits are (`crates/node/tests/it`); here it is only checked that it is told.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot be set up must fail")]
#![allow(clippy::print_stdout, reason = "what each abuse cost is shown with `--nocapture`")]

mod bed;
mod bombs;
mod crowd;
mod flooded;
mod floods;
mod gateway;
mod http;
mod neighbours;
mod open_files;
mod readers;
mod storms;
mod writers;
