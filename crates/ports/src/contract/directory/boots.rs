//! Checks of leases, names and eviction lists.

use std::collections::BTreeSet;

use wire::envelope::Eviction;
use wire::id::{Boot, SessionId};

use super::{DirectoryBed, Stage, TTL_LONG, done, eventually, lease};
use crate::directory::{EVICTIONS_MAX, Lease, LeaseTaken, NodeState, RenewOutcome, Renewed};

pub(super) async fn check_boots(bed: &dyn DirectoryBed) {
    a_lease_says_of_its_boot_what_was_written_last(bed).await;
    a_renewed_lease_outlives_its_first_term(bed).await;
    a_lease_that_ran_out_is_dead_and_its_renewal_says_lost(bed).await;
    a_lease_is_lost_with_a_wipe(bed).await;
    a_lease_that_was_ended_is_in_no_list_and_its_name_is_free(bed).await;
    a_name_under_a_live_lease_with_another_address_is_held(bed).await;
    a_successor_at_the_same_address_takes_the_name_over_and_the_old_boot_is_told(bed).await;
    a_name_is_free_when_the_lease_of_its_boot_is_gone(bed).await;
    an_old_boot_that_ends_does_not_give_its_successors_name_away(bed).await;
    the_clock_is_told_and_never_behind_an_earlier_answer(bed).await;
    evictions_reach_the_boot_that_they_are_for_once_each(bed).await;
    the_eviction_list_of_a_boot_has_an_end(bed).await;
}

/// By whichever client it is read.
pub async fn a_lease_says_of_its_boot_what_was_written_last(bed: &dyn DirectoryBed) {
    let stage = Stage::new(bed).await;
    let other = bed.directory().await;
    let first = lease(&stage.boot(), "10.0.0.1:19998");
    stage.take(&first, TTL_LONG).await;
    assert_eq!(done("read", other.lease(&first.boot).await), Some(first.clone()));
    let next = Lease { sessions: 4, state: NodeState::Draining, ..first };
    assert_eq!(renew(&stage, &next).await.outcome, RenewOutcome::Kept);
    assert_eq!(done("read", other.lease(&next.boot).await), Some(next.clone()));
    assert!(done("list", other.leases().await).live.contains(&next));
    assert_eq!(done("read", other.lease(&stage.boot()).await), None);
}

/// A witness whose lease is not renewed tells that the term is over.
pub async fn a_renewed_lease_outlives_its_first_term(bed: &dyn DirectoryBed) {
    let stage = Stage::new(bed).await;
    let (own, witness) = (lease(&stage.boot(), "a:1"), lease(&stage.boot(), "b:1"));
    stage.take(&own, bed.ttl_short()).await;
    assert_eq!(renew(&stage, &own).await.outcome, RenewOutcome::Kept);
    stage.take(&witness, bed.ttl_short()).await;
    run_out(bed, &stage, &witness.boot).await;
    assert_eq!(renew(&stage, &own).await.outcome, RenewOutcome::Kept);
    assert_eq!(done("read", stage.directory.lease(&own.boot).await), Some(own));
}

/// It stays so: a boot does not come back to life.
pub async fn a_lease_that_ran_out_is_dead_and_its_renewal_says_lost(bed: &dyn DirectoryBed) {
    let stage = Stage::new(bed).await;
    let own = lease(&stage.boot(), "a:1");
    stage.take(&own, bed.ttl_short()).await;
    run_out(bed, &stage, &own.boot).await;
    for _ in 0..2 {
        let renewed = renew(&stage, &own).await;
        assert!(matches!(renewed.outcome, RenewOutcome::Lost { .. }), "{renewed:?}");
        assert_eq!(done("read", stage.directory.lease(&own.boot).await), None);
    }
    assert!(done("list", stage.directory.leases().await).dead.contains(&own.boot));
}

