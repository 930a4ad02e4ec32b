//! Many seeds over the cores of the machine.

use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc;
use std::thread;

use crate::plan::Plan;
use crate::run::{Outcome, run};

/// Runs the plan of every seed, as many at once as there are cores, and hands over each outcome when it is there, until `next` says stop.
pub fn run_many(
    seeds: Range<u64>,
    plan: impl Fn(u64) -> Plan + Sync,
    mut next: impl FnMut(u64, Outcome) -> bool,
) {
    let workers = thread::available_parallelism().map_or(1, usize::from);
    let (upcoming, end) = (AtomicU64::new(seeds.start), AtomicU64::new(seeds.end));
    thread::scope(|scope| {
        // Room for one outcome a worker: who listens slowly holds them up. Made in here, so that who fails while listening holds nobody up.
        let (outcomes, came) = mpsc::sync_channel(workers);
        for _ in 0..workers {
            let (outcomes, plan, upcoming, end) = (outcomes.clone(), &plan, &upcoming, &end);
            scope.spawn(move || {
                loop {
                    let seed = upcoming.fetch_add(1, Ordering::Relaxed);
                    if seed >= end.load(Ordering::Relaxed) {
                        return;
                    }
                    if outcomes.send((seed, run(&plan(seed), None))).is_err() {
                        return;
                    }
                }
            });
        }
        drop(outcomes);
        while let Ok((seed, outcome)) = came.recv() {
            if !next(seed, outcome) {
                end.store(0, Ordering::Relaxed);
            }
        }
    });
}
