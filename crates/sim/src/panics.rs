//! Panics of tasks: a runtime catches them, and a run in which one happened has failed all the same.

use std::cell::RefCell;
use std::sync::Once;

thread_local! {
    static CAUGHT: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

/// Writes down every panic of the calling thread from now on, in place of printing it.
pub fn listen() {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        std::panic::set_hook(Box::new(|panic| {
            let backtrace = std::backtrace::Backtrace::capture();
            CAUGHT.with_borrow_mut(|caught| caught.push(format!("{panic}\n{backtrace}")));
        }));
    });
    take();
}

/// The panics of the calling thread since it was last asked.
pub fn take() -> Vec<String> {
    CAUGHT.take()
}
