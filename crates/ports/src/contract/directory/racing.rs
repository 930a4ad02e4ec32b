//! Checks of many logins at once.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::task::JoinSet;
use wire::id::SessionId;

use super::{DirectoryBed, Stage, done};
use crate::directory::{Claim, Claimed};

/// At once; each logs in again and again. A thousand at once, each told of all before it, would ask more of a server than a call may take.
const RACERS: usize = 20;

pub(super) async fn check_racing(bed: &dyn DirectoryBed) {
    of_a_thousand_racing_claims_one_stands_and_each_other_is_told_until_it_is_released(bed).await;
    logins_that_race_with_the_releases_of_their_losers_leave_one_session(bed).await;
}

/// Whatever the order, whoever is told knows of all that came before.
pub async fn of_a_thousand_racing_claims_one_stands_and_each_other_is_told_until_it_is_released(
    bed: &dyn DirectoryBed,
) {
    let stage = Stage::new(bed).await;
    let user = stage.user();
    let boots = [stage.boot(), stage.boot()];
    let clients = [bed.directory().await, bed.directory().await];
    let mut racing = JoinSet::new();
    for racer in 0..RACERS {
        let claims = [(); 1_000 / RACERS].map(|()| stage.login(&user, &boots[racer % 2]));
        let client = Arc::clone(&clients[racer % 2]);
        racing.spawn(async move {
            let mut made = Vec::new();
            for claim in claims {
                let claimed = done("claim", client.claim(&claim).await);
                made.push((claim, claimed));
            }
            made
        });
    }
    let mut by_generation: BTreeMap<u64, (Claim, Claimed)> = BTreeMap::new();
    for (claim, claimed) in racing.join_all().await.into_iter().flatten() {
        let twin = by_generation.insert(claimed.generation, (claim, claimed));
        assert!(twin.is_none(), "two logins with one generation: {twin:?}");
    }
    let order: Vec<SessionId> = by_generation.values().map(|(claim, _)| claim.session).collect();
    for (number, (_, claimed)) in by_generation.values().enumerate() {
        let displaced = in_order(claimed);
        assert!(displaced == order[..number], "login {number} is told of all before it, once each");
    }
    assert_eq!(stage.sessions(&user).await, order[999..]);
    for (number, (claim, _)) in by_generation.values().take(999).enumerate() {
        if number % 2 == 0 {
            assert_eq!(stage.release(claim).await, (false, 1));
        }
    }
    let unconfirmed: Vec<SessionId> = order.iter().skip(1).step_by(2).copied().collect();
    let next = stage.claim(&stage.login(&user, &boots[0])).await;
    assert!(in_order(&next) == unconfirmed, "those that have not confirmed, and no other");
}

/// As nodes do it: whoever is told of a displaced session ends it, and that one releases itself.
pub async fn logins_that_race_with_the_releases_of_their_losers_leave_one_session(bed: &dyn DirectoryBed) {
    let stage = Stage::new(bed).await;
    let (user, boot) = (stage.user(), stage.boot());
    let clients = [bed.directory().await, bed.directory().await];
    let mut racing = JoinSet::new();
    for number in 0..200 {
        let claim = stage.login(&user, &boot);
        let client = Arc::clone(&clients[number % 2]);
        racing.spawn(async move {
            let claimed = done("claim", client.claim(&claim).await);
            for displaced in &claimed.displaced {
                let released = client.release(&claim.user, &displaced.slot, displaced.session).await;
                assert!(!done("release", released).held, "a displaced session must hold nothing");
            }
            (claimed.generation, claim.session)
        });
    }
    let newest = racing.join_all().await.into_iter().max();
    assert_eq!(stage.sessions(&user).await, newest.map(|(_, session)| session).as_slice());
    let next = stage.login(&user, &boot);
    let displaced = in_order(&stage.claim(&next).await);
    assert_eq!(displaced, newest.map(|(_, session)| session).as_slice(), "all others have confirmed");
}

fn in_order(claimed: &Claimed) -> Vec<SessionId> {
    let by_generation: BTreeMap<u64, SessionId> =
        claimed.displaced.iter().map(|displaced| (displaced.generation, displaced.session)).collect();
    assert_eq!(by_generation.len(), claimed.displaced.len(), "each once");
    by_generation.into_values().collect()
}
