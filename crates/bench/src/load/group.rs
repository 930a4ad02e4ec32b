//! One writes to a group: the next message when one has reached every member and was answered, or several under way.

use super::failure::Failure;
use super::fleet::Fleet;
use super::numbers::Numbers;
use super::peer::To;
use super::play::{Counted, Heard, Outbox, Play, Tally, measure};
use crate::clock;
use crate::frame::ClientFrame;
use crate::job::{Job, Peer};
use crate::outcome::Outcome;

const GROUP: &str = "bench";
/// The client that writes.
const WRITER: usize = 0;

struct Group {
    peer: Peer,
    frame: ClientFrame,
    number_at: Option<usize>,
    numbers: Numbers,
    in_flight: u64,
    members: usize,
    /// When each message was sent, from the first on.
    sent_ns: Vec<u64>,
    /// How many members each has reached.
    reached: Vec<usize>,
    /// How many messages each client has seen.
    seen: Vec<usize>,
    complete: u64,
    answers: u64,
    over: bool,
    tally: Tally,
}

/// One writer and so many members.
pub(super) fn run(job: &Job, members: usize, in_flight: usize) -> Result<Outcome, Failure> {
    let mut fleet = Fleet::new(job.peer)?;
    let door = *job.doors.first().ok_or_else(|| Failure("a door is missing".to_owned()))?;
    let seat = |nth: usize| job.peer.user(door, &format!("m{nth}"), Some(GROUP), &job.secret);
    fleet.open((0..=members).map(seat))?;
    let (frame, number_at) = job.peer.message(To::Group(GROUP));
    let mut group = Group {
        peer: job.peer,
        frame,
        number_at,
        numbers: Numbers::new(),
        in_flight: in_flight as u64,
        members,
        sent_ns: Vec::new(),
        reached: Vec::new(),
        seen: vec![0; members + 1],
        complete: 0,
        answers: 0,
        over: false,
        tally: Tally::default(),
    };
    measure(&mut fleet, &mut group, job)
}

impl Play for Group {
    fn heard(&mut self, who: usize, what: Heard, now_ns: u64) {
        if what == Heard::Answer {
            let sent = self.sent_ns.get(self.answers as usize).copied().unwrap_or(now_ns);
            self.tally.answered.add(now_ns - sent);
            self.answers += 1;
            return;
        }
        // A server that shows the writer its own message does so for nothing: it counts as no delivery.
        let Some(seen) = self.seen.get_mut(who).filter(|_| who != WRITER) else { return };
        let message = *seen;
        *seen += 1;
        self.tally.deliveries += 1;
        self.tally.arrived.add(now_ns - self.sent_ns.get(message).copied().unwrap_or(now_ns));
        if let Some(reached) = self.reached.get_mut(message) {
            *reached += 1;
            if *reached == self.members {
                self.complete += 1;
                self.tally.messages += 1;
            }
        }
    }

    fn react(&mut self, _now_ns: u64, out: &mut Outbox<'_>) -> Result<(), Failure> {
        while !self.over && self.under_way() < self.in_flight {
            if let Some(at) = self.number_at {
                self.frame.patch(at, &self.numbers.next());
            }
            self.sent_ns.push(clock::now_ns());
            self.reached.push(0);
            out.send(WRITER, self.frame.bytes())?;
        }
        Ok(())
    }
}

impl Group {
    fn under_way(&self) -> u64 {
        let done = if self.peer.answers() { self.complete.min(self.answers) } else { self.complete };
        self.sent_ns.len() as u64 - done
    }
}

impl Counted for Group {
    fn tally(&mut self) -> &mut Tally {
        &mut self.tally
    }

    fn wind_up(&mut self) -> bool {
        self.over = true;
        self.under_way() == 0
    }
}
