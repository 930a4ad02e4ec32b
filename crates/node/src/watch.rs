//! What is looked at when somebody asks for metrics: gauges, set at that moment.

use std::sync::Arc;

use wire::id::NodeName;

use crate::health::{Health, SeamReport};
use crate::hub::Hub;

/// Looks at a running node.
#[derive(Debug, Clone)]
pub struct Watch {
    pub(crate) node: NodeName,
    pub(crate) hub: Arc<Hub>,
    pub(crate) health: Arc<Health>,
}

impl Watch {
    /// Sets the gauges of this node.
    pub fn look(&self) {
        let readiness = self.health.readiness();
        let node = self.node.to_string();
        metrics::gauge!("trunkline_node_sessions", "node" => node.clone()).set(self.hub.len() as f64);
        metrics::gauge!("trunkline_node_ready", "node" => node.clone()).set(flag(readiness.ready));
        let seams = readiness.seams;
        let reports: [(&str, Option<&SeamReport>); 4] = [
            ("registry", Some(&seams.registry)),
            ("directory", Some(&seams.directory)),
            ("bus", Some(&seams.bus)),
            ("store", seams.store.as_ref()),
        ];
        for (seam, report) in reports {
            if let Some(report) = report {
                metrics::gauge!("trunkline_node_seam_up", "node" => node.clone(), "seam" => seam)
                    .set(flag(report.up));
            }
        }
    }
}

fn flag(yes: bool) -> f64 {
    if yes { 1.0 } else { 0.0 }
}
