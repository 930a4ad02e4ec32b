//! Users log in, stay, leave, and come once more: what a handshake costs, what a session holds, and whether it is given back.

use std::time::Duration;

use super::failure::Failure;
use super::fleet::Fleet;
use super::peer::plain;
use super::seat::Seat;
use crate::clock;
use crate::histogram::Quantiles;
use crate::job::{Job, Peer};
use crate::outcome::{Memory, Outcome};
use crate::usage::{Sample, own_bytes};

/// From the last login to the look at memory: buffers of handshakes are given back by then.
const SETTLE: Duration = Duration::from_secs(2);
/// Between two looks at memory that is being given back.
const LOOK: Duration = Duration::from_millis(500);
/// Looks in a row that have to find nothing less.
const STEADY_LOOKS: usize = 4;
/// Looks after which it is not waited for any longer.
const LOOKS_MAX: usize = 24;

/// So many users.
pub(super) fn run(job: &Job, sessions: usize) -> Result<Outcome, Failure> {
    let mut fleet = Fleet::new(job.peer)?;
    let before = own_bytes(&job.watched)?;
    let seats = seats(job, sessions)?;
    let (sample, begin) = (Sample::take(&job.watched)?, clock::now_ns());
    fleet.open(seats.clone())?;
    let window_ns = clock::now_ns() - begin;
    let used = Sample::take(&job.watched)?.since(&sample);
    fleet.listen(SETTLE)?;
    let held = own_bytes(&job.watched)?;
    fleet.close();
    let left = given_back(&mut fleet, job)?;
    fleet.open(seats)?;
    fleet.listen(SETTLE)?;
    let held_again = own_bytes(&job.watched)?;
    Ok(Outcome {
        window_ns,
        messages: sessions as u64,
        deliveries: 0,
        others_cores: used.others as f64 / window_ns as f64,
        cpu_ns: used.watched,
        load_cpu_ns: used.own,
        arrived: Quantiles::default(),
        answered: Quantiles::default(),
        memory: Some(Memory { before, held, left, held_again }),
    })
}

fn seats(job: &Job, sessions: usize) -> Result<Vec<Seat>, Failure> {
    let door = *job.doors.first().ok_or_else(|| Failure("a door is missing".to_owned()))?;
    let seat = |nth: usize| match job.peer {
        Peer::Limit => plain(door, "/echo"),
        peer => peer.user(door, &format!("u{nth}"), None, &job.secret),
    };
    Ok((0..sessions).map(seat).collect())
}

/// Waits until memory does not become less any more.
fn given_back(fleet: &mut Fleet, job: &Job) -> Result<u64, Failure> {
    let (mut least, mut steady) = (own_bytes(&job.watched)?, 0);
    for _ in 0..LOOKS_MAX {
        fleet.listen(LOOK)?;
        let now = own_bytes(&job.watched)?;
        steady = if now < least { 0 } else { steady + 1 };
        least = least.min(now);
        if steady == STEADY_LOOKS {
            break;
        }
    }
    Ok(least)
}
