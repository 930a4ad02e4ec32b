//! What every [`Registry`] must do, as checks that run one after the other against one of them.
//!
//! A check uses service names of its own, so a server may be shared and may remember earlier runs.
//! Promises are waited for, never assumed to be kept at once: a registry is a map that may be late.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout};
use wire::id::Nonce;

use crate::Ambient;
use crate::registry::{
    Announcement, Instance, Instances, METADATA_NODE, METADATA_NONCE, METADATA_VERSION, Registry,
};

/// A registry to be checked, and the hands that break it.
#[async_trait]
pub trait RegistryBed: Send + Sync {
    /// A client of it such as each process has one of its own.
    fn registry(&self) -> Arc<dyn Registry>;

    /// Begins an outage; ephemeral entries may be forgotten by it.
    async fn take_away(&self);

    /// Ends the outage.
    async fn bring_back(&self);

    /// What an operator does by hand.
    async fn set_weight(&self, instance: &Instance, weight: f64);

    /// How long a change may take to be seen, also after an outage.
    fn patience(&self) -> Duration;

    /// As long as whatever watches over announcements needs to look at one twice.
    fn settling_time(&self) -> Duration;
}

/// Runs every check; panics in the one that fails.
pub async fn check_all(bed: &dyn RegistryBed) {
    an_announced_instance_is_seen_by_every_watcher_as_it_was_written(bed).await;
    a_service_that_nobody_serves_is_heard_as_empty(bed).await;
    services_do_not_mix(bed).await;
    a_drained_instance_is_seen_with_weight_zero(bed).await;
    a_withdrawn_instance_is_gone_and_withdrawing_again_is_harmless(bed).await;
    dropping_an_announcement_withdraws_nothing(bed).await;
    of_two_entries_with_one_address_the_later_boot_is_seen(bed).await;
    an_earlier_boot_that_withdraws_leaves_the_later_one(bed).await;
    a_node_that_starts_is_written_as_configured_whatever_was_before(bed).await;
    a_weight_set_by_an_operator_is_left_alone(bed).await;
    an_instance_stays_announced_across_an_outage_and_watchers_hold_the_last_list(bed).await;
    what_happens_during_an_outage_is_seen_after_it(bed).await;
}

/// Metadata, weight and address arrive unchanged, at the announcer's own client and at another.
pub async fn an_announced_instance_is_seen_by_every_watcher_as_it_was_written(bed: &dyn RegistryBed) {
    let (own, other) = (bed.registry(), bed.registry());
    let instance = Instance { weight: 2.5, ..instance(9_301) };
    let mut before = other.watch(&instance.service);
    let announcement = own.announce(instance.clone());
    seen(bed, &mut before, "the instance", |list| list == [instance.clone()]).await;
    let mut after = own.watch(&instance.service);
    seen(bed, &mut after, "the instance by a watcher that came later", |list| list == [instance.clone()])
        .await;
    eventually(bed, "is_announced", || announcement.is_announced()).await;
    end(announcement).await;
}

/// An empty list is heard, and differs from nothing heard.
pub async fn a_service_that_nobody_serves_is_heard_as_empty(bed: &dyn RegistryBed) {
    let registry = bed.registry();
    let mut watched = registry.watch(&service());
    seen(bed, &mut watched, "an empty list", <[Instance]>::is_empty).await;
    assert!(registry.state().up, "{:?}", registry.state());
    registry.check().await.expect("it answers us, so it lets us in");
}

/// A watcher of one service sees nothing of another.
pub async fn services_do_not_mix(bed: &dyn RegistryBed) {
    let registry = bed.registry();
    let (one, other) = (instance(9_302), instance(9_303));
    let announcements = [registry.announce(one.clone()), registry.announce(other.clone())];
    for instance in [one, other] {
        let mut watched = registry.watch(&instance.service);
        seen(bed, &mut watched, "only its own instance", |list| list == [instance.clone()]).await;
    }
    for announcement in announcements {
        end(announcement).await;
    }
}

/// It stays in the list, so that a gateway keeps what it has there.
pub async fn a_drained_instance_is_seen_with_weight_zero(bed: &dyn RegistryBed) {
    let registry = bed.registry();
    let instance = instance(9_304);
    let mut watched = registry.watch(&instance.service);
    let announcement = registry.announce(instance.clone());
    seen(bed, &mut watched, "the instance", |list| list == [instance.clone()]).await;
    announcement.drain().await.expect("the registry is there");
    let drained = Instance { weight: 0.0, ..instance };
    seen(bed, &mut watched, "weight 0", |list| list == [drained.clone()]).await;
    sleep(bed.settling_time()).await;
    assert_eq!(watched.borrow().as_deref(), Some(&[drained][..]), "it must stay drained");
    end(announcement).await;
}

