//! Checks of [`Directory::restore`](crate::Directory::restore).

use super::{DirectoryBed, Stage, binding, done, stands, told};
use crate::Retry;
use crate::directory::{Binding, Claim, Restored};

pub(super) async fn check_restores(bed: &dyn DirectoryBed) {
    a_binding_that_stands_is_kept_as_it_was(bed).await;
    after_a_wipe_a_binding_is_written_with_its_own_generation(bed).await;
    a_claim_is_newer_than_whatever_was_written_again(bed).await;
    an_older_session_never_displaces_a_newer_one(bed).await;
    a_newer_session_displaces_an_older_one_after_a_wipe(bed).await;
    a_displaced_session_stays_displaced_and_is_told_at_its_new_boot(bed).await;
    a_session_that_the_limit_displaced_stays_displaced_though_its_slot_is_empty(bed).await;
    bindings_move_to_a_new_boot(bed).await;
    bindings_written_again_after_their_deadline_are_refused(bed).await;
    restored_bindings_are_answered_in_the_order_given(bed).await;
}

/// Also tells whether it still stands, which is how bindings are verified.
pub async fn a_binding_that_stands_is_kept_as_it_was(bed: &dyn DirectoryBed) {
    let stage = Stage::new(bed).await;
    let held = stage.bind(&stage.login(&stage.user(), &stage.boot())).await;
    assert_eq!(stands(&stage.restore(std::slice::from_ref(&held)).await), []);
    assert_eq!(stage.bound(&held.user).await, [held]);
}

/// And can be released as before.
pub async fn after_a_wipe_a_binding_is_written_with_its_own_generation(bed: &dyn DirectoryBed) {
    let stage = Stage::new(bed).await;
    let login = stage.login(&stage.user(), &stage.boot());
    let held = stage.bind(&login).await;
    bed.wipe().await;
    assert_eq!(stage.bound(&held.user).await, []);
    assert_eq!(stands(&stage.restore(std::slice::from_ref(&held)).await), []);
    assert_eq!(stage.bound(&held.user).await, [held]);
    assert_eq!(stage.release(&login).await, (true, 0));
}

/// Though its generation may be ahead of the directory's clock, which may have been set back.
pub async fn a_claim_is_newer_than_whatever_was_written_again(bed: &dyn DirectoryBed) {
    let stage = Stage::new(bed).await;
    let (user, boot) = (stage.user(), stage.boot());
    let ahead = binding(&stage.login(&user, &boot), stage.now_us + 3_600_000_000);
    stands(&stage.restore(std::slice::from_ref(&ahead)).await);
    let login = stage.login(&user, &boot);
    let claimed = stage.claim(&login).await;
    assert_eq!((claimed.generation, claimed.displaced), (ahead.generation + 1, vec![told(&ahead)]));
    stage.release(&login).await;
    assert_eq!(stage.bound(&user).await, [ahead]);
}

/// In whatever order they come back.
pub async fn an_older_session_never_displaces_a_newer_one(bed: &dyn DirectoryBed) {
    let stage = Stage::new(bed).await;
    let (user, boot) = (stage.user(), stage.boot());
    let newer = stage.bind(&stage.login(&user, &boot)).await;
    let older = binding(&stage.login(&user, &boot), newer.generation - 1);
    assert_eq!(stage.restore(std::slice::from_ref(&older)).await, [Restored::Superseded]);
    assert_eq!(stage.bound(&user).await, std::slice::from_ref(&newer));
    assert_eq!(stands(&stage.restore(std::slice::from_ref(&newer)).await), []);
}

/// The older one has come back first.
pub async fn a_newer_session_displaces_an_older_one_after_a_wipe(bed: &dyn DirectoryBed) {
    let stage = Stage::new(bed).await;
    let (user, boot) = (stage.user(), stage.boot());
    let older = stage.bind(&stage.login(&user, &boot)).await;
    let newer = stage.bind(&stage.login(&user, &boot)).await;
    bed.wipe().await;
    assert_eq!(stands(&stage.restore(std::slice::from_ref(&older)).await), []);
    assert_eq!(stands(&stage.restore(std::slice::from_ref(&newer)).await), [told(&older)]);
    assert_eq!(stage.bound(&user).await, [newer]);
    assert_eq!(stage.restore(std::slice::from_ref(&older)).await, [Restored::Superseded]);
}