/// And can be taken anew.
pub async fn a_lease_is_lost_with_a_wipe(bed: &dyn DirectoryBed) {
    let stage = Stage::new(bed).await;
    let own = lease(&stage.boot(), "a:1");
    stage.take(&own, TTL_LONG).await;
    bed.wipe().await;
    let renewed = renew(&stage, &own).await;
    assert!(matches!(renewed.outcome, RenewOutcome::Lost { .. }), "{renewed:?}");
    let next = lease(&stage.boot_of(&own.boot.node), "a:1");
    stage.take(&next, TTL_LONG).await;
    assert_eq!(renew(&stage, &next).await.outcome, RenewOutcome::Kept);
}

/// So a rolled node's name is taken at once, wherever it starts next.
pub async fn a_lease_that_was_ended_is_in_no_list_and_its_name_is_free(bed: &dyn DirectoryBed) {
    let stage = Stage::new(bed).await;
    let own = lease(&stage.boot(), "a:1");
    stage.take(&own, TTL_LONG).await;
    for _ in 0..2 {
        done("end", stage.directory.end_lease(&own.boot).await);
        let leases = done("list", stage.directory.leases().await);
        assert!(!leases.dead.contains(&own.boot) && !leases.live.contains(&own), "{leases:?}");
        assert_eq!(done("read", stage.directory.lease(&own.boot).await), None);
    }
    stage.take(&lease(&stage.boot_of(&own.boot.node), "elsewhere:1"), TTL_LONG).await;
}

/// Two processes were given one name.
pub async fn a_name_under_a_live_lease_with_another_address_is_held(bed: &dyn DirectoryBed) {
    let stage = Stage::new(bed).await;
    let own = lease(&stage.boot(), "a:1");
    stage.take(&own, TTL_LONG).await;
    let rival = lease(&stage.boot_of(&own.boot.node), "b:1");
    let taken = done("take", bed.directory().await.take_lease(&rival, TTL_LONG).await);
    let held = LeaseTaken::NameHeld { by: own.boot.clone(), address: own.address.clone() };
    assert_eq!(taken, held);
    assert_eq!(done("read", stage.directory.lease(&rival.boot).await), None, "nothing is left of the rival");
    assert_eq!(renew(&stage, &own).await.outcome, RenewOutcome::Kept);
    // The boot itself may ask again: its first answer may have been lost.
    stage.take(&own, TTL_LONG).await;
}

/// Who holds the port is the node.
pub async fn a_successor_at_the_same_address_takes_the_name_over_and_the_old_boot_is_told(
    bed: &dyn DirectoryBed,
) {
    let stage = Stage::new(bed).await;
    let old = lease(&stage.boot(), "a:1");
    stage.take(&old, TTL_LONG).await;
    let new = lease(&stage.boot_of(&old.boot.node), "a:1");
    stage.take(&new, TTL_LONG).await;
    let outcome = renew(&stage, &old).await.outcome;
    assert_eq!(outcome, RenewOutcome::NameTaken { address: "a:1".to_owned() });
    assert_eq!(renew(&stage, &new).await.outcome, RenewOutcome::Kept);
}

/// It was killed, and its successor runs elsewhere.
pub async fn a_name_is_free_when_the_lease_of_its_boot_is_gone(bed: &dyn DirectoryBed) {
    let stage = Stage::new(bed).await;
    let old = lease(&stage.boot(), "a:1");
    stage.take(&old, bed.ttl_short()).await;
    run_out(bed, &stage, &old.boot).await;
    let new = lease(&stage.boot_of(&old.boot.node), "b:1");
    stage.take(&new, TTL_LONG).await;
    assert_eq!(renew(&stage, &new).await.outcome, RenewOutcome::Kept);
}

/// The name is compared before it is given back.
pub async fn an_old_boot_that_ends_does_not_give_its_successors_name_away(bed: &dyn DirectoryBed) {
    let stage = Stage::new(bed).await;
    let old = lease(&stage.boot(), "a:1");
    stage.take(&old, TTL_LONG).await;
    let new = lease(&stage.boot_of(&old.boot.node), "a:1");
    stage.take(&new, TTL_LONG).await;
    done("end", stage.directory.end_lease(&old.boot).await);
    let rival = lease(&stage.boot_of(&old.boot.node), "b:1");
    let taken = done("take", stage.directory.take_lease(&rival, TTL_LONG).await);
    assert!(matches!(taken, LeaseTaken::NameHeld { .. }), "{taken:?}");
}

