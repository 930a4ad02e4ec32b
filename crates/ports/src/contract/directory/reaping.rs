//! Checks of [`Directory::reap`](crate::Directory::reap), and of what a boot that ends leaves behind.

use std::collections::BTreeSet;

use wire::envelope::Eviction;
use wire::id::{Boot, UserId};

use super::boots::run_out;
use super::interest::{add, interest, interested};
use super::{DirectoryBed, Stage, TTL_LONG, done, lease};
use crate::directory::{Binding, Reaped};

pub(super) async fn check_reaping(bed: &dyn DirectoryBed) {
    nothing_of_a_live_boot_is_reaped(bed).await;
    a_dead_boot_is_reaped_in_bounded_steps_until_nothing_is_left(bed).await;
    only_users_whose_last_session_it_was_go_offline(bed).await;
    what_has_moved_to_another_boot_is_not_reaped(bed).await;
    a_boot_that_ends_leaves_nothing_behind(bed).await;
}

/// Whoever believes that it is dead.
pub async fn nothing_of_a_live_boot_is_reaped(bed: &dyn DirectoryBed) {
    let stage = Stage::new(bed).await;
    let (boot, group) = (stage.boot(), stage.group());
    stage.take(&lease(&boot, "a:1"), TTL_LONG).await;
    let held = stage.bind(&stage.login(&stage.user(), &boot)).await;
    add(&stage, &[interest(&group, &boot, 1)]).await;
    let reaped = done("reap", stage.directory.reap(&boot).await);
    assert_eq!(reaped, Reaped::default());
    assert_eq!(stage.bound(&held.user).await, [held]);
    assert_eq!(interested(&stage, &[group]).await, [[boot]]);
}

/// A big one does not hold up everybody else's calls.
pub async fn a_dead_boot_is_reaped_in_bounded_steps_until_nothing_is_left(bed: &dyn DirectoryBed) {
    let stage = Stage::new(bed).await;
    let boot = stage.boot();
    let own = lease(&boot, "a:1");
    stage.take(&own, bed.ttl_short()).await;
    run_out(bed, &stage, &boot).await;
    let bindings: Vec<Binding> =
        (0..1_300).map(|_| super::binding(&stage.login(&stage.user(), &boot), stage.now_us)).collect();
    stage.restore(&bindings).await;
    let groups: Vec<_> = (0..700).map(|_| stage.group()).collect();
    add(&stage, &groups.iter().map(|group| interest(group, &boot, 1)).collect::<Vec<_>>()).await;
    let (offline, steps) = reap_all(&stage, &boot).await;
    assert!(steps > 3, "2,000 traces in {steps} steps");
    assert_eq!(offline.len(), bindings.len(), "each user goes offline once");
    let gone: BTreeSet<UserId> = offline.into_iter().collect();
    assert!(bindings.iter().all(|binding| gone.contains(&binding.user)));
    let users: Vec<UserId> = bindings.into_iter().map(|binding| binding.user).collect();
    assert!(done("locate", stage.directory.locate(&users).await).iter().all(Vec::is_empty));
    assert!(interested(&stage, &groups).await.iter().all(Vec::is_empty));
    let leases = done("list", stage.directory.leases().await);
    assert!(!leases.dead.contains(&boot), "the boot itself goes last");
    assert_eq!(reap_all(&stage, &boot).await, (vec![], 1), "nothing is left");
}

/// A session elsewhere, bound or given its slot back, is a presence.
pub async fn only_users_whose_last_session_it_was_go_offline(bed: &dyn DirectoryBed) {
    let stage = Stage::new(bed).await;
    let (dead, alive) = (stage.boot(), stage.boot());
    let [gone, elsewhere, given_back, displaced] = [(); 4].map(|()| stage.user());
    stage.claim(&stage.login_on(&gone, &dead, "web")).await;
    stage.claim(&stage.login_on(&gone, &dead, "ios")).await;
    stage.claim(&stage.login_on(&elsewhere, &dead, "web")).await;
    let here = stage.bind(&stage.login_on(&elsewhere, &alive, "ios")).await;
    let older = stage.bind(&stage.login(&given_back, &alive)).await;
    stage.claim(&stage.login(&given_back, &dead)).await;
    stage.claim(&stage.login(&displaced, &dead)).await;
    let newer = stage.bind(&stage.login(&displaced, &alive)).await;
    assert_eq!(reap_all(&stage, &dead).await.0, std::slice::from_ref(&gone));
    assert_eq!(stage.bound(&gone).await, []);
    assert_eq!(stage.bound(&elsewhere).await, [here]);
    assert_eq!(stage.bound(&given_back).await, [older]);
    assert_eq!(stage.bound(&displaced).await, std::slice::from_ref(&newer));
    let displaced = super::stands(&stage.restore(&[newer]).await);
    assert_eq!(displaced, [], "the dead boot's displaced session is gone too");
}

/// A node that lost its lease and wrote its bindings again is the reaper's neighbour, not its prey.
pub async fn what_has_moved_to_another_boot_is_not_reaped(bed: &dyn DirectoryBed) {
    let stage = Stage::new(bed).await;
    let old = stage.boot();
    let held = stage.bind(&stage.login(&stage.user(), &old)).await;
    let moved = Binding { boot: stage.boot_of(&old.node), ..held };
    super::stands(&stage.restore(std::slice::from_ref(&moved)).await);
    assert_eq!(reap_all(&stage, &old).await.0, []);
    assert_eq!(stage.bound(&moved.user).await, [moved]);
}

/// A release that never arrived, and interest that was not withdrawn.
pub async fn a_boot_that_ends_leaves_nothing_behind(bed: &dyn DirectoryBed) {
    let stage = Stage::new(bed).await;
    let (boot, group, user) = (stage.boot(), stage.group(), stage.user());
    stage.take(&lease(&boot, "a:1"), TTL_LONG).await;
    let held = stage.bind(&stage.login(&user, &boot)).await;
    add(&stage, &[interest(&group, &boot, 1)]).await;
    let eviction = Eviction { user: user.clone(), session: held.session, code: 4500 };
    done("request", stage.directory.request_evictions(&[(boot.clone(), eviction)]).await);
    done("end", stage.directory.end_lease(&boot).await);
    assert_eq!(stage.bound(&user).await, []);
    assert_eq!(interested(&stage, &[group]).await, [[]]);
    assert_eq!(reap_all(&stage, &boot).await, (vec![], 1));
}

/// Who went offline, and in how many steps.
async fn reap_all(stage: &Stage, boot: &Boot) -> (Vec<UserId>, usize) {
    let mut offline = Vec::new();
    for step in 1..100 {
        let reaped = done("reap", stage.directory.reap(boot).await);
        offline.extend(reaped.offline);
        if !reaped.more {
            return (offline, step);
        }
    }
    panic!("reaping does not end");
}
