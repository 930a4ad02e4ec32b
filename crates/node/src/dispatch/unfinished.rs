//! Work that goes on though whoever waits for it is dropped.
//!
//! It is done in place, by whoever waits, because that wakes nobody; only what is unfinished when the waiting ends becomes a task of its own.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll};

use edge::Tasks;
use futures_util::future::BoxFuture;

/// Work that comes to its end. Cancel safe: dropped before it is done, it goes on as a task of `tasks`.
pub(super) struct Unfinished<T: Send + 'static> {
    work: Option<BoxFuture<'static, T>>,
    tasks: Tasks,
}

/// The work panicked, and is not done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Panicked;

impl<T: Send + 'static> Unfinished<T> {
    /// Begins when it is first waited for.
    pub(super) fn new(work: impl Future<Output = T> + Send + 'static, tasks: Tasks) -> Unfinished<T> {
        Unfinished { work: Some(Box::pin(work)), tasks }
    }
}

impl<T: Send + 'static> Future for Unfinished<T> {
    type Output = Result<T, Panicked>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Some(work) = &mut self.work else { return Poll::Ready(Err(Panicked)) };
        // What panicked is not looked at again, so nothing half done is seen.
        let polled = match catch_unwind(AssertUnwindSafe(|| work.as_mut().poll(cx))) {
            Ok(Poll::Pending) => return Poll::Pending,
            Ok(Poll::Ready(done)) => Ok(done),
            Err(_reported_by_the_panic_hook) => Err(Panicked),
        };
        self.work = None;
        Poll::Ready(polled)
    }
}

impl<T: Send + 'static> Drop for Unfinished<T> {
    fn drop(&mut self) {
        if let Some(work) = self.work.take() {
            self.tasks.spawn(work);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};

    use tokio::sync::Notify;

    use super::*;

    #[tokio::test]
    async fn what_is_dropped_half_done_goes_on_as_a_task() {
        let (tasks, go, done) = (Tasks::new(), Arc::new(Notify::new()), Arc::new(AtomicBool::new(false)));
        let (going, finished) = (go.clone(), done.clone());
        let work = async move {
            going.notified().await;
            finished.store(true, Ordering::SeqCst);
        };
        let mut work = Unfinished::new(work, tasks.clone());
        assert!(futures_util::poll!(&mut work).is_pending());
        drop(work);
        go.notify_one();
        tasks.close();
        tasks.wait().await;
        assert!(done.load(Ordering::SeqCst));
    }

    #[tokio::test]
    async fn what_is_done_in_place_needs_no_task_and_a_panic_is_an_error() {
        let tasks = Tasks::new();
        assert_eq!(Unfinished::new(async { 7 }, tasks.clone()).await, Ok(7));
        let panics = async { if tasks_are_many() { 1 } else { panic!("on purpose") } };
        assert_eq!(Unfinished::new(panics, tasks.clone()).await, Err(Panicked));
        tasks.close();
        tasks.wait().await;
    }

    fn tasks_are_many() -> bool {
        std::hint::black_box(false)
    }
}
