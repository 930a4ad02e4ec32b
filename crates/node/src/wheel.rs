//! One timer for all sessions: each waits in the slot of its next deadline, and is asked again when that slot comes round.
//!
//! Deadlines that move later (a client that speaks) cost nothing: the session is asked once at the old one and put further on.
//! A deadline is met at most one slot late.

use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use tokio::time::Instant;

use crate::session::Session;

/// How fine deadlines are.
pub const SLOT: Duration = Duration::from_millis(100);
/// Slots of one round: what lies further ahead goes round again.
const SLOTS: usize = 512;

/// The sessions by their next deadline. Bounded by the number of sessions: each waits in it once.
#[derive(Debug)]
pub struct Wheel {
    start: Instant,
    slots: Vec<Mutex<Vec<Weak<Session>>>>,
}

impl Wheel {
    /// An empty wheel.
    pub fn new(now: Instant) -> Wheel {
        Wheel { start: now, slots: (0..SLOTS).map(|_| Mutex::default()).collect() }
    }

    /// Puts a session where its next deadline is.
    pub fn watch(&self, session: &Arc<Session>, now: Instant) {
        let due = session.deadline().max(now + SLOT).min(now + SLOT * (SLOTS as u32 - 1));
        self.slot(self.turn(due) + 1).push(Arc::downgrade(session));
    }

    /// Asks every session whose slot has come, for as long as the caller runs it.
    pub async fn run(&self) {
        let mut ticks = tokio::time::interval(SLOT);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Burst);
        let mut turn = self.turn(Instant::now());
        loop {
            ticks.tick().await;
            let now = Instant::now();
            while turn <= self.turn(now) {
                let due = std::mem::take(&mut *self.slot(turn));
                turn += 1;
                for session in due.iter().filter_map(Weak::upgrade) {
                    if session.deadline() <= now {
                        session.tick(now);
                    }
                    self.watch(&session, now);
                }
            }
        }
    }

    fn turn(&self, at: Instant) -> usize {
        let turns = at.saturating_duration_since(self.start).as_millis() / SLOT.as_millis();
        usize::try_from(turns).unwrap_or(usize::MAX)
    }

    fn slot(&self, turn: usize) -> std::sync::MutexGuard<'_, Vec<Weak<Session>>> {
        self.slots[turn % SLOTS].lock().unwrap_or_else(PoisonError::into_inner)
    }
}
