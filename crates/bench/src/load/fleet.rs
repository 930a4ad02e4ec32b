//! All clients of one work, and the loop that waits for them.

use std::io::ErrorKind;
use std::time::Duration;

use mio::event::Event;
use mio::{Events, Poll, Token};

use super::connection::Connection;
use super::failure::Failure;
use super::peer::Said;
use super::play::{Heard, Outbox, Play};
use super::seat::Seat;
use super::timer::Timer;
use crate::clock;
use crate::frame::ClientFrame;
use crate::job::Peer;

/// Handshakes under way at once: enough to keep a server busy, and fewer than any of them queues.
const HANDSHAKES_IN_FLIGHT: usize = 50;
/// Longer than a quiet server needs for the slowest of them.
const HANDSHAKE_LIMIT_NS: u64 = 20_000_000_000;
/// One read; what a socket's buffer may hold.
const SCRATCH_BYTES: usize = 256 * 1_024;
/// Events of one look at the sockets.
const EVENTS: usize = 1_024;
/// Not the number of a client.
const TIMER: Token = Token(usize::MAX - 1);
/// How long nothing is waited for at most, so that deadlines are looked at.
const LOOK_MS: u64 = 10;

/// All clients.
#[derive(Debug)]
pub(super) struct Fleet {
    peer: Peer,
    poll: Poll,
    events: Events,
    timer: Timer,
    connections: Vec<Connection>,
    scratch: Vec<u8>,
}

/// What is heard before anything is played.
struct Silence;

impl Play for Silence {
    fn heard(&mut self, _who: usize, _what: Heard, _now_ns: u64) {}

    fn react(&mut self, _now_ns: u64, _out: &mut Outbox<'_>) -> Result<(), Failure> {
        Ok(())
    }
}

impl Fleet {
    /// Nobody yet.
    pub(super) fn new(peer: Peer) -> Result<Fleet, Failure> {
        let poll = Poll::new()?;
        let timer = Timer::new(poll.registry(), TIMER)?;
        let events = Events::with_capacity(EVENTS);
        Ok(Fleet { peer, poll, events, timer, connections: Vec::new(), scratch: vec![0; SCRATCH_BYTES] })
    }

    /// Logs everybody in, some at once.
    pub(super) fn open(&mut self, seats: impl IntoIterator<Item = Seat>) -> Result<(), Failure> {
        let mut seats = seats.into_iter().peekable();
        let mut arriving: Vec<usize> = Vec::new();
        let deadline = clock::now_ns() + HANDSHAKE_LIMIT_NS;
        while seats.peek().is_some() || !arriving.is_empty() {
            while arriving.len() < HANDSHAKES_IN_FLIGHT
                && let Some(seat) = seats.next()
            {
                let who = self.connections.len();
                self.connections.push(Connection::open(seat, self.poll.registry(), Token(who))?);
                arriving.push(who);
            }
            self.turn(&mut Silence)?;
            arriving.retain(|who| self.connections.get(*who).is_some_and(|connection| !connection.is_live()));
            if clock::now_ns() > deadline && !arriving.is_empty() {
                return Err(Failure(format!("{} handshakes are not answered", arriving.len())));
            }
        }
        Ok(())
    }

    /// Everybody leaves, without a word.
    pub(super) fn close(&mut self) {
        self.connections.clear();
    }

    /// Lets a play send.
    pub(super) fn begin(&mut self, play: &mut impl Play) -> Result<(), Failure> {
        play.react(clock::now_ns(), &mut Outbox { connections: &mut self.connections })
    }

    /// Only listens, and answers what a server asks of every client, for some time.
    pub(super) fn listen(&mut self, time: Duration) -> Result<(), Failure> {
        let end = clock::now_ns() + time.as_nanos() as u64;
        while clock::now_ns() < end {
            self.turn(&mut Silence)?;
        }
        Ok(())
    }

    /// Waits a little for sockets, and plays on with what they bring.
    pub(super) fn turn(&mut self, play: &mut impl Play) -> Result<(), Failure> {
        if let Some(due) = play.due_ns() {
            self.timer.set(due.saturating_sub(clock::now_ns()))?;
        }
        match self.poll.poll(&mut self.events, Some(Duration::from_millis(LOOK_MS))) {
            Err(error) if error.kind() == ErrorKind::Interrupted => return Ok(()),
            other => other?,
        }
        for event in &self.events {
            let now_ns = clock::now_ns();
            if event.token() != TIMER {
                happened(self.peer, event, &mut self.connections, &mut self.scratch, play, now_ns)?;
            }
            play.react(now_ns, &mut Outbox { connections: &mut self.connections })?;
        }
        Ok(())
    }
}

/// One socket brings something, or takes something again.
fn happened(
    peer: Peer,
    event: &Event,
    connections: &mut [Connection],
    scratch: &mut [u8],
    play: &mut impl Play,
    now_ns: u64,
) -> Result<(), Failure> {
    let who = event.token().0;
    let Some(connection) = connections.get_mut(who) else { return Ok(()) };
    if event.is_writable() {
        connection.writable()?;
    }
    if !event.is_readable() && !event.is_error() && !event.is_read_closed() {
        return Ok(());
    }
    let mut asked = 0;
    connection.readable(scratch, &mut |payload| {
        let mut wrong = None;
        peer.hear(payload, |said, words| match said {
            Said::Delivery => play.heard(who, Heard::Delivery, now_ns),
            Said::Answer => play.heard(who, Heard::Answer, now_ns),
            Said::Question => asked += 1,
            Said::Else => {}
            Said::Wrong => wrong = Some(String::from_utf8_lossy(words).into_owned()),
        });
        wrong.map_or(Ok(()), |words| Err(Failure(format!("the server says: {words}"))))
    })?;
    for _ in 0..asked {
        connection.send(ClientFrame::text("{}").bytes())?;
    }
    Ok(())
}
