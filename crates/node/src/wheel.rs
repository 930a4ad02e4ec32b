//! One timer for all sessions: each waits in the slot of its next deadline, and is asked again when that slot comes round.
//!
//! Deadlines that move later (a client that speaks) cost nothing: the session is asked once at the old one and put further on.
//! One that moves earlier (a socket that takes nothing) has the session moved to an earlier slot.
//! A session that has ended is taken out: as long as the wheel knew of it, its memory could not be used by another.
//! A deadline is met at most one slot late.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use tokio::time::Instant;
use wire::id::SessionId;

use crate::session::Session;

/// How fine deadlines are.
pub const SLOT: Duration = Duration::from_millis(100);
/// Slots of one round: what lies further ahead goes round again.
const SLOTS: usize = 512;

/// The sessions by their next deadline. Bounded by the number of sessions: each waits in it once.
#[derive(Debug)]
pub struct Wheel {
    start: Instant,
    slots: Vec<Mutex<Slot>>,
    /// The turn that comes next: whoever looks at an older clock must not put a session behind it.
    next: AtomicUsize,
}

/// Sessions by the turn in which they are asked: a slot may be filled for its next round already when this one is late.
type Slot = BTreeMap<(usize, SessionId), Weak<Session>>;

impl Wheel {
    /// An empty wheel.
    pub fn new(now: Instant) -> Wheel {
        let slots = (0..SLOTS).map(|_| Mutex::default()).collect();
        Wheel { start: now, slots, next: AtomicUsize::new(0) }
    }

    /// The turn in which a deadline is looked at: the first that begins after it, and within one round.
    pub fn turn_of(&self, deadline: Instant, now: Instant) -> usize {
        let due = deadline.max(now + SLOT).min(now + SLOT * (SLOTS as u32 - 1));
        (self.turn(due) + 1).max(self.next.load(Ordering::Relaxed) + 1)
    }

    /// Has a session asked in a turn.
    pub fn put(&self, session: &Arc<Session>, turn: usize) {
        self.slot(turn).insert((turn, session.id), Arc::downgrade(session));
    }

    /// Has a session not asked in a turn.
    pub fn remove(&self, session: &Session, turn: usize) {
        self.slot(turn).remove(&(turn, session.id));
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
                let due: Slot = self.slot(turn).extract_if(.., |(asked, _), _| *asked <= turn).collect();
                turn += 1;
                self.next.store(turn, Ordering::Relaxed);
                for ((asked, _), session) in due {
                    if let Some(session) = session.upgrade() {
                        session.look(asked, now);
                    }
                }
            }
        }
    }

    fn turn(&self, at: Instant) -> usize {
        let turns = at.saturating_duration_since(self.start).as_millis() / SLOT.as_millis();
        usize::try_from(turns).unwrap_or(usize::MAX)
    }

    fn slot(&self, turn: usize) -> std::sync::MutexGuard<'_, Slot> {
        self.slots[turn % SLOTS].lock().unwrap_or_else(PoisonError::into_inner)
    }
}
