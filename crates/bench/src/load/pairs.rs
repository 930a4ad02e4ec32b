//! One to one: each sender writes to a recipient of its own.

use std::collections::VecDeque;

use super::failure::Failure;
use super::fleet::Fleet;
use super::numbers::Numbers;
use super::peer::To;
use super::play::{Counted, Heard, Outbox, Play, Tally, measure};
use crate::clock;
use crate::frame::ClientFrame;
use crate::job::{Job, Pace, Peer};
use crate::outcome::Outcome;

const NS_PER_S: u64 = 1_000_000_000;

/// A sender and its recipient: clients `2 n` and `2 n + 1`.
struct Lane {
    frame: ClientFrame,
    number_at: Option<usize>,
    /// When those were due that have not arrived.
    to_arrive: VecDeque<u64>,
    /// When those were due that have not been answered.
    to_answer: VecDeque<u64>,
}

struct Pairs {
    answers: bool,
    lanes: Vec<Lane>,
    numbers: Numbers,
    pace: Pace,
    /// Lanes that may send at once.
    free: Vec<usize>,
    /// When the next message is due, where they are sent at a rate.
    due_ns: u64,
    /// Whose turn it is then.
    turn: usize,
    over: bool,
    tally: Tally,
}

/// So many pairs.
pub(super) fn run(job: &Job, pairs: usize, pace: Pace) -> Result<Outcome, Failure> {
    let mut fleet = Fleet::new(job.peer)?;
    let (Some(first), Some(last)) = (job.doors.first(), job.doors.last()) else {
        return Err(Failure("a door is missing".to_owned()));
    };
    let seats = (0..pairs).flat_map(|nth| {
        // A server without users has pairs by number.
        let (sender, recipient) = match job.peer {
            Peer::Limit => (format!("pair/{nth}"), format!("pair/{nth}")),
            _ => (format!("s{nth}"), format!("r{nth}")),
        };
        [
            job.peer.user(*first, &sender, None, &job.secret),
            job.peer.user(*last, &recipient, None, &job.secret),
        ]
    });
    fleet.open(seats)?;
    let lane = |nth: usize| {
        let (frame, number_at) = job.peer.message(To::User(&format!("r{nth}")));
        Lane { frame, number_at, to_arrive: VecDeque::new(), to_answer: VecDeque::new() }
    };
    let mut play = Pairs {
        answers: job.peer.answers(),
        lanes: (0..pairs).map(lane).collect(),
        numbers: Numbers::new(),
        pace,
        free: if pace == Pace::OneInFlight { (0..pairs).collect() } else { Vec::new() },
        due_ns: clock::now_ns(),
        turn: 0,
        over: false,
        tally: Tally::default(),
    };
    measure(&mut fleet, &mut play, job)
}

impl Pairs {
    fn send(&mut self, nth: usize, due_ns: u64, out: &mut Outbox<'_>) -> Result<(), Failure> {
        let Some(lane) = self.lanes.get_mut(nth) else { return Ok(()) };
        if let Some(at) = lane.number_at {
            lane.frame.patch(at, &self.numbers.next());
        }
        lane.to_arrive.push_back(due_ns);
        if self.answers {
            lane.to_answer.push_back(due_ns);
        }
        out.send(2 * nth, lane.frame.bytes())
    }
}

impl Play for Pairs {
    fn heard(&mut self, who: usize, what: Heard, now_ns: u64) {
        let nth = who / 2;
        let Some(lane) = self.lanes.get_mut(nth) else { return };
        match what {
            // Another device of the sender would be shown its message; here there is none.
            Heard::Delivery if who % 2 == 1 => {
                let Some(due) = lane.to_arrive.pop_front() else { return };
                self.tally.arrived.add(now_ns.saturating_sub(due));
                self.tally.deliveries += 1;
                self.tally.messages += 1;
            }
            Heard::Answer => {
                let Some(due) = lane.to_answer.pop_front() else { return };
                self.tally.answered.add(now_ns.saturating_sub(due));
            }
            Heard::Delivery => return,
        }
        if self.pace == Pace::OneInFlight && lane.to_arrive.is_empty() && lane.to_answer.is_empty() {
            self.free.push(nth);
        }
    }

    fn react(&mut self, _now_ns: u64, out: &mut Outbox<'_>) -> Result<(), Failure> {
        if self.over {
            return Ok(());
        }
        while let Some(nth) = self.free.pop() {
            self.send(nth, clock::now_ns(), out)?;
        }
        if let Pace::PerSecond(rate) = self.pace {
            while self.due_ns <= clock::now_ns() {
                let (nth, due_ns) = (self.turn, self.due_ns);
                self.turn = (self.turn + 1) % self.lanes.len();
                self.due_ns += NS_PER_S / u64::from(rate.max(1));
                self.send(nth, due_ns, out)?;
            }
        }
        Ok(())
    }

    fn due_ns(&self) -> Option<u64> {
        (matches!(self.pace, Pace::PerSecond(_)) && !self.over).then_some(self.due_ns)
    }
}

impl Counted for Pairs {
    fn tally(&mut self) -> &mut Tally {
        &mut self.tally
    }

    fn wind_up(&mut self) -> bool {
        self.over = true;
        self.lanes.iter().all(|lane| lane.to_arrive.is_empty() && lane.to_answer.is_empty())
    }
}
