//! Ninety seconds of the same faults every time, over RocketMQ.
//!
//! A program of its own, so that nothing runs beside it.

mod stage;

/// A seed whose schedule holds every kind of fault.
const SEED: u64 = 7;
const SECONDS: u64 = 90;

#[tokio::test]
async fn the_cluster_keeps_its_word_through_every_kind_of_fault() {
    stage::run(SEED, SECONDS, chaos::Bus::RocketMq).await;
}