/// Its old boot's list of evictions is nobody's any more.
pub async fn a_displaced_session_stays_displaced_and_is_told_at_its_new_boot(bed: &dyn DirectoryBed) {
    let stage = Stage::new(bed).await;
    let user = stage.user();
    let old = stage.bind(&stage.login(&user, &stage.boot())).await;
    let held = stage.bind(&stage.login(&user, &stage.boot())).await;
    let moved = Binding { boot: stage.boot(), ..old.clone() };
    assert_eq!(stage.restore(std::slice::from_ref(&moved)).await, [Restored::Superseded]);
    assert_eq!(stands(&stage.restore(std::slice::from_ref(&held)).await), [told(&moved)]);
    done("forget", stage.directory.forget(&user, old.session, &old.boot).await);
    assert_eq!(stands(&stage.restore(std::slice::from_ref(&held)).await), [told(&moved)]);
}

/// Or verifying bindings would let a user have one slot too many.
pub async fn a_session_that_the_limit_displaced_stays_displaced_though_its_slot_is_empty(
    bed: &dyn DirectoryBed,
) {
    let stage = Stage::new(bed).await;
    let (user, boot) = (stage.user(), stage.boot());
    let login = |device: &str| Claim { slots_max: 1, ..stage.login_on(&user, &boot, device) };
    let first = stage.bind(&login("web")).await;
    let second = stage.bind(&login("ios")).await;
    assert_eq!(stage.restore(std::slice::from_ref(&first)).await, [Restored::Superseded]);
    assert_eq!(stage.bound(&user).await, [second]);
}

/// What is left of the old boot is then nothing of theirs.
pub async fn bindings_move_to_a_new_boot(bed: &dyn DirectoryBed) {
    let stage = Stage::new(bed).await;
    let held = stage.bind(&stage.login(&stage.user(), &stage.boot())).await;
    let moved = Binding { boot: stage.boot_of(&held.boot.node), ..held.clone() };
    stands(&stage.restore(std::slice::from_ref(&moved)).await);
    done("forget", stage.directory.forget(&held.user, held.session, &held.boot).await);
    assert_eq!(stage.bound(&held.user).await, [moved]);
}

/// Whoever asked for it has given up by then.
pub async fn bindings_written_again_after_their_deadline_are_refused(bed: &dyn DirectoryBed) {
    let stage = Stage::new(bed).await;
    let late = binding(&stage.login(&stage.user(), &stage.boot()), stage.now_us);
    match stage.directory.restore(std::slice::from_ref(&late), stage.now_us - 1).await {
        Err(error) => assert_eq!(error.retry, Retry::Now, "{}", error.chain()),
        Ok(restored) => panic!("carried out after its deadline: {restored:?}"),
    }
    assert_eq!(stage.bound(&late.user).await, []);
}

/// Many at once, some of which are superseded.
pub async fn restored_bindings_are_answered_in_the_order_given(bed: &dyn DirectoryBed) {
    let stage = Stage::new(bed).await;
    let boot = stage.boot();
    let mut bindings = Vec::new();
    for number in 0..700 {
        let user = stage.user();
        if number % 100 == 0 {
            stage.claim(&stage.login(&user, &boot)).await;
        }
        bindings.push(binding(&stage.login(&user, &boot), stage.now_us - 1));
    }
    let restored = stage.restore(&bindings).await;
    assert_eq!(restored.len(), bindings.len());
    for (number, restored) in restored.iter().enumerate() {
        assert_eq!(*restored == Restored::Superseded, number % 100 == 0, "number {number}: {restored:?}");
    }
    assert_eq!(stage.restore(&[]).await, []);
}
