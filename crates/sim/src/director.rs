//! Breaks things as the plan has it, and mends them: one task that plays the schedule, and one for each node that is away.

use std::sync::Arc;

use ports::memory::directory::Snapshot;
use testkit::judge::{Fact, Phase};

use crate::fault::{Fault, Planned};
use crate::stage::Stage;

/// Plays the schedule. Ends when every fault is undone.
pub async fn direct(stage: Arc<Stage>) {
    let faults = stage.plan.faults.clone();
    let crew = tokio_util::task::TaskTracker::new();
    for (number, planned) in faults.into_iter().enumerate() {
        let stage = stage.clone();
        crew.spawn_local(async move { play(&stage, number, planned).await });
    }
    crew.close();
    crew.wait().await;
}

async fn play(stage: &Arc<Stage>, number: usize, planned: Planned) {
    tokio::time::sleep_until(stage.at(planned.begin)).await;
    // Two of one kind may overlap, and the judge tells them apart by name.
    let name = format!("{} #{number}", planned.fault);
    let told = |phase| stage.facts.record(Fact::Fault { name: name.clone(), phase });
    told(Phase::Begin);
    let snapshot = begin(stage, number, planned.fault).await;
    tokio::time::sleep_until(stage.at(planned.end)).await;
    end(stage, number, planned.fault, snapshot).await;
    told(Phase::End);
}

async fn begin(stage: &Arc<Stage>, number: usize, fault: Fault) -> Option<Snapshot> {
    let (seams, cluster) = (&stage.seams, &stage.cluster);
    match fault {
        Fault::Crash { node, .. } => cluster.crash(node),
        Fault::CrashAt { node, point } => cluster.arm(node, point),
        Fault::Drain { node } => cluster.drain(node).await,
        Fault::StandStill { node } => cluster.stand_still(node),
        Fault::DirectoryWiped => seams.directory.wipe(),
        Fault::DirectoryFailsOver => return Some(seams.directory.snapshot()),
        fault => seams.weather.begin(number, fault),
    }
    None
}

async fn end(stage: &Arc<Stage>, number: usize, fault: Fault, snapshot: Option<Snapshot>) {
    let (seams, cluster) = (&stage.seams, &stage.cluster);
    match fault {
        Fault::Crash { node, moves } => cluster.come_back(node, moves).await,
        Fault::Drain { node } => cluster.come_back(node, false).await,
        Fault::StandStill { node } => cluster.go_on(node),
        Fault::CrashAt { node, .. } => {
            cluster.disarm(node);
            cluster.come_back(node, false).await;
        }
        Fault::DirectoryWiped => seams.directory.wipe(),
        Fault::DirectoryFailsOver => {
            if let Some(snapshot) = snapshot {
                seams.directory.fall_back_to(snapshot);
                seams.failovers.happen();
            }
        }
        _ => seams.weather.end(number),
    }
}
