//! What everybody in a run shares: the plan, the log of facts, the nodes, and when the curtain falls.

use std::sync::Arc;

use testkit::judge::Facts;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::cluster::Cluster;
use crate::plan::Plan;
use crate::seams::SimSeams;
use ports::Store;

/// Where a run takes place.
#[derive(Debug)]
pub struct Stage {
    /// What it is to be.
    pub plan: Plan,
    /// The name of the run, which every content carries.
    pub run: String,
    /// What was seen.
    pub facts: Arc<Facts>,
    /// What the nodes stand on.
    pub seams: Arc<SimSeams>,
    /// The nodes.
    pub cluster: Cluster,
    /// Falls when everybody is to go.
    pub curtain: CancellationToken,
    /// Whoever runs beside the main cast: second windows, lines that went silent.
    pub crowd: TaskTracker,
    began: Instant,
}

impl Stage {
    /// A stage on which nothing runs yet. Its time begins now.
    pub fn new(plan: Plan, facts: Facts) -> Arc<Stage> {
        let facts = Arc::new(facts);
        let seams = Arc::new(SimSeams::new(plan.seed));
        Arc::new(Stage {
            run: format!("s{}", plan.seed),
            cluster: Cluster::new(&plan, &seams),
            plan,
            facts,
            seams,
            curtain: CancellationToken::new(),
            crowd: TaskTracker::new(),
            began: Instant::now(),
        })
    }

    /// True while new things are said.
    pub fn is_talking(&self) -> bool {
        self.began.elapsed() < self.plan.talk_end()
    }

    /// The moment that lies so far into the run.
    pub fn at(&self, time: std::time::Duration) -> Instant {
        self.began + time
    }

    /// The life of the store.
    pub fn epoch(&self) -> String {
        self.seams.store.epoch().to_string()
    }
}
