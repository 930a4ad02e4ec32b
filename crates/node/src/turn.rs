//! A turn: one poll of a task that pushes to sessions. What it pushed is written when the poll ends, once for each socket.
//!
//! Whoever works off what one client sent pushes to a session or two, and is on a worker already: writing right then wakes nobody.
//! Sixteen messages that came in one read go to each of their readers in one write.
//! It promises that nothing waits for longer than a poll, and that a poll writes to few: what is pushed to many goes to the delivery tasks.

use std::cell::RefCell;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;

use tokio::time::Instant;

use crate::delivery::Delivery;
use crate::session::Session;

/// Sockets that are written to at the end of a turn: some 100 microseconds of system calls, so that others on this worker do not wait for it.
const WRITTEN_MAX: usize = 32;

thread_local! {
    /// Who was pushed to in the turn that this thread is in.
    static PUSHED: RefCell<Option<Vec<Arc<Session>>>> = const { RefCell::new(None) };
}

/// Runs `work` in turns. Cancel safe where `work` is.
pub(crate) async fn in_turns<T>(delivery: &Delivery, work: impl Future<Output = T>) -> T {
    let mut work = pin!(work);
    poll_fn(|cx| {
        let _turn = Turn::begin(delivery);
        work.as_mut().poll(cx)
    })
    .await
}

/// Leaves a session to the end of this thread's turn; false where it is in none.
pub(crate) fn leave_to_its_end(session: &Arc<Session>) -> bool {
    PUSHED.with_borrow_mut(|pushed| match pushed {
        Some(pushed) => {
            pushed.push(session.clone());
            true
        }
        None => false,
    })
}

struct Turn<'a> {
    delivery: &'a Delivery,
}

impl Turn<'_> {
    fn begin(delivery: &Delivery) -> Turn<'_> {
        PUSHED.set(Some(Vec::new()));
        Turn { delivery }
    }
}

/// Also when the work panics: whom it pushed to before has a right to it.
impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let Some(mut pushed) = PUSHED.take() else { return };
        if pushed.is_empty() {
            return;
        }
        let now = Instant::now();
        let few = pushed.len().min(WRITTEN_MAX);
        for session in pushed.drain(..few) {
            session.flush(now);
        }
        self.delivery.schedule_all(pushed);
    }
}

#[cfg(test)]
mod tests {
    use edge::Tasks;
    use tokio_util::sync::CancellationToken;

    use super::*;
    use crate::session::test_session;

    #[tokio::test]
    async fn who_is_pushed_to_in_a_turn_is_left_to_its_end_and_nobody_outside_of_one() {
        let stop = CancellationToken::new();
        let delivery = Delivery::start(1, &Tasks::new(), &stop);
        let session = test_session(wire::limits::Limits::default(), false);
        assert!(!leave_to_its_end(&session));
        let held = || Arc::strong_count(&session);
        let before = held();
        let in_turn = in_turns(&delivery, async {
            assert!(leave_to_its_end(&session));
            assert_eq!(held(), before + 1);
            tokio::task::yield_now().await;
            assert_eq!(held(), before, "written when the poll before ended");
        });
        in_turn.await;
        assert!(!leave_to_its_end(&session));
    }

    #[tokio::test]
    async fn a_turn_that_pushed_to_many_leaves_most_of_them_to_the_delivery_tasks() {
        // Stopped, so that what it is left can be counted.
        let (tasks, stop) = (Tasks::new(), CancellationToken::new());
        let delivery = Delivery::start(1, &tasks, &stop);
        stop.cancel();
        tasks.close();
        tasks.wait().await;
        let sessions: Vec<_> =
            (0..WRITTEN_MAX + 3).map(|_| test_session(wire::limits::Limits::default(), false)).collect();
        let before: Vec<usize> = sessions.iter().map(Arc::strong_count).collect();
        in_turns(&delivery, async { assert!(sessions.iter().all(leave_to_its_end)) }).await;
        let left =
            sessions.iter().zip(before).filter(|(session, before)| Arc::strong_count(session) > *before);
        assert_eq!(left.count(), 3);
    }
}
