//! A pool for each target of the routes.

use std::collections::BTreeMap;
use std::sync::Arc;

use ports::Chance;
use ports::registry::Instance;

use super::{BalanceLimits, Pool, SavedLists, Source};
use crate::route::{Routes, Target};

/// All pools of a gateway. The set of targets does not change while it runs.
#[derive(Debug)]
pub(crate) struct Pools {
    pools: BTreeMap<Target, Arc<Pool>>,
}

impl Pools {
    /// With what an earlier run saved, until the registry is heard.
    pub(crate) fn new(routes: &Routes, saved: &SavedLists, limits: &BalanceLimits, chance: &Chance) -> Pools {
        let pool = |target: &Target| {
            let pool = Pool::new(limits.clone(), chance.clone());
            match target {
                Target::Service(name) => {
                    if let Some(list) = saved.list(name) {
                        pool.list(&list, Source::Saved);
                    }
                }
                Target::Address { host, port } => {
                    let list: Arc<[Instance]> = Arc::new([the_one(host, *port)]);
                    pool.list(&list, Source::Heard);
                }
            }
            (target.clone(), Arc::new(pool))
        };
        Pools { pools: routes.targets().into_iter().map(pool).collect() }
    }

    pub(crate) fn get(&self, target: &Target) -> Option<&Arc<Pool>> {
        self.pools.get(target)
    }

    /// The pools that the registry feeds, by service.
    pub(crate) fn services(&self) -> impl Iterator<Item = (&str, &Arc<Pool>)> {
        self.pools.iter().filter_map(|(target, pool)| Some((target.service()?, pool)))
    }
}

/// The instance that a route names itself.
fn the_one(host: &str, port: u16) -> Instance {
    Instance { service: String::new(), host: host.to_owned(), port, weight: 1.0, metadata: BTreeMap::new() }
}
