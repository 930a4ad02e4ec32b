//! Plays the schedule: breaks things when it is time, and undoes each fault.
//!
//! Two lanes at once, as the schedule has them.
//! A fault that takes longer to undo than was planned pushes those behind it on its lane back: none is left out.

use std::time::Duration;

use testkit::judge::{Fact, Facts, Phase};
use tokio::time::{Instant, sleep, sleep_until};

use crate::NODES;
use crate::cluster::{Cluster, Part};
use crate::fault::{Fault, Link};
use crate::schedule::{Planned, Schedule};
use crate::servers::Servers;

/// At least so much time lies between two big faults, also where the first one took longer than planned.
const BREATH: Duration = Duration::from_millis(300);

/// What it breaks, and whom it tells.
pub(crate) struct Nemesis<'a> {
    /// What the cluster stands on.
    pub(crate) servers: &'a Servers,
    /// The cluster.
    pub(crate) cluster: &'a Cluster,
    /// Whom it tells.
    pub(crate) facts: &'a Facts,
}

impl Nemesis<'_> {
    /// Plays the schedule to its end, counted from `began`; everything is undone when it returns.
    pub(crate) async fn play(&self, schedule: &Schedule, began: Instant) {
        tokio::join!(self.lane(&schedule.big, began), self.lane(&schedule.small, began));
    }

    async fn lane(&self, lane: &[Planned], began: Instant) {
        for planned in lane {
            sleep_until((began + planned.at).max(Instant::now() + BREATH)).await;
            let told = |phase| self.facts.record(Fact::Fault { name: planned.fault.to_string(), phase });
            told(Phase::Begin);
            self.begin(planned.fault).await;
            sleep(planned.lasts).await;
            self.end(planned.fault).await;
            told(Phase::End);
        }
    }

    async fn begin(&self, fault: Fault) {
        let servers = self.servers;
        match fault {
            Fault::KillNode(nth) => self.node(nth).kill_9().await,
            Fault::PauseNode(nth) => self.node(nth).instance.pause(),
            Fault::DrainNode(nth) => self.node(nth).drain().await,
            Fault::KillGateway(nth) => self.cluster.gateways[nth].kill_9().await,
            Fault::RestartDirectory => servers.redis.kill_9().await,
            Fault::ReplaceDirectory => {
                // Nobody must write between the flush and the kill.
                for nth in 0..NODES {
                    self.cluster.links.cut(Link::Directory(nth)).await;
                }
                servers.redis.flush_all().await;
                servers.redis.kill_9().await;
            }
            Fault::FlushDirectory => servers.redis.flush_all().await,
            Fault::PauseDirectory => servers.redis.pause(),
            Fault::RestartBus => servers.broker.kill_9().await,
            Fault::RestartStore => servers.postgres.stop().await,
            Fault::KillStore => servers.postgres.kill_9().await,
            Fault::RegistryAway => servers.nacos.kill_9().await,
            Fault::Stall(link) => self.cluster.links.stall(link),
            Fault::Cut(link) => self.cluster.links.cut(link).await,
        }
    }

    async fn end(&self, fault: Fault) {
        let servers = self.servers;
        match fault {
            Fault::KillNode(nth) | Fault::DrainNode(nth) => self.node(nth).instance.restart().await,
            Fault::PauseNode(nth) => self.node(nth).instance.resume(),
            Fault::KillGateway(nth) => self.cluster.gateways[nth].instance.restart().await,
            Fault::RestartDirectory => servers.redis.restart().await,
            Fault::ReplaceDirectory => {
                servers.redis.restart().await;
                for nth in 0..NODES {
                    self.cluster.links.heal(Link::Directory(nth)).await;
                }
            }
            Fault::FlushDirectory => {}
            Fault::PauseDirectory => servers.redis.resume(),
            Fault::RestartBus => servers.broker.restart().await,
            Fault::RestartStore | Fault::KillStore => servers.postgres.restart().await,
            Fault::RegistryAway => servers.nacos.restart().await,
            Fault::Stall(link) | Fault::Cut(link) => self.cluster.links.heal(link).await,
        }
    }

    fn node(&self, nth: usize) -> &Part {
        &self.cluster.nodes[nth]
    }
}