/// It goes, and does not come back.
pub async fn a_withdrawn_instance_is_gone_and_withdrawing_again_is_harmless(bed: &dyn RegistryBed) {
    let registry = bed.registry();
    let instance = instance(9_305);
    let mut watched = registry.watch(&instance.service);
    let announcement = registry.announce(instance);
    seen(bed, &mut watched, "the instance", |list| list.len() == 1).await;
    announcement.withdraw().await.expect("the registry is there");
    seen(bed, &mut watched, "an empty list", <[Instance]>::is_empty).await;
    announcement.withdraw().await.expect("a repeated withdrawal is harmless");
    assert!(!announcement.is_announced());
    sleep(bed.settling_time()).await;
    assert_eq!(watched.borrow().as_deref(), Some(&[][..]), "it must not come back");
}

/// Only a withdrawal withdraws.
pub async fn dropping_an_announcement_withdraws_nothing(bed: &dyn RegistryBed) {
    let registry = bed.registry();
    let instance = instance(9_306);
    let mut watched = registry.watch(&instance.service);
    drop(registry.announce(instance.clone()));
    seen(bed, &mut watched, "the instance", |list| list == [instance.clone()]).await;
    sleep(bed.settling_time()).await;
    assert_eq!(watched.borrow().as_deref(), Some(&[instance][..]));
}

/// A process that was replaced may still be listed, or may be written again: its successor is what counts.
pub async fn of_two_entries_with_one_address_the_later_boot_is_seen(bed: &dyn RegistryBed) {
    let (first, second) = (bed.registry(), bed.registry());
    let earlier = instance(9_307);
    let later = Instance { service: earlier.service.clone(), ..instance(9_307) };
    let mut watched = first.watch(&earlier.service);
    let announced_first = first.announce(earlier.clone());
    seen(bed, &mut watched, "the earlier boot", |list| list == [earlier.clone()]).await;
    let announced_second = second.announce(later.clone());
    seen(bed, &mut watched, "the later boot alone", |list| list == [later.clone()]).await;
    sleep(bed.settling_time()).await;
    seen(bed, &mut watched, "still the later boot alone", |list| list == [later.clone()]).await;
    end(announced_first).await;
    end(announced_second).await;
}

/// The end of a process that was replaced does not take its successor out.
pub async fn an_earlier_boot_that_withdraws_leaves_the_later_one(bed: &dyn RegistryBed) {
    let (first, second) = (bed.registry(), bed.registry());
    let earlier = instance(9_308);
    let later = Instance { service: earlier.service.clone(), ..instance(9_308) };
    let mut watched = second.watch(&earlier.service);
    let announced_first = first.announce(earlier.clone());
    seen(bed, &mut watched, "the earlier boot", |list| list == [earlier.clone()]).await;
    let announced_second = second.announce(later.clone());
    seen(bed, &mut watched, "the later boot", |list| list == [later.clone()]).await;
    announced_first.withdraw().await.expect("the registry is there");
    sleep(bed.settling_time()).await;
    seen(bed, &mut watched, "the later boot after that", |list| list == [later.clone()]).await;
    end(announced_second).await;
}

/// A predecessor that was drained, and then died, must not leave its successor without load.
pub async fn a_node_that_starts_is_written_as_configured_whatever_was_before(bed: &dyn RegistryBed) {
    let (first, second) = (bed.registry(), bed.registry());
    let earlier = instance(9_309);
    let later = Instance { service: earlier.service.clone(), ..instance(9_309) };
    let mut watched = second.watch(&earlier.service);
    let announced_first = first.announce(earlier.clone());
    seen(bed, &mut watched, "the earlier boot", |list| list == [earlier.clone()]).await;
    announced_first.drain().await.expect("the registry is there");
    seen(bed, &mut watched, "weight 0", |list| list.iter().all(|instance| instance.weight == 0.0)).await;
    let announced_second = second.announce(later.clone());
    seen(bed, &mut watched, "the later boot with its own weight", |list| list == [later.clone()]).await;
    end(announced_first).await;
    end(announced_second).await;
}

/// Whoever watches over an announcement must not undo what a person did.
pub async fn a_weight_set_by_an_operator_is_left_alone(bed: &dyn RegistryBed) {
    let registry = bed.registry();
    let instance = instance(9_310);
    let mut watched = registry.watch(&instance.service);
    let announcement = registry.announce(instance.clone());
    seen(bed, &mut watched, "the instance", |list| list == [instance.clone()]).await;
    eventually(bed, "is_announced", || announcement.is_announced()).await;
    bed.set_weight(&instance, 0.5).await;
    let set = Instance { weight: 0.5, ..instance };
    seen(bed, &mut watched, "the operator's weight", |list| list == [set.clone()]).await;
    sleep(bed.settling_time()).await;
    assert_eq!(watched.borrow().as_deref(), Some(&[set][..]), "the operator's weight must stay");
    end(announcement).await;
}

/// Nobody has to do anything for it.
pub async fn an_instance_stays_announced_across_an_outage_and_watchers_hold_the_last_list(
    bed: &dyn RegistryBed,
) {
    let (own, other) = (bed.registry(), bed.registry());
    let instance = instance(9_311);
    let announcement = own.announce(instance.clone());
    let mut watched = other.watch(&instance.service);
    seen(bed, &mut watched, "the instance", |list| list == [instance.clone()]).await;
    bed.take_away().await;
    sleep(bed.settling_time()).await;
    assert_eq!(watched.borrow().as_deref(), Some(&[instance.clone()][..]), "the last list stays in force");
    eventually(bed, "an outage in state", || !other.state().up).await;
    bed.bring_back().await;
    let reader = bed.registry();
    let mut fresh = reader.watch(&instance.service);
    seen(bed, &mut fresh, "the instance again", |list| list == [instance.clone()]).await;
    seen(bed, &mut watched, "the instance by the old watcher", |list| list == [instance.clone()]).await;
    eventually(bed, "an end of the outage in state", || other.state().up).await;
    end(announcement).await;
}

