//! What the nodes say of themselves: their counters, read again and again, because a killed node forgets them.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use testkit::http::Metrics;
use testkit::judge::{Fact, Facts};
use tokio::time::sleep;

use crate::cluster::{Cluster, Part};

/// A node that is killed forgets what it counted since.
const EVERY: Duration = Duration::from_secs(1);

/// Counters, and the events that they count.
const COUNTERS: [(&str, &str); 11] = [
    ("trunkline_node_messages_caught_up_total", "caught_up"),
    ("trunkline_node_sessions_displaced_total", "sessions_displaced"),
    ("trunkline_node_heads_remembered_total", "head_remembered"),
    ("trunkline_node_leases_lost_total", "lease_lost"),
    ("trunkline_node_restores_total", "bindings_restored"),
    ("trunkline_node_boots_vanished_total", "boot_vanished"),
    ("trunkline_node_directory_outages_total", "directory_back"),
    ("trunkline_node_inbox_outages_total", "inbox_was_deaf"),
    ("trunkline_node_envelopes_expired_total", "envelope_expired"),
    ("trunkline_node_envelopes_misplaced_total", "envelope_misplaced"),
    (DEFECTS, DEFECT),
];
const DEFECTS: &str = "trunkline_node_defects_total";
/// Something that cannot happen did.
pub(crate) const DEFECT: &str = "defect";

/// Reads the counters of all nodes.
#[derive(Default)]
pub(crate) struct Said {
    /// By process and counter, what was read last.
    read: Mutex<BTreeMap<(u32, &'static str), u64>>,
}

impl Said {
    /// Reads until it is dropped.
    pub(crate) async fn listen(&self, cluster: &Cluster, facts: &Facts) {
        loop {
            self.read(cluster, facts).await;
            sleep(EVERY).await;
        }
    }

    /// Reads all once; a node that does not answer has nothing to say.
    pub(crate) async fn read(&self, cluster: &Cluster, facts: &Facts) {
        for node in &cluster.nodes {
            let asked = tokio::time::timeout(EVERY, node.api.try_request("GET", "/metrics", None));
            if let Ok(Ok(answer)) = asked.await
                && answer.status == 200
            {
                self.compare(node, &Metrics::parse(&answer.text()), facts);
            }
        }
    }

    fn compare(&self, node: &Part, metrics: &Metrics, facts: &Facts) {
        let pid = node.instance.process().pid();
        let mut read = self.read.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        for (counter, event) in COUNTERS {
            let now = metrics.sum(counter, &[]) as u64;
            let before = read.insert((pid, counter), now).unwrap_or(0);
            if let Some(amount) = now.checked_sub(before).filter(|amount| *amount > 0) {
                facts.record(Fact::Said { node: node.name.clone(), event: event.to_owned(), amount });
            }
        }
    }
}
