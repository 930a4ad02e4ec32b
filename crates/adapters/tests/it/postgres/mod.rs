//! The PostgreSQL store: its promises, several nodes on one database, and what it does when the server does not.

mod entering;
mod faults;
mod nodes;
mod pace;
pub(crate) mod setup;
mod standing;

use std::sync::Arc;

use ports::Store;

use setup::{fresh_database, open};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_postgres_store_keeps_every_promise_of_a_store() {
    let fresh = || async { open(&fresh_database("contract").await).await as Arc<dyn Store> };
    ports::contract::store::run(fresh).await;
}
