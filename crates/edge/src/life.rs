//! One life of a program that shares its process with others, as a simulated one does: it can be ended as `kill -9` ends a process, and made to
//! stand still as `SIGSTOP` does.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use tokio::task::AbortHandle;

/// Tasks that a life remembers before it forgets those that have ended for the first time.
const TASKS_FEW: usize = 64;

/// One life. Clones are the same one.
#[derive(Debug, Clone, Default)]
pub struct Life {
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    is_over: bool,
    tasks: Vec<AbortHandle>,
    /// With so many, those that have ended are forgotten.
    tidy_at: usize,
    stands_still: bool,
    /// Who waits until it goes on; whoever was woken meanwhile, more than once.
    standing: Vec<Waker>,
}

impl Life {
    /// One that has just begun.
    pub fn new() -> Life {
        Life::default()
    }

    /// Ends it: none of its tasks is polled again, from whatever place this is called, and all that they hold is dropped when the runtime
    /// comes to them. The task that calls this is dropped at its next await; a runtime with several threads may finish polls under way.
    pub fn end(&self) {
        let tasks = {
            let mut state = self.state();
            state.is_over = true;
            std::mem::take(&mut state.tasks)
        };
        tasks.iter().for_each(AbortHandle::abort);
    }

    /// None of its tasks goes on until [`Life::go_on`]; what they wait for happens meanwhile, and time passes.
    pub fn stand_still(&self) {
        self.state().stands_still = true;
    }

    /// All of its tasks go on.
    pub fn go_on(&self) {
        let standing = {
            let mut state = self.state();
            state.stands_still = false;
            std::mem::take(&mut state.standing)
        };
        standing.into_iter().for_each(Waker::wake);
    }

    /// Does something that stands still with this life. It does not end with it, unless it is in a task of it.
    pub async fn live<F: Future>(&self, work: F) -> F::Output {
        let mut work = pin!(work);
        poll_fn(|context| match self.holds_up(context) {
            true => Poll::Pending,
            false => work.as_mut().poll(context),
        })
        .await
    }

    /// True while it stands still; then whoever asks is woken when it goes on.
    fn holds_up(&self, context: &Context<'_>) -> bool {
        let mut state = self.state();
        if state.stands_still {
            state.standing.push(context.waker().clone());
        }
        state.stands_still
    }

    /// True once it was ended.
    pub fn is_over(&self) -> bool {
        self.state().is_over
    }

    /// Makes a task one of this life.
    pub(crate) fn take(&self, task: AbortHandle) {
        let mut state = self.state();
        if state.is_over {
            return task.abort();
        }
        if state.tasks.len() >= state.tidy_at.max(TASKS_FEW) {
            state.tasks.retain(|task| !task.is_finished());
            state.tidy_at = state.tasks.len() * 2;
        }
        state.tasks.push(task);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    use tokio::sync::Notify;

    use super::*;
    use crate::Tasks;

    /// Says when it is dropped.
    struct Held(Arc<AtomicUsize>);

    impl Drop for Held {
        fn drop(&mut self) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[tokio::test]
    async fn a_life_that_ends_takes_its_tasks_along_even_those_that_could_go_on() {
        let (life, go, dropped, went) = (
            Life::new(),
            Arc::new(Notify::new()),
            Arc::new(AtomicUsize::new(0)),
            Arc::new(AtomicUsize::new(0)),
        );
        let tasks = Tasks::of(Some(life.clone()));
        for _ in 0..3 {
            let (held, go, went) = (Held(dropped.clone()), go.clone(), went.clone());
            tasks.spawn(async move {
                go.notified().await;
                went.fetch_add(1, Ordering::Relaxed);
                drop(held);
            });
        }
        tokio::task::yield_now().await;
        // All three are about to run when it ends.
        go.notify_waiters();
        life.end();
        let late = Held(dropped.clone());
        tasks.spawn(async move { drop(late) });
        tasks.close();
        tasks.wait().await;
        assert_eq!(went.load(Ordering::Relaxed), 0);
        assert_eq!(dropped.load(Ordering::Relaxed), 4);
    }

    #[tokio::test]
    async fn the_task_that_ends_its_own_life_comes_no_further_than_its_next_await() {
        let (life, went) = (Life::new(), Arc::new(AtomicUsize::new(0)));
        let tasks = Tasks::of(Some(life.clone()));
        let (ending, counted) = (life.clone(), went.clone());
        let task = tasks.spawn(async move {
            ending.end();
            tokio::task::yield_now().await;
            counted.fetch_add(1, Ordering::Relaxed);
        });
        assert!(task.await.is_err_and(|error| error.is_cancelled()));
        assert!(life.is_over() && went.load(Ordering::Relaxed) == 0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_life_that_stands_still_goes_on_where_it_stood_and_time_has_passed() {
        let (life, ticks) = (Life::new(), Arc::new(AtomicUsize::new(0)));
        let tasks = Tasks::of(Some(life.clone()));
        let start = tokio::time::Instant::now();
        let counted = ticks.clone();
        tasks.spawn(async move {
            for second in 1..=10 {
                tokio::time::sleep_until(start + Duration::from_secs(second)).await;
                counted.fetch_add(1, Ordering::Relaxed);
            }
        });
        let seen_at = async |millis| {
            tokio::time::sleep_until(start + Duration::from_millis(millis)).await;
            ticks.load(Ordering::Relaxed)
        };
        assert_eq!(seen_at(2_500).await, 2);
        for (stops, goes) in [(2_500, 4_500), (4_600, 5_600)] {
            let before = seen_at(stops).await;
            life.stand_still();
            assert_eq!(seen_at(goes).await, before, "it moved");
            life.go_on();
            assert_eq!(
                seen_at(goes + 50).await,
                goes as usize / 1_000,
                "what was due meanwhile is done at once"
            );
        }
        assert_eq!(seen_at(20_000).await, 10);
    }

    #[tokio::test]
    async fn a_life_that_stands_still_can_be_ended() {
        let (life, dropped) = (Life::new(), Arc::new(AtomicUsize::new(0)));
        let tasks = Tasks::of(Some(life.clone()));
        life.stand_still();
        let held = Held(dropped.clone());
        tasks.spawn(async move { drop(held) });
        tokio::task::yield_now().await;
        assert_eq!(dropped.load(Ordering::Relaxed), 0);
        life.end();
        tasks.close();
        tasks.wait().await;
        assert_eq!(dropped.load(Ordering::Relaxed), 1);
    }

    #[tokio::test]
    async fn tasks_that_have_ended_are_forgotten() {
        let life = Life::new();
        let tasks = Tasks::of(Some(life.clone()));
        for _ in 0..10_000 {
            tasks.spawn(async {}).await.expect("ended");
        }
        assert!(life.state().tasks.len() <= TASKS_FEW);
    }
}
