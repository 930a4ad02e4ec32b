//! Checks of [`Directory::release`](crate::Directory::release) and [`Directory::forget`](crate::Directory::forget).

use super::{DirectoryBed, Stage, done, told};
use crate::directory::{Binding, Claim, Displaced};

pub(super) async fn check_releases(bed: &dyn DirectoryBed) {
    a_late_close_of_a_displaced_session_keeps_the_new_binding(bed).await;
    a_release_counts_the_bindings_that_remain_and_can_be_repeated(bed).await;
    a_vacated_slot_goes_back_to_the_newest_displaced_session_with_its_own_generation(bed).await;
    a_session_that_has_confirmed_is_never_bound_again(bed).await;
    room_under_the_limit_goes_back_to_whom_the_limit_displaced(bed).await;
    a_vacated_slot_goes_first_to_whoever_held_it(bed).await;
    forgetting_compares_session_and_boot(bed).await;
    a_slot_that_is_vacated_by_forgetting_goes_back_too(bed).await;
}

/// The classic fault of this kind of system.
pub async fn a_late_close_of_a_displaced_session_keeps_the_new_binding(bed: &dyn DirectoryBed) {
    let stage = Stage::new(bed).await;
    let user = stage.user();
    let (old, new) = (stage.login(&user, &stage.boot()), stage.login(&user, &stage.boot()));
    stage.claim(&old).await;
    let held = stage.bind(&new).await;
    assert_eq!(stage.release(&old).await, (false, 1));
    assert_eq!(stage.bound(&user).await, [held]);
}

/// The last one leaves nothing.
pub async fn a_release_counts_the_bindings_that_remain_and_can_be_repeated(bed: &dyn DirectoryBed) {
    let stage = Stage::new(bed).await;
    let (user, boot) = (stage.user(), stage.boot());
    let (web, ios) = (stage.login_on(&user, &boot, "web"), stage.login_on(&user, &boot, "ios"));
    assert_eq!(stage.release(&web).await, (false, 0), "a session that never claimed");
    stage.claim(&web).await;
    stage.claim(&ios).await;
    assert_eq!(stage.release(&web).await, (true, 1));
    assert_eq!(stage.release(&web).await, (false, 1));
    assert_eq!(stage.release(&ios).await, (true, 0));
    assert_eq!(stage.release(&ios).await, (false, 0));
    assert_eq!(stage.bound(&user).await, []);
}

/// So a claimer that dies or gives up before it evicted anybody harms nobody.
pub async fn a_vacated_slot_goes_back_to_the_newest_displaced_session_with_its_own_generation(
    bed: &dyn DirectoryBed,
) {
    let stage = Stage::new(bed).await;
    let user = stage.user();
    let logins = [(); 3].map(|()| stage.login(&user, &stage.boot()));
    let (first, second) = (stage.bind(&logins[0]).await, stage.bind(&logins[1]).await);
    stage.claim(&logins[2]).await;
    assert_eq!(stage.release(&logins[2]).await, (true, 1));
    assert_eq!(stage.bound(&user).await, std::slice::from_ref(&second));
    assert_eq!(stands(&stage, &second).await, [told(&first)], "the other is still displaced");
    assert_eq!(stage.release(&logins[1]).await, (true, 1));
    assert_eq!(stage.bound(&user).await, [first]);
    assert_eq!(stage.release(&logins[0]).await, (true, 0));
}

/// Its release took it off the list.
pub async fn a_session_that_has_confirmed_is_never_bound_again(bed: &dyn DirectoryBed) {
    let stage = Stage::new(bed).await;
    let user = stage.user();
    let (old, new) = (stage.login(&user, &stage.boot()), stage.login(&user, &stage.boot()));
    stage.claim(&old).await;
    stage.claim(&new).await;
    assert_eq!(stage.release(&old).await, (false, 1));
    assert_eq!(stage.release(&new).await, (true, 0));
    assert_eq!(stage.bound(&user).await, []);
}

/// A claimer that gave up displaced a session of another slot; that one lives, and must be found.
pub async fn room_under_the_limit_goes_back_to_whom_the_limit_displaced(bed: &dyn DirectoryBed) {
    let stage = Stage::new(bed).await;
    let user = stage.user();
    let login = |device: &str| Claim { slots_max: 2, ..stage.login_on(&user, &stage.boot(), device) };
    let logins = ["web", "ios", "tv"].map(login);
    let (first, second) = (stage.bind(&logins[0]).await, stage.bind(&logins[1]).await);
    assert_eq!(stage.claim(&logins[2]).await.displaced, [told(&first)]);
    assert_eq!(stage.release(&logins[2]).await, (true, 2));
    assert_eq!(stage.bound(&user).await, [first, second]);
}

/// Before anybody whose own slot the limit took, even a newer login.
pub async fn a_vacated_slot_goes_first_to_whoever_held_it(bed: &dyn DirectoryBed) {
    let stage = Stage::new(bed).await;
    let user = stage.user();
    let login = |device: &str| Claim { slots_max: 2, ..stage.login_on(&user, &stage.boot(), device) };
    let logins = ["tv", "web", "tv", "ios"].map(login);
    let held_it = stage.bind(&logins[0]).await;
    let limited = stage.bind(&logins[1]).await;
    stage.claim(&logins[2]).await;
    let fourth = stage.bind(&logins[3]).await;
    assert_eq!(stage.release(&logins[2]).await, (true, 2));
    assert_eq!(stage.bound(&user).await, [held_it, fourth.clone()]);
    assert_eq!(stands(&stage, &fourth).await, [told(&limited)]);
}

/// Only what is exactly as given is removed.
pub async fn forgetting_compares_session_and_boot(bed: &dyn DirectoryBed) {
    let stage = Stage::new(bed).await;
    let user = stage.user();
    let (one, other) = (stage.login(&user, &stage.boot()), stage.login(&user, &stage.boot()));
    let (displaced, held) = (stage.bind(&one).await, stage.bind(&other).await);
    for (session, boot) in [
        (one.session, &other.boot),
        (other.session, &one.boot),
        (stage.ambient.session_id(), &other.boot),
        (other.session, &stage.boot_of(&other.boot.node)),
    ] {
        done("forget", stage.directory.forget(&user, session, boot).await);
    }
    assert_eq!(stands(&stage, &held).await, [told(&displaced)]);
    assert_eq!(stage.bound(&user).await, [held]);
}

/// The session that holds it is gone, the one that it displaced may live.
pub async fn a_slot_that_is_vacated_by_forgetting_goes_back_too(bed: &dyn DirectoryBed) {
    let stage = Stage::new(bed).await;
    let user = stage.user();
    let (one, other) = (stage.login(&user, &stage.boot()), stage.login(&user, &stage.boot()));
    let first = stage.bind(&one).await;
    stage.claim(&other).await;
    for _ in 0..2 {
        done("forget", stage.directory.forget(&user, other.session, &other.boot).await);
        assert_eq!(stage.bound(&user).await, std::slice::from_ref(&first));
    }
    done("forget", stage.directory.forget(&user, one.session, &one.boot).await);
    assert_eq!(stage.bound(&user).await, []);
}

async fn stands(stage: &Stage, binding: &Binding) -> Vec<Displaced> {
    super::stands(&stage.restore(std::slice::from_ref(binding)).await)
}
