//! Each connection sends, and sends again when the same has come back: what stands between client and server is what is measured.

use super::failure::Failure;
use super::fleet::Fleet;
use super::peer::{To, plain};
use super::play::{Counted, Heard, Outbox, Play, Tally, measure};
use crate::clock;
use crate::frame::ClientFrame;
use crate::job::{Job, Peer};
use crate::outcome::Outcome;

struct Echo {
    frame: ClientFrame,
    sent_ns: Vec<u64>,
    free: Vec<usize>,
    under_way: usize,
    over: bool,
    tally: Tally,
}

/// So many connections.
pub(super) fn run(job: &Job, connections: usize) -> Result<Outcome, Failure> {
    let mut fleet = Fleet::new(Peer::Limit)?;
    let door = *job.doors.first().ok_or_else(|| Failure("a door is missing".to_owned()))?;
    fleet.open((0..connections).map(|_| plain(door, "/echo")))?;
    let mut echo = Echo {
        frame: Peer::Limit.message(To::User("")).0,
        sent_ns: vec![0; connections],
        free: (0..connections).collect(),
        under_way: 0,
        over: false,
        tally: Tally::default(),
    };
    measure(&mut fleet, &mut echo, job)
}

impl Play for Echo {
    fn heard(&mut self, who: usize, _what: Heard, now_ns: u64) {
        let sent = self.sent_ns.get(who).copied().unwrap_or(now_ns);
        self.tally.arrived.add(now_ns.saturating_sub(sent));
        self.tally.messages += 1;
        self.tally.deliveries += 1;
        self.under_way -= 1;
        self.free.push(who);
    }

    fn react(&mut self, _now_ns: u64, out: &mut Outbox<'_>) -> Result<(), Failure> {
        while !self.over
            && let Some(who) = self.free.pop()
        {
            if let Some(sent) = self.sent_ns.get_mut(who) {
                *sent = clock::now_ns();
            }
            self.under_way += 1;
            out.send(who, self.frame.bytes())?;
        }
        Ok(())
    }
}

impl Counted for Echo {
    fn tally(&mut self) -> &mut Tally {
        &mut self.tally
    }

    fn wind_up(&mut self) -> bool {
        self.over = true;
        self.under_way == 0
    }
}
