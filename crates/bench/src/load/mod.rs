//! The clients of one work: one thread, prebuilt frames, no runtime, so that what they cost disturbs little.
//!
//! Latency counts from when a message was due, not from when there was time to send it.
//! A message that does not arrive, an error or a closed socket is a failure of the whole measurement, never a better figure.

mod connection;
mod echo;
mod failure;
mod fleet;
mod group;
mod idle;
mod numbers;
mod pairs;
mod peer;
mod play;
mod seat;
mod timer;

pub use failure::Failure;

use crate::job::{Job, Work};
use crate::outcome::Outcome;

/// Does a job.
///
/// # Errors
///
/// When a server did not do what is measured.
pub fn run(job: &Job) -> Result<Outcome, Failure> {
    match job.work {
        Work::Group { members, in_flight } => group::run(job, members, in_flight),
        Work::Pairs { pairs, pace } => pairs::run(job, pairs, pace),
        Work::Echo { connections } => echo::run(job, connections),
        Work::Idle { sessions } => idle::run(job, sessions),
    }
}
