//! The directory on a real Redis: the contract, and what a Redis that is wiped, restarted, hung or unwilling does to it.

#![expect(clippy::unwrap_used, reason = "what a test needs and does not get is its failure")]

mod bed;
mod classic;
mod contract;
mod faults;
mod hanging;
mod refusals;
mod scripts;
