//! Writes to sockets: one delivery task per runtime worker writes its share of what waits, once per socket and batch.
//!
//! Whoever pushes to a session outside of a turn only schedules it here, and so does a turn that pushed to many ([`crate::turn`]).
//! A socket that would block is left to its session's own task.

use std::sync::{Arc, Mutex, PoisonError};

use edge::Tasks;
use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::session::Session;
use crate::turn;

/// The sessions that wait to be written to.
#[derive(Debug)]
pub struct Delivery {
    shares: Vec<Share>,
}

/// One task's share. Bounded by the number of sessions: one is scheduled once until it was written to.
#[derive(Debug, Default)]
struct Share {
    waiting: Mutex<Vec<Arc<Session>>>,
    wake: Notify,
}

impl Delivery {
    /// Starts `workers` delivery tasks, which end with `stop`.
    pub fn start(workers: usize, tasks: &Tasks, stop: &CancellationToken) -> Arc<Delivery> {
        let shares = (0..workers.max(1)).map(|_| Share::default()).collect();
        let delivery = Arc::new(Delivery { shares });
        for idx in 0..delivery.shares.len() {
            let (delivery, stop) = (delivery.clone(), stop.clone());
            tasks.spawn(async move { stop.run_until_cancelled(delivery.run(idx)).await });
        }
        delivery
    }

    /// Has a session written to soon: at the end of the turn, where a task is in one.
    pub fn schedule(&self, session: &Arc<Session>) {
        if turn::leave_to_its_end(session) {
            return;
        }
        let chosen = (session.id.chance() as usize).checked_rem(self.shares.len());
        if let Some(share) = chosen.and_then(|chosen| self.shares.get(chosen)) {
            share.add([session.clone()]);
        }
    }

    /// Has many sessions written to soon, each share as many of them.
    pub(crate) fn schedule_all(&self, sessions: Vec<Arc<Session>>) {
        let each = sessions.len().div_ceil(self.shares.len());
        let mut sessions = sessions.into_iter();
        for share in &self.shares {
            share.add(sessions.by_ref().take(each));
        }
    }

    async fn run(&self, idx: usize) {
        let Some(share) = self.shares.get(idx) else { return };
        let _left_empty = Emptied(share);
        let mut batch = Vec::new();
        loop {
            std::mem::swap(&mut batch, &mut *share.waiting.lock().unwrap_or_else(PoisonError::into_inner));
            if batch.is_empty() {
                share.wake.notified().await;
                continue;
            }
            let now = Instant::now();
            for session in batch.drain(..) {
                session.flush(now);
            }
            // Others may have more to push: what comes meanwhile leaves in the same write.
            tokio::task::yield_now().await;
        }
    }
}

impl Share {
    fn add(&self, sessions: impl IntoIterator<Item = Arc<Session>>) {
        let wakes = {
            let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
            let before = waiting.len();
            waiting.extend(sessions);
            before == 0 && !waiting.is_empty()
        };
        if wakes {
            self.wake.notify_one();
        }
    }
}

/// Empties a share when its task ends, however it ends: sessions hold their delivery, so what waited here would never be given back.
struct Emptied<'a>(&'a Share);

impl Drop for Emptied<'_> {
    fn drop(&mut self) {
        let waiting = std::mem::take(&mut *self.0.waiting.lock().unwrap_or_else(PoisonError::into_inner));
        drop(waiting);
    }
}
