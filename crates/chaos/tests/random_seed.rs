//! A minute of faults that nobody has chosen, over RabbitMQ; the seed is printed.
//!
//! A program of its own, so that nothing runs beside it.

mod stage;

const SECONDS: u64 = 60;

#[tokio::test]
async fn the_cluster_keeps_its_word_through_faults_that_nobody_has_chosen() {
    stage::run(chaos::Plan::any_seed(), SECONDS, chaos::Bus::RabbitMq).await;
}
