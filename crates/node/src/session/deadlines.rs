//! When a session is asked what time it is: by the wheel, at the earliest of its deadlines.
//!
//! It promises that a deadline that moves earlier is met, and that one that moves later costs nothing until it is asked in vain.

use std::sync::Arc;

use tokio::time::Instant;

use super::event::Event;
use super::{Core, Session};

/// When the timer asks: in which turn, and because of which deadline.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asked {
    turn: usize,
    deadline: Instant,
}

impl Session {
    /// From now on the timer asks when a deadline comes.
    pub fn watch(self: &Arc<Self>, now: Instant) {
        let mut core = self.core();
        self.put_into_wheel(&mut core, now);
    }

    /// The timer asks, in this turn.
    pub(crate) fn look(self: &Arc<Self>, turn: usize, now: Instant) {
        let (is_left_over, deadline) = {
            let core = self.core();
            (core.asked.is_none_or(|asked| asked.turn != turn), self.deadline(&core))
        };
        // It was asked in an earlier turn, and is asked again in a later one.
        if is_left_over {
            return;
        }
        if deadline <= now {
            let (stalled, working) = {
                let core = self.core();
                (core.stalled.is_some_and(|since| since + self.limits.write_timeout <= now), core.working)
            };
            if working && !stalled {
                // Not the client's silence, but ours.
                self.apply(Event::Heard, now);
            }
            self.apply(if stalled { Event::Stalled } else { Event::Tick }, now);
        }
        let mut core = self.core();
        if core.asked.is_some() {
            self.put_into_wheel(&mut core, now);
        }
    }

    fn deadline(&self, core: &Core) -> Instant {
        let stalled = core.stalled.map(|since| since + self.limits.write_timeout);
        stalled.map_or(core.machine.deadline(), |stalled| stalled.min(core.machine.deadline()))
    }

    /// Has the timer ask earlier where a deadline has moved earlier.
    pub(super) fn watch_sooner(self: &Arc<Self>, core: &mut Core, now: Instant) {
        let Some(asked) = core.asked else { return };
        let deadline = self.deadline(core);
        // Deadlines seldom move earlier, and a turn is not reckoned for nothing with every push.
        if deadline < asked.deadline && self.roads.wheel.turn_of(deadline, now) < asked.turn {
            self.put_into_wheel(core, now);
        }
    }

    fn put_into_wheel(self: &Arc<Self>, core: &mut Core, now: Instant) {
        let deadline = self.deadline(core);
        let turn = self.roads.wheel.turn_of(deadline, now);
        if let Some(before) = core.asked.replace(Asked { turn, deadline }) {
            self.roads.wheel.remove(self, before.turn);
        }
        self.roads.wheel.put(self, turn);
    }

    /// The timer asks no more: the session has ended.
    pub(crate) fn unwatch(&self) {
        if let Some(asked) = self.core().asked.take() {
            self.roads.wheel.remove(self, asked.turn);
        }
    }
}
