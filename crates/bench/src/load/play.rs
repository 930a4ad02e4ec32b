//! What the clients of a work do, and the measurement around it.

use super::connection::Connection;
use super::failure::Failure;
use super::fleet::Fleet;
use crate::clock;
use crate::histogram::Histogram;
use crate::job::Job;
use crate::outcome::Outcome;
use crate::usage::Sample;

/// Nothing has come for so long: a message is lost, or the server stands still.
const STALL_NS: u64 = 5_000_000_000;

/// What came to a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Heard {
    /// A message for it.
    Delivery,
    /// The answer to its own.
    Answer,
}

/// The way out of all clients.
#[derive(Debug)]
pub(super) struct Outbox<'a> {
    pub(super) connections: &'a mut [Connection],
}

impl Outbox<'_> {
    /// One client says something.
    pub(super) fn send(&mut self, who: usize, bytes: &[u8]) -> Result<(), Failure> {
        let connection = self.connections.get_mut(who);
        connection.ok_or_else(|| Failure(format!("there is no client {who}")))?.send(bytes)
    }
}

/// What the clients do.
pub(super) trait Play {
    /// Something came to client `who`.
    fn heard(&mut self, who: usize, what: Heard, now_ns: u64);

    /// Sends what is to be sent now.
    fn react(&mut self, now_ns: u64, out: &mut Outbox<'_>) -> Result<(), Failure>;

    /// When something is to be sent though nothing comes.
    fn due_ns(&self) -> Option<u64> {
        None
    }
}

/// What is counted while a play goes on.
#[derive(Debug, Default)]
pub(super) struct Tally {
    /// Messages that reached all that they were for.
    pub(super) messages: u64,
    /// Messages times recipients.
    pub(super) deliveries: u64,
    /// From due to arrival.
    pub(super) arrived: Histogram,
    /// From due to answer.
    pub(super) answered: Histogram,
}

/// A play that counts.
pub(super) trait Counted: Play {
    /// The counts.
    fn tally(&mut self) -> &mut Tally;

    /// No message is to be sent any more; true when none is under way.
    fn wind_up(&mut self) -> bool;
}

/// Plays for the time of the job, counts in its window, and waits for what is under way at the end.
pub(super) fn measure(fleet: &mut Fleet, play: &mut impl Counted, job: &Job) -> Result<Outcome, Failure> {
    fleet.begin(play)?;
    play_for(fleet, play, job.warm_up_ms)?;
    *play.tally() = Tally::default();
    let before = Sample::take(&job.watched)?;
    let begin = clock::now_ns();
    play_for(fleet, play, job.window_ms)?;
    let window_ns = clock::now_ns() - begin;
    let used = Sample::take(&job.watched)?.since(&before);
    let tally = std::mem::take(play.tally());
    let end = clock::now_ns() + STALL_NS;
    while !play.wind_up() {
        fleet.turn(play)?;
        if clock::now_ns() > end {
            return Err(Failure("messages were sent that have not arrived, or were not answered".to_owned()));
        }
    }
    Ok(Outcome {
        window_ns,
        messages: tally.messages,
        deliveries: tally.deliveries,
        others_cores: used.others as f64 / window_ns as f64,
        cpu_ns: used.watched,
        load_cpu_ns: used.own,
        arrived: tally.arrived.quantiles(),
        answered: tally.answered.quantiles(),
        memory: None,
    })
}

fn play_for(fleet: &mut Fleet, play: &mut impl Counted, ms: u64) -> Result<(), Failure> {
    let end = clock::now_ns() + ms * 1_000_000;
    let (mut seen, mut since) = (play.tally().deliveries, clock::now_ns());
    loop {
        fleet.turn(play)?;
        let now = clock::now_ns();
        if now >= end {
            return Ok(());
        }
        if play.tally().deliveries != seen {
            (seen, since) = (play.tally().deliveries, now);
        } else if now - since > STALL_NS {
            return Err(Failure("nothing has arrived for 5 s".to_owned()));
        }
    }
}
