//! How fast it is, to be read by people: a figure of a shared machine is no promise.

use std::sync::Arc;

use ports::Store;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::setup::{fresh_database, open, user};
use crate::sqlite::draft;

/// Processor time of this process so far, in seconds: 100 ticks each, which is what Linux shows everywhere.
fn cpu() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let words: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
    let ticks = |place: usize| words.get(place).unwrap().parse::<f64>().unwrap();
    (ticks(11) + ticks(12)) / 100.0
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn appends_a_second_with_so_many_in_flight_are_printed() {
    let store = open(&fresh_database("pace").await).await;
    for (in_flight, each) in [(1, 200), (64, 60), (500, 40)] {
        for round in ["first", "again"] {
            let (began, used) = (Instant::now(), cpu());
            let mut sending = JoinSet::new();
            for sender in 0..in_flight {
                let store = Arc::clone(&store);
                sending.spawn(async move {
                    for number in 0..each {
                        let id = format!("{round}-{in_flight}-{number}");
                        let to = user(&format!("to{sender}"));
                        store.append(draft(&format!("from{sender}"), to, &id, number)).await.unwrap();
                    }
                });
            }
            sending.join_all().await;
            let kept = f64::from(in_flight) * each as f64;
            let (pace, cost) = (kept / began.elapsed().as_secs_f64(), (cpu() - used) / kept * 1e6);
            println!(
                "{in_flight} in flight, {round}: {pace:.0} appends a second, {cost:.0} us of this process each"
            );
        }
    }
    store.close().await;
}
