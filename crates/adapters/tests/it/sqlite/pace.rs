//! How fast it is, to be read by people: a figure of a shared machine is no promise.

use std::sync::Arc;

use ports::Store;
use tokio::task::JoinSet;
use tokio::time::Instant;
use wire::Target;

use super::{draft, open};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn appends_a_second_with_64_in_flight_are_printed() {
    const IN_FLIGHT: usize = 64;
    const EACH: u64 = 50;
    let folder = testkit::scratch::folder("sqlite-pace");
    let store = open(&folder.path().join("trunkline.db")).await;
    for in_flight in [1, IN_FLIGHT] {
        let began = Instant::now();
        let mut sending = JoinSet::new();
        for sender in 0..in_flight {
            let store = Arc::clone(&store);
            sending.spawn(async move {
                for number in 0..EACH {
                    let to = Target::User(format!("to{sender}").parse().unwrap());
                    let id = format!("{in_flight}-{number}");
                    store.append(draft(&format!("from{sender}"), to, &id, number)).await.unwrap();
                }
            });
        }
        sending.join_all().await;
        let kept = in_flight as f64 * EACH as f64;
        println!("{in_flight} in flight: {:.0} appends a second", kept / began.elapsed().as_secs_f64());
    }
    store.close().await;
}
