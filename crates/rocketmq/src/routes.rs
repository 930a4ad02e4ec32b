//! The routes of topics in use, and the addresses of brokers: the last that are known to have been good.
//!
//! A name server drops a broker as soon as its connection closes, and a restarted one knows none for seconds.
//! So no failure and no "no such topic" ever removes what is known here; only a better answer replaces it.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{
    sync::{Notify, watch},
    time::{MissedTickBehavior, interval, sleep},
};
use tracing::debug;

use crate::{
    Error,
    limits::{ROUTE_REFRESH_PAUSE, ROUTES_KEPT_MAX},
    links::Links,
    name_servers::NameServers,
    route::{BrokerAddresses, TopicRoute},
};

#[derive(Debug)]
pub(crate) struct Routes {
    name_servers: NameServers,
    known: Mutex<Known>,
    doubted: Notify,
}

#[derive(Debug, Default)]
struct Known {
    topics: HashMap<Arc<str>, watch::Sender<Arc<TopicRoute>>>,
    brokers: BTreeMap<Arc<str>, BrokerAddresses>,
}

impl Routes {
    pub(crate) fn new(name_servers: NameServers) -> Self {
        Self { name_servers, known: Mutex::default(), doubted: Notify::new() }
    }

    /// The route of a topic: what is known, else what a name server says.
    pub(crate) async fn of(&self, topic: &str) -> Result<Arc<TopicRoute>, Error> {
        let known = self.lock().topics.get(topic).map(|route| Arc::clone(&route.borrow()));
        match known {
            Some(route) => Ok(route),
            None => self.ask(topic).await,
        }
    }

    /// The route of a topic as a name server tells it now.
    pub(crate) async fn ask(&self, topic: &str) -> Result<Arc<TopicRoute>, Error> {
        let route = Arc::new(self.name_servers.route(topic).await?);
        self.learn(topic, &route);
        Ok(route)
    }

    /// The route of a topic and whatever it becomes.
    pub(crate) async fn watch(&self, topic: &str) -> Result<watch::Receiver<Arc<TopicRoute>>, Error> {
        let route = self.ask(topic).await?;
        let known = self.lock().topics.get(topic).map(watch::Sender::subscribe);
        // Where nothing more is kept, the route stays what it is.
        Ok(known.unwrap_or_else(|| watch::channel(route).1))
    }

    /// Every broker of every cluster, asked now.
    pub(crate) async fn brokers(&self) -> Result<BTreeMap<Arc<str>, BrokerAddresses>, Error> {
        let brokers = self.name_servers.brokers().await?;
        self.lock().remember(&brokers);
        Ok(brokers)
    }

    pub(crate) fn master_of(&self, broker: &str) -> Result<Arc<str>, Error> {
        self.address_of(broker, BrokerAddresses::to_write)
    }

    pub(crate) fn reader_of(&self, broker: &str) -> Result<Arc<str>, Error> {
        self.address_of(broker, BrokerAddresses::to_read)
    }

    /// Something failed that a newer route may cure.
    pub(crate) fn doubt(&self) {
        self.doubted.notify_one();
    }

    /// Asks for the known topics again, regularly and when in doubt; never ends.
    pub(crate) async fn keep_fresh(&self, every: Duration, broker_links: &Links) {
        let mut regularly = interval(every);
        regularly.set_missed_tick_behavior(MissedTickBehavior::Delay);
        regularly.tick().await;
        loop {
            tokio::select! {
                _ = regularly.tick() => {}
                () = self.doubted.notified() => {}
                () = broker_links.one_went_down() => {}
            }
            let topics: Vec<Arc<str>> = self.lock().topics.keys().cloned().collect();
            for topic in topics {
                if let Err(error) = self.ask(&topic).await {
                    debug!(%topic, %error, "the route stays the last that is known");
                }
            }
            broker_links.keep_only(&self.addresses());
            sleep(ROUTE_REFRESH_PAUSE).await;
        }
    }

    fn learn(&self, topic: &str, route: &Arc<TopicRoute>) {
        let mut known = self.lock();
        known.remember(&route.brokers);
        match known.topics.get(topic) {
            Some(sender) => {
                sender.send_if_modified(|old| {
                    let changed = **old != **route;
                    if changed {
                        *old = Arc::clone(route);
                    }
                    changed
                });
            }
            None if known.topics.len() < ROUTES_KEPT_MAX => {
                known.topics.insert(Arc::from(topic), watch::Sender::new(Arc::clone(route)));
            }
            None => debug!(%topic, "too many topics in use: this route is not kept"),
        }
    }

    fn address_of(
        &self,
        broker: &str,
        pick: impl Fn(&BrokerAddresses) -> Option<&Arc<str>>,
    ) -> Result<Arc<str>, Error> {
        let known = self.lock();
        let address = known.brokers.get(broker).and_then(pick).cloned();
        address.ok_or_else(|| Error::NoSuchBroker { broker: broker.to_owned() })
    }

    fn addresses(&self) -> HashSet<Arc<str>> {
        self.lock().brokers.values().flat_map(BrokerAddresses::all).cloned().collect()
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    fn remember(&mut self, brokers: &BTreeMap<Arc<str>, BrokerAddresses>) {
        for (broker, addresses) in brokers {
            let mut addresses = addresses.clone();
            if let Some(before) = self.brokers.get(broker) {
                addresses.remember_master_of(before);
            }
            self.brokers.insert(Arc::clone(broker), addresses);
        }
    }
}
