//! The registry that is a Nacos, against rnacos.

mod bed;
mod faults;
mod login;
mod sharing;

use ports::contract;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nacos_keeps_the_promises_of_a_registry() {
    contract::registry::check_all(&bed::NacosBed::start().await).await;
}
