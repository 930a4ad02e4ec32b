//! Checks of [`Directory::claim`](crate::Directory::claim).

use std::time::Duration;

use super::{DirectoryBed, Stage, binding, done, sorted, told};
use crate::Retry;
use crate::directory::Claim;

/// No directory's clock is coarser.
const CLOCK_STEP: Duration = Duration::from_millis(1);

pub(super) async fn check_claims(bed: &dyn DirectoryBed) {
    a_claim_binds_the_session_as_it_was_given(bed).await;
    generations_grow_with_every_claim_of_a_user_and_follow_the_clock(bed).await;
    every_displaced_session_is_returned_until_it_is_released(bed).await;
    every_displaced_session_is_returned_until_it_is_forgotten(bed).await;
    devices_and_users_do_not_displace_each_other(bed).await;
    a_repeated_claim_answers_with_the_generation_that_it_has(bed).await;
    a_displaced_session_that_claims_again_stays_displaced_and_finds_itself(bed).await;
    a_claim_after_its_deadline_is_refused_and_changes_nothing(bed).await;
    a_claim_of_one_slot_too_many_displaces_the_oldest_login(bed).await;
}

/// All that was said of the session is found again.
pub async fn a_claim_binds_the_session_as_it_was_given(bed: &dyn DirectoryBed) {
    let stage = Stage::new(bed).await;
    let login = stage.login_on(&stage.user(), &stage.boot(), "web");
    let claimed = stage.claim(&login).await;
    assert_eq!(claimed.displaced, []);
    assert_eq!(stage.bound(&login.user).await, [binding(&login, claimed.generation)]);
}

/// Also after all of them have left, and never below the directory's clock.
pub async fn generations_grow_with_every_claim_of_a_user_and_follow_the_clock(bed: &dyn DirectoryBed) {
    let stage = Stage::new(bed).await;
    let (user, boot) = (stage.user(), stage.boot());
    let mut latest = stage.now_us - 1;
    for _ in 0..3 {
        let (one, other) = (stage.login(&user, &boot), stage.login(&user, &boot));
        for login in [&one, &other] {
            let generation = stage.claim(login).await.generation;
            assert!(generation > latest, "{generation} after {latest}");
            latest = generation;
        }
        stage.release(&one).await;
        assert_eq!(stage.release(&other).await, (true, 0));
        // Once nobody is left, only the clock tells the next generation.
        tokio::time::sleep(CLOCK_STEP).await;
    }
}

/// Three logins: the third is told of both others, though the second displaced the first.
pub async fn every_displaced_session_is_returned_until_it_is_released(bed: &dyn DirectoryBed) {
    let stage = Stage::new(bed).await;
    let user = stage.user();
    let logins = [(); 4].map(|()| stage.login(&user, &stage.boot()));
    let first = stage.bind(&logins[0]).await;
    let second = stage.claim(&logins[1]).await;
    assert_eq!(second.displaced, [told(&first)]);
    let second = binding(&logins[1], second.generation);
    let third = stage.claim(&logins[2]).await;
    assert_eq!(sorted(third.displaced), [told(&first), told(&second)]);
    assert_eq!(stage.release(&logins[0]).await, (false, 1));
    let fourth = stage.claim(&logins[3]).await;
    assert_eq!(sorted(fourth.displaced), [told(&second), told(&binding(&logins[2], third.generation))]);
    assert_eq!(stage.sessions(&user).await, [logins[3].session]);
}

/// Whoever knows that its boot is dead may say so in its place.
pub async fn every_displaced_session_is_returned_until_it_is_forgotten(bed: &dyn DirectoryBed) {
    let stage = Stage::new(bed).await;
    let user = stage.user();
    let logins = [(); 3].map(|()| stage.login(&user, &stage.boot()));
    let (_first, second) = (stage.bind(&logins[0]).await, stage.bind(&logins[1]).await);
    done("forget", stage.directory.forget(&user, logins[0].session, &logins[0].boot).await);
    assert_eq!(stage.claim(&logins[2]).await.displaced, [told(&second)]);
}

/// Nor do the users of one device's name.
pub async fn devices_and_users_do_not_displace_each_other(bed: &dyn DirectoryBed) {
    let stage = Stage::new(bed).await;
    let (user, other, boot) = (stage.user(), stage.user(), stage.boot());
    let logins = [
        stage.login_on(&user, &boot, "web"),
        stage.login_on(&user, &boot, "ios"),
        stage.login_on(&other, &boot, "web"),
    ];
    for login in &logins {
        assert_eq!(stage.claim(login).await.displaced, []);
    }
    assert_eq!(stage.sessions(&user).await, [logins[0].session, logins[1].session]);
    assert_eq!(stage.sessions(&other).await, [logins[2].session]);
}

/// The answer to the first may have been lost.
pub async fn a_repeated_claim_answers_with_the_generation_that_it_has(bed: &dyn DirectoryBed) {
    let stage = Stage::new(bed).await;
    let user = stage.user();
    let (one, other) = (stage.login(&user, &stage.boot()), stage.login(&user, &stage.boot()));
    stage.claim(&one).await;
    let first = stage.claim(&other).await;
    assert_eq!(stage.claim(&other).await, first);
    assert_eq!(stage.bound(&user).await, [binding(&other, first.generation)]);
}

/// A repeated claim is not a newer login.
pub async fn a_displaced_session_that_claims_again_stays_displaced_and_finds_itself(bed: &dyn DirectoryBed) {
    let stage = Stage::new(bed).await;
    let user = stage.user();
    let (one, other) = (stage.login(&user, &stage.boot()), stage.login(&user, &stage.boot()));
    let first = stage.bind(&one).await;
    stage.claim(&other).await;
    let again = stage.claim(&one).await;
    assert_eq!((again.generation, again.displaced), (first.generation, vec![told(&first)]));
    assert_eq!(stage.sessions(&user).await, [other.session]);
}

/// Its login was refused by then, and nobody would ever release it.
pub async fn a_claim_after_its_deadline_is_refused_and_changes_nothing(bed: &dyn DirectoryBed) {
    let stage = Stage::new(bed).await;
    let (user, boot) = (stage.user(), stage.boot());
    let late = Claim { deadline_us: stage.now_us - 1, ..stage.login(&user, &boot) };
    let error = match stage.directory.claim(&late).await {
        Err(error) => error,
        Ok(claimed) => panic!("carried out after its deadline: {claimed:?}"),
    };
    assert_eq!(error.retry, Retry::Now, "{}", error.chain());
    assert_eq!(stage.bound(&user).await, []);
    let held = stage.bind(&stage.login(&user, &boot)).await;
    assert!(stage.directory.claim(&late).await.is_err());
    assert_eq!(stage.bound(&user).await, [held]);
}

/// Whatever slot that login holds.
pub async fn a_claim_of_one_slot_too_many_displaces_the_oldest_login(bed: &dyn DirectoryBed) {
    let stage = Stage::new(bed).await;
    let user = stage.user();
    let login = |device: &str| Claim { slots_max: 2, ..stage.login_on(&user, &stage.boot(), device) };
    let logins = ["web", "ios", "tv", "ios"].map(login);
    let (first, second) = (stage.bind(&logins[0]).await, stage.bind(&logins[1]).await);
    let third = stage.claim(&logins[2]).await;
    assert_eq!(third.displaced, [told(&first)]);
    // A login in a slot that is held already is not one slot more.
    let fourth = stage.claim(&logins[3]).await;
    assert_eq!(sorted(fourth.displaced), [told(&first), told(&second)]);
    assert_eq!(stage.sessions(&user).await, [logins[2].session, logins[3].session]);
}
