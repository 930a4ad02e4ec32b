//! One life of a program that shares its process with others, as a simulated one does, and that can be ended as `kill -9` ends a process.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

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
