//! Ninety seconds of the same faults every time, over RocketMQ.
//!
//! A program of its own, so that nothing runs beside it.

mod stage;

#[tokio::test]
async fn the_cluster_keeps_its_word_through_every_kind_of_fault() {
    let (seed, seconds) = chaos::Plan::EVERY_KIND;
    stage::run(seed, seconds, chaos::Bus::RocketMq).await;
}
