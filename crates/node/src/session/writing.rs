//! What a session is told, on its way into the socket: the send queue, who writes it, what waits for room in it, and what comes of one that is full.
//!
//! Nothing here waits: a socket that would block is left to the session's own task.

use std::sync::Arc;

use tokio::time::Instant;
use wire::CloseCode;

use super::event::Event;
use super::machine::Phase;
use super::send_queue::{SendQueue, Written};
use super::{Core, Ending, Session};

/// Who writes what waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Writing {
    /// Nothing waits, or there is no socket yet.
    Idle,
    /// The delivery task will write.
    Scheduled,
    /// The session's task waits for the socket.
    Blocked,
}

impl Session {
    /// Writes what waits, without blocking. Called at the end of a turn, by the delivery tasks, and by the session's own.
    pub(crate) fn flush(self: &Arc<Self>, now: Instant) {
        let Some(socket) = self.socket.get() else { return };
        let mut core = self.core();
        let core = &mut *core;
        match core.queue.write(|slices| socket.try_write_vectored(slices)) {
            Ok(Written::All) => {
                core.writing = Writing::Idle;
                core.begun = false;
                core.stalled = None;
                if core.ending.is_some() {
                    self.wake.notify_one();
                }
            }
            Ok(Written::Blocked { progress }) => {
                core.writing = Writing::Blocked;
                core.begun |= progress;
                if progress || core.stalled.is_none() {
                    core.stalled = Some(now);
                }
                self.wake.notify_one();
            }
            Err(_) => self.broken(core),
        }
        self.watch_sooner(core, now);
        self.release_held(core);
    }

    /// The socket is there: what was pushed before is written now.
    pub(super) fn start_writing(self: &Arc<Self>) {
        self.flush(Instant::now());
    }

    pub(super) fn enqueue(self: &Arc<Self>, core: &mut Core, frame: bytes::Bytes, now: Instant) {
        let last_words = core.machine.phase() == Phase::Leaving;
        if last_words {
            core.queue.push_last(frame);
            return;
        }
        let (frames_max, bytes_max) = (self.limits.send_queue_frames_max, self.limits.send_queue_bytes_max);
        if core.queue.push(frame, frames_max, bytes_max).is_err() {
            core.queue.abandon(core.begun);
            core.requests.clear();
            let effects = core.machine.step(Event::Stalled, now);
            self.perform(core, effects, now);
        }
    }

    /// Hands on the reads that waited for room in the send queue.
    pub(super) fn release_held(self: &Arc<Self>, core: &mut Core) {
        while self.has_room(core)
            && let Some((conversation, after)) = core.reads.start_next()
        {
            self.roads.catchup.read(self, conversation, after);
        }
    }

    /// Takes note that a read is over. True when what it brought finds no room in the send queue, and is read once more when there is some.
    pub(super) fn is_read_again(&self, core: &mut Core, event: &Event<'_>) -> bool {
        match event {
            Event::Page(page) => {
                let position = core.machine.position(&page.conversation);
                if let Some(position) = position.filter(|_| !self.has_room(core)) {
                    core.reads.put_back(page.conversation.clone(), position);
                    return true;
                }
                core.reads.ended(page.parcels.len());
            }
            Event::Denied(_) => core.reads.ended(0),
            _ => {}
        }
        false
    }

    pub(super) fn has_room(&self, core: &Core) -> bool {
        core.queue.is_half_empty(self.limits.send_queue_frames_max, self.limits.send_queue_bytes_max)
    }

    pub(super) fn broken(&self, core: &mut Core) {
        core.writing = Writing::Idle;
        core.queue = SendQueue::default();
        let code = core.ending.map_or(CloseCode::Normal, |ending| ending.code);
        core.ending = Some(Ending { code, by_client: true, broken: true });
        self.wake.notify_one();
    }
}