/// A registry that is away is never waited for, and what it was to be told is not forgotten.
pub async fn what_happens_during_an_outage_is_seen_after_it(bed: &dyn RegistryBed) {
    let before = bed.registry();
    let (drained, withdrawn) = (instance(9_312), instance(9_313));
    let to_drain = before.announce(drained.clone());
    let to_withdraw = before.announce(withdrawn.clone());
    eventually(bed, "is_announced", || to_drain.is_announced() && to_withdraw.is_announced()).await;
    bed.take_away().await;
    let started = Instant::now();
    let late = bed.registry();
    let new = instance(9_314);
    let announcement = late.announce(new.clone());
    let mut watched = late.watch(&new.service);
    assert!(started.elapsed() < Duration::from_secs(1), "announce and watch must not wait for the registry");
    assert!(!announcement.is_announced());
    assert!(to_drain.drain().await.is_err(), "the registry cannot have heard it");
    assert!(to_withdraw.withdraw().await.is_err(), "the registry cannot have heard it");
    assert_eq!(*watched.borrow(), None, "nothing was heard yet");
    bed.bring_back().await;
    seen(bed, &mut watched, "the instance announced meanwhile", |list| list == [new.clone()]).await;
    eventually(bed, "is_announced", || announcement.is_announced()).await;
    let reader = bed.registry();
    let zero = Instance { weight: 0.0, ..drained };
    let mut watched = reader.watch(&zero.service);
    seen(bed, &mut watched, "what was drained meanwhile", |list| list == [zero.clone()]).await;
    let mut watched = reader.watch(&withdrawn.service);
    seen(bed, &mut watched, "no instance that was withdrawn", <[Instance]>::is_empty).await;
    end(to_drain).await;
    end(announcement).await;
}

fn service() -> String {
    format!("contract-{}", Ambient::system().message_id())
}

/// An instance of a service of its own; one made later has the greater nonce.
fn instance(port: u16) -> Instance {
    static MADE: AtomicU64 = AtomicU64::new(0);
    let ambient = Ambient::system();
    // Two boots of a node are never as close as two instances here: each is made a second later than the one before.
    let made_ms = ambient.clock.unix_ms() + 1_000 * MADE.fetch_add(1, Ordering::Relaxed);
    let metadata = [
        (METADATA_NODE, "node-1".to_owned()),
        (METADATA_NONCE, Nonce::mint(made_ms, ambient.chance.bits()).to_string()),
        (METADATA_VERSION, "1.2.3".to_owned()),
    ];
    let metadata = metadata.into_iter().map(|(key, value)| (key.to_owned(), value));
    Instance {
        service: service(),
        host: "127.0.0.1".to_owned(),
        port,
        weight: 1.0,
        metadata: BTreeMap::from_iter(metadata),
    }
}

async fn seen(
    bed: &dyn RegistryBed,
    watched: &mut watch::Receiver<Instances>,
    what: &str,
    is_seen: impl Fn(&[Instance]) -> bool,
) {
    let seen = watched.wait_for(|list| list.as_deref().is_some_and(&is_seen));
    match timeout(bed.patience(), seen).await {
        Ok(Ok(_)) => return,
        Ok(Err(closed)) => panic!("the watch ended: {closed}"),
        Err(_) => {}
    }
    panic!("{what}: not within {:?}; last seen: {:?}", bed.patience(), watched.borrow());
}

async fn eventually(bed: &dyn RegistryBed, what: &str, is_true: impl Fn() -> bool) {
    let deadline = Instant::now() + bed.patience();
    while !is_true() {
        assert!(Instant::now() < deadline, "{what}: not within {:?}", bed.patience());
        sleep(Duration::from_millis(20)).await;
    }
}

async fn end(announcement: Arc<dyn Announcement>) {
    announcement.withdraw().await.expect("the registry is there");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::registry::MemoryRegistry;

    #[async_trait]
    impl RegistryBed for MemoryRegistry {
        fn registry(&self) -> Arc<dyn Registry> {
            Arc::new(self.clone())
        }

        async fn take_away(&self) {
            self.cut();
        }

        async fn bring_back(&self) {
            self.mend();
        }

        async fn set_weight(&self, instance: &Instance, weight: f64) {
            MemoryRegistry::set_weight(self, &instance.service, &instance.host, instance.port, weight);
        }

        fn patience(&self) -> Duration {
            Duration::from_secs(5)
        }

        fn settling_time(&self) -> Duration {
            Duration::from_millis(1)
        }
    }

    #[tokio::test]
    async fn the_registry_in_memory_keeps_its_promises() {
        check_all(&MemoryRegistry::new()).await;
    }
}
