//! Checks of which boots are interested in which groups.

use wire::id::{Boot, GroupId};

use super::{DirectoryBed, Stage, done};
use crate::directory::Interest;

pub(super) async fn check_interest(bed: &dyn DirectoryBed) {
    interested_boots_are_told_in_the_order_of_the_groups(bed).await;
    a_late_withdrawal_does_not_remove_the_newer_registration(bed).await;
    a_late_registration_does_not_replace_the_newer_one(bed).await;
    interest_can_be_registered_and_withdrawn_again_and_again(bed).await;
}

/// Groups that nobody cares for, and groups named twice, too.
pub async fn interested_boots_are_told_in_the_order_of_the_groups(bed: &dyn DirectoryBed) {
    let stage = Stage::new(bed).await;
    let (one, other) = (stage.boot(), stage.boot());
    let groups = [(); 3].map(|()| stage.group());
    add(&stage, &[interest(&groups[0], &one, 1), interest(&groups[2], &one, 2)]).await;
    add(&stage, &[interest(&groups[2], &other, 1)]).await;
    let asked = [&groups[2], &groups[1], &groups[0], &groups[2]].map(Clone::clone);
    let mut both = [one.clone(), other];
    both.sort();
    assert_eq!(interested(&stage, &asked).await, [&both[..], &[], &[one], &both]);
    let many: Vec<GroupId> = (0..600).map(|_| stage.group()).collect();
    let boot = stage.boot();
    add(&stage, &many.iter().map(|group| interest(group, &boot, 1)).collect::<Vec<_>>()).await;
    assert!(interested(&stage, &many).await.iter().all(|boots| *boots == [boot.clone()]));
}

/// The last member has left and another has come, and the two calls changed places.
pub async fn a_late_withdrawal_does_not_remove_the_newer_registration(bed: &dyn DirectoryBed) {
    let stage = Stage::new(bed).await;
    let (group, boot) = (stage.group(), stage.boot());
    add(&stage, &[interest(&group, &boot, 1)]).await;
    add(&stage, &[interest(&group, &boot, 2)]).await;
    withdraw(&stage, &[interest(&group, &boot, 1)]).await;
    assert_eq!(interested(&stage, std::slice::from_ref(&group)).await, [[boot.clone()]]);
    withdraw(&stage, &[interest(&group, &stage.boot(), 2)]).await;
    assert_eq!(interested(&stage, std::slice::from_ref(&group)).await, [[boot.clone()]]);
    withdraw(&stage, &[interest(&group, &boot, 2)]).await;
    assert_eq!(interested(&stage, std::slice::from_ref(&group)).await, [[]]);
}

/// Numbers are compared as numbers: 10 is later than 9.
pub async fn a_late_registration_does_not_replace_the_newer_one(bed: &dyn DirectoryBed) {
    let stage = Stage::new(bed).await;
    let (group, boot) = (stage.group(), stage.boot());
    add(&stage, &[interest(&group, &boot, 10)]).await;
    add(&stage, &[interest(&group, &boot, 9)]).await;
    withdraw(&stage, &[interest(&group, &boot, 9)]).await;
    assert_eq!(interested(&stage, std::slice::from_ref(&group)).await, [[boot.clone()]]);
    withdraw(&stage, &[interest(&group, &boot, 10)]).await;
    assert_eq!(interested(&stage, std::slice::from_ref(&group)).await, [[]]);
}

/// Either can be repeated.
pub async fn interest_can_be_registered_and_withdrawn_again_and_again(bed: &dyn DirectoryBed) {
    let stage = Stage::new(bed).await;
    let (group, boot) = (stage.group(), stage.boot());
    for registration in 1..4 {
        let interest = [interest(&group, &boot, registration)];
        add(&stage, &interest).await;
        add(&stage, &interest).await;
        assert_eq!(interested(&stage, std::slice::from_ref(&group)).await, [[boot.clone()]]);
        withdraw(&stage, &interest).await;
        withdraw(&stage, &interest).await;
        assert_eq!(interested(&stage, std::slice::from_ref(&group)).await, [[]]);
    }
}

pub(super) fn interest(group: &GroupId, boot: &Boot, registration: u64) -> Interest {
    Interest { group: group.clone(), boot: boot.clone(), registration }
}

pub(super) async fn add(stage: &Stage, interests: &[Interest]) {
    done("add interest", stage.directory.add_interest(interests).await);
}

async fn withdraw(stage: &Stage, interests: &[Interest]) {
    done("drop interest", stage.directory.drop_interest(interests).await);
}

pub(super) async fn interested(stage: &Stage, groups: &[GroupId]) -> Vec<Vec<Boot>> {
    let mut boots = done("read interest", stage.directory.interested(groups).await);
    boots.iter_mut().for_each(|boots| boots.sort());
    boots
}
