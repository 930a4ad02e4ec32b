//! One runtime for what must go on whatever the test's own runtime does: a proxy may serve several tests, each with a runtime of its own.

use std::sync::OnceLock;

use tokio::runtime::{Builder, Runtime};

/// Lives as long as the test program; each task on it is owned by whoever started it.
pub(crate) fn runtime() -> &'static Runtime {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    RUNTIME.get_or_init(|| {
        Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("testkit")
            .enable_all()
            .build()
            .unwrap_or_else(|error| panic!("cannot start the kit's own runtime: {error}"))
    })
}
