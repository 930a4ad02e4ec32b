//! All links of one kind (to name servers, to brokers), one an address.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    Config,
    link::{Link, Watcher},
};

#[derive(Debug)]
pub(crate) struct Links {
    config: Arc<Config>,
    tasks: TaskTracker,
    stop: CancellationToken,
    watcher: Watcher,
    by_address: Mutex<HashMap<Arc<str>, Arc<Link>>>,
}

impl Links {
    pub(crate) fn new(config: Arc<Config>, tasks: TaskTracker, stop: CancellationToken) -> Self {
        let watcher = Watcher { came_up: Arc::default(), went_down: Arc::default() };
        Self { config, tasks, stop, watcher, by_address: Mutex::default() }
    }

    /// The link to this address; it connects when it is first used.
    pub(crate) fn to(&self, address: &Arc<str>) -> Arc<Link> {
        let mut links = self.by_address();
        let link = links.entry(Arc::clone(address)).or_insert_with(|| {
            let stop = self.stop.child_token();
            Link::open(Arc::clone(address), &self.config, &self.tasks, stop, self.watcher.clone())
        });
        Arc::clone(link)
    }

    pub(crate) fn up(&self) -> Vec<Arc<Link>> {
        self.by_address().values().filter(|link| link.is_up()).cloned().collect()
    }

    /// Closes links to addresses that nothing names any more and that nobody is using.
    pub(crate) fn keep_only(&self, addresses: &HashSet<Arc<str>>) {
        self.by_address().retain(|address, link| {
            let keep = addresses.contains(address) || Arc::strong_count(link) > 1;
            if !keep {
                link.close();
            }
            keep
        });
    }

    pub(crate) async fn one_came_up(&self) {
        self.watcher.came_up.notified().await;
    }

    pub(crate) async fn one_went_down(&self) {
        self.watcher.went_down.notified().await;
    }

    fn by_address(&self) -> MutexGuard<'_, HashMap<Arc<str>, Arc<Link>>> {
        self.by_address.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