/// Deadlines and the age of envelopes are reckoned by it.
pub async fn the_clock_is_told_and_never_behind_an_earlier_answer(bed: &dyn DirectoryBed) {
    let stage = Stage::new(bed).await;
    let own = lease(&stage.boot(), "a:1");
    let mut latest = stage.take(&own, TTL_LONG).await;
    // In the year 2020 and later, in microseconds.
    assert!(latest > 1_577_836_800_000_000, "{latest}");
    for _ in 0..3 {
        let now_us = renew(&stage, &own).await.now_us;
        assert!(now_us >= latest && now_us - latest < 60_000_000, "{now_us} after {latest}");
        latest = now_us;
    }
}

/// Whoever asked for them, however often.
pub async fn evictions_reach_the_boot_that_they_are_for_once_each(bed: &dyn DirectoryBed) {
    let stage = Stage::new(bed).await;
    let (own, other) = (lease(&stage.boot(), "a:1"), lease(&stage.boot(), "b:1"));
    stage.take(&own, TTL_LONG).await;
    stage.take(&other, TTL_LONG).await;
    let evictions = [(); 3].map(|()| eviction(&stage));
    let [first, second, third] = evictions.clone();
    let asked = [
        (own.boot.clone(), first.clone()),
        (other.boot.clone(), second),
        (own.boot.clone(), third),
        (own.boot.clone(), first),
    ];
    done("request", bed.directory().await.request_evictions(&asked).await);
    assert_eq!(told(&renew(&stage, &own).await), sessions([&evictions[0], &evictions[2]]));
    assert_eq!(renew(&stage, &own).await.evictions, [], "told once");
    assert_eq!(renew(&stage, &other).await.evictions, [evictions[1].clone()]);
    done("request", stage.directory.request_evictions(&[(own.boot.clone(), evictions[1].clone())]).await);
    assert_eq!(renew(&stage, &own).await.evictions, [evictions[1].clone()]);
}

/// What finds it full is dropped; the next claim tells of it again.
pub async fn the_eviction_list_of_a_boot_has_an_end(bed: &dyn DirectoryBed) {
    let stage = Stage::new(bed).await;
    let own = lease(&stage.boot(), "a:1");
    stage.take(&own, TTL_LONG).await;
    let asked: Vec<(Boot, Eviction)> =
        (0..EVICTIONS_MAX + 50).map(|_| (own.boot.clone(), eviction(&stage))).collect();
    done("request", stage.directory.request_evictions(&asked).await);
    let first = sessions(asked.iter().take(EVICTIONS_MAX).map(|(_, eviction)| eviction));
    let renewed = renew(&stage, &own).await;
    assert_eq!(renewed.evictions.len(), EVICTIONS_MAX);
    assert!(told(&renewed) == first, "those that came first");
    assert_eq!(renew(&stage, &own).await.evictions, []);
}

async fn renew(stage: &Stage, lease: &Lease) -> Renewed {
    done("renew", stage.directory.renew(lease, TTL_LONG).await)
}

/// Waits until the lease of a boot is no more.
pub(super) async fn run_out(bed: &dyn DirectoryBed, stage: &Stage, boot: &Boot) {
    let patience = bed.ttl_short() + bed.patience();
    eventually("the lease runs out", patience, async || {
        done("read", stage.directory.lease(boot).await).is_none()
    })
    .await;
}

fn eviction(stage: &Stage) -> Eviction {
    Eviction { user: stage.user(), session: stage.ambient.session_id(), code: 4500 }
}

fn told(renewed: &Renewed) -> BTreeSet<SessionId> {
    let told = sessions(&renewed.evictions);
    assert_eq!(told.len(), renewed.evictions.len(), "each once");
    told
}

fn sessions<'a>(evictions: impl IntoIterator<Item = &'a Eviction>) -> BTreeSet<SessionId> {
    evictions.into_iter().map(|eviction| eviction.session).collect()
}
