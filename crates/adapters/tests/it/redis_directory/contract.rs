//! The contract of every directory, what is left behind, and many logins at once.

use std::collections::BTreeMap;
use std::sync::Arc;

use ports::contract::directory::check_all;
use ports::directory::{Binding, Claim, DISPLACED_MAX, Directory, Interest, Restored};
use testkit::servers::Reply;
use tokio::task::JoinSet;
use wire::envelope::Eviction;

use super::bed::{Bed, assert_outage, bind, bound, release, take};

#[tokio::test]
async fn a_redis_directory_keeps_the_contract() {
    check_all(&Bed::start().await).await;
}

#[tokio::test]
async fn what_is_gone_leaves_no_key_behind() {
    let bed = Bed::start().await;
    let directory = bed.connect().await;
    let boot = bed.boot("node-1");
    take(&directory, &boot).await;
    let logins = [bed.login("1", &boot), bed.login("1", &boot), bed.login("1", &boot)];
    for login in &logins {
        directory.claim(login).await.unwrap();
    }
    let interest = |registration| Interest { group: "g".parse().unwrap(), boot: boot.clone(), registration };
    directory.add_interest(&[interest(1)]).await.unwrap();
    directory.add_interest(&[interest(2)]).await.unwrap();
    let eviction = Eviction { user: "1".parse().unwrap(), session: logins[0].session, code: 4500 };
    directory.request_evictions(&[(boot.clone(), eviction)]).await.unwrap();
    // What only its boot or a reaper empties goes by itself where neither comes.
    for list in ["evict", "users", "groups"] {
        let left = bed.command(&["PTTL", &format!("trunkline:websocket-demo:boot:{boot}:{list}")]).await;
        assert!(matches!(left, Reply::Integer(1..)), "{list}: {left:?}");
    }
    for login in &logins {
        release(&directory, login).await;
    }
    directory.drop_interest(&[interest(2)]).await.unwrap();
    let keys = |reply: Reply| match reply {
        Reply::Array(keys) => keys.len(),
        other => panic!("{other:?}"),
    };
    // The lease, the name, the list of boots, the eviction list.
    assert_eq!(keys(bed.command(&["KEYS", "*"]).await), 4, "{:?}", bed.command(&["KEYS", "*"]).await);
    directory.end_lease(&boot).await.unwrap();
    assert_eq!(keys(bed.command(&["KEYS", "*"]).await), 0, "{:?}", bed.command(&["KEYS", "*"]).await);
}

#[tokio::test]
async fn a_login_that_is_refused_or_superseded_leaves_no_trace_of_itself() {
    let bed = Bed::start().await;
    let directory = bed.connect().await;
    let boot = bed.boot("node-1");
    let held = bind(&directory, &bed.login("1", &boot)).await;
    let older = Binding { session: bed.login("1", &boot).session, generation: 7, ..held.clone() };
    assert_eq!(directory.restore(&[older], u64::MAX / 4_096).await.unwrap(), [Restored::Superseded]);
    directory.claim(&Claim { deadline_us: 7, ..bed.login("1", &boot) }).await.unwrap_err();
    let own = Claim { deadline_us: 7, session: held.session, ..bed.login("1", &boot) };
    directory.claim(&own).await.unwrap_err();
    let traces = bed.command(&["SMEMBERS", &format!("trunkline:websocket-demo:boot:{boot}:users")]).await;
    assert_eq!(traces, Reply::Array(vec![Reply::Bulk(format!("{} 1", held.session))]));
}

#[tokio::test]
async fn keys_and_fields_are_named_as_the_design_says() {
    let bed = Bed::start().await;
    let directory = bed.connect().await;
    let boot = bed.boot("node-1");
    take(&directory, &boot).await;
    directory.claim(&bed.login_on("1", &boot, "web")).await.unwrap();
    let Reply::Array(keys) = bed.command(&["KEYS", "*"]).await else { panic!("no list") };
    let mut keys: Vec<String> = keys
        .into_iter()
        .map(|key| if let Reply::Bulk(key) = key { key } else { panic!("{key:?}") })
        .collect();
    keys.sort();
    let prefix = "trunkline:websocket-demo";
    let expected = [
        format!("{prefix}:boot:{boot}"),
        format!("{prefix}:boot:{boot}:users"),
        format!("{prefix}:boots"),
        format!("{prefix}:name:node-1"),
        format!("{prefix}:user:1"),
    ];
    assert_eq!(keys, expected);
    assert_eq!(bed.command(&["HEXISTS", &format!("{prefix}:user:1"), "slot:d:web"]).await, Reply::Integer(1));
}

/// 20 users, 80 or 120 logins each, by 40 racers on two connections.
#[tokio::test]
async fn of_two_thousand_racing_claims_each_is_told_of_exactly_those_before_it() {
    let bed = Bed::start().await;
    let boot = bed.boot("node-1");
    let clients = [Arc::new(bed.connect().await), Arc::new(bed.connect().await)];
    let mut racing = JoinSet::new();
    for racer in 0..40 {
        let claims: Vec<_> =
            (0..50).map(|number| bed.login(&format!("user-{}", number % 20), &boot)).collect();
        let client = Arc::clone(&clients[racer % 2]);
        racing.spawn(async move {
            let mut made = Vec::new();
            for claim in claims {
                let claimed = client.claim(&claim).await.unwrap();
                made.push((claim, claimed));
            }
            made
        });
    }
    let mut by_user: BTreeMap<String, BTreeMap<u64, _>> = BTreeMap::new();
    for (claim, claimed) in racing.join_all().await.into_iter().flatten() {
        let of_user = by_user.entry(claim.user.to_string()).or_default();
        let twin = of_user.insert(claimed.generation, (claim.session, claimed.displaced));
        assert!(twin.is_none(), "two logins with one generation");
    }
    for (user, logins) in by_user {
        let order: Vec<_> = logins.values().map(|(session, _)| *session).collect();
        assert!(order.len() >= 80, "{} logins of {user}", order.len());
        for (number, (_, mut displaced)) in logins.into_values().enumerate() {
            displaced.sort_by_key(|displaced| displaced.generation);
            let told: Vec<_> = displaced.iter().map(|displaced| displaced.session).collect();
            assert_eq!(told, order[..number]);
        }
        let sessions: Vec<_> = bound(&clients[0], &user).await.iter().map(|held| held.session).collect();
        assert_eq!(sessions, order[order.len() - 1..]);
    }
}

#[tokio::test]
async fn a_user_with_too_many_unconfirmed_sessions_is_refused_until_one_confirms() {
    let bed = Bed::start().await;
    let directory = bed.connect().await;
    let boot = bed.boot("node-1");
    let (first, next) = (bed.login("1", &boot), bed.login("1", &boot));
    directory.claim(&first).await.unwrap();
    let key = "trunkline:websocket-demo:user:1";
    let mut words = vec!["HSET".to_owned(), key.to_owned()];
    let displaced: Vec<_> = (0..DISPLACED_MAX).map(|_| bed.login("1", &boot)).collect();
    for claim in &displaced {
        words.push(format!("displaced:{}", claim.session));
        words.push(format!("{} default {boot} 7 7 *", claim.session));
    }
    bed.command(&words.iter().map(String::as_str).collect::<Vec<_>>()).await;
    assert_outage(directory.claim(&next).await, "not confirmed");
    assert_eq!(bound(&directory, "1").await[0].session, first.session);
    release(&directory, &displaced[0]).await;
    assert_eq!(directory.claim(&next).await.unwrap().displaced.len(), DISPLACED_MAX);
}
