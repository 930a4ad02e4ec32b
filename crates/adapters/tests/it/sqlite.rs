//! The SQLite store: its promises, what it outlives, and that it does what the plainest store does.

mod crash;
mod file;
mod pace;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use adapters::sql::SqliteStore;
use ports::store::Draft;
use ports::{Ambient, Store};
use serde_json::value::RawValue;
use wire::Target;

pub(crate) async fn open(path: &Path) -> Arc<SqliteStore> {
    SqliteStore::open(path, &Ambient::system()).await.unwrap()
}

/// A draft with this id and number as content.
pub(crate) fn draft(from: &str, to: Target, id: &str, number: u64) -> Draft {
    let ambient = Ambient::system();
    Draft {
        from: from.parse().unwrap(),
        id: id.parse().unwrap(),
        listed: false,
        to,
        content: RawValue::from_string(number.to_string()).unwrap().into(),
        message_id: ambient.message_id(),
        time_ms: ambient.clock.unix_ms(),
        members_only: true,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_sqlite_store_keeps_every_promise_of_a_store() {
    let folder = testkit::scratch::folder("sqlite-contract");
    let made = AtomicU32::new(0);
    let fresh = || async {
        let path = folder.path().join(format!("{}.db", made.fetch_add(1, Ordering::Relaxed)));
        open(&path).await as Arc<dyn Store>
    };
    ports::contract::store::run(fresh).await;
}
