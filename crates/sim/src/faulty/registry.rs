//! The registry under the weather: there is none over it, for nobody asks it about users and a node never waits for it.

use std::sync::Arc;

use async_trait::async_trait;
use ports::registry::{Announcement, Instance, Instances};
use ports::{Registry, SeamState};
use tokio::sync::watch;

use super::Faulty;

#[async_trait]
impl<T: Registry> Registry for Faulty<T> {
    fn announce(&self, instance: Instance) -> Arc<dyn Announcement> {
        self.inner.announce(instance)
    }

    fn watch(&self, service: &str) -> watch::Receiver<Instances> {
        self.inner.watch(service)
    }

    fn state(&self) -> SeamState {
        self.inner.state()
    }
}
