//! Logins of one user: one after the other, at once, and in vain. The newest is never the one that loses.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::future::join_all;
use node::Seams;
use node::admission::auth::Auth;
use node::token::{Algorithm, KeySpec, Verifier, VerifierSettings, mint};
use ports::bus::{Address, Posting};
use ports::directory::Directory;
use ports::{Ambient, Bus};
use serde_json::{Value, json};
use testkit::client::{Ended, RawClient, V1Client};
use testkit::poll;
use tokio::time::Instant;
use wire::envelope::{Body, Envelope, Eviction};
use wire::id::{Boot, SessionId};
use wire::policy::DevicePolicy;

use crate::cluster::{Cluster, PATIENCE, Setup};
use crate::faulty_directory::{Claims, FaultyDirectory};

/// As many as the issue asks for.
const LOGINS: usize = 20;
/// Several logins at once, again and again.
const RACES: usize = 40;
/// Nothing that was under way on loopback takes longer.
const QUIET: Duration = Duration::from_millis(200);
/// Far longer than any of these stories, so that nothing heals by a lease that ran out.
const LONG_LEASE: Duration = Duration::from_secs(300);

/// `LOGINS` logins of one user on one device, each on another node than the one before. A replaced client reads why it was closed, and lets
/// go of its socket only when the next login is there. `room` is how many of them may live side by side.
async fn logins_in_a_row(policy: DevicePolicy, room: usize) {
    let cluster = Setup::of(3).with(move |config| config.devices = policy).start().await;
    let mut teller = cluster.client(0, "teller").await;
    let mut live: Vec<V1Client> = Vec::new();
    let mut late: Option<V1Client> = None;
    for round in 0..LOGINS {
        live.push(cluster.client(round % 3, "1?device=web").await);
        if live.len() > room {
            let mut oldest = live.remove(0);
            let bye = oldest.expect_type("bye").await;
            assert_eq!(
                (&bye["code"], &bye["reconnect"]),
                (&json!(4500), &json!(false)),
                "round {round}: {bye}"
            );
            if let Some(mut closing) = late.replace(oldest) {
                closing.expect_close().await;
            }
        }
        are_bound(&cluster, &live).await;
        teller.send_to_user("1", round).await;
        for client in &mut live {
            let message = client.expect_type("message").await;
            assert_eq!(message["content"], round, "each of the newest hears it once and in order: {message}");
        }
    }
    drop(late);
    let sessions = live.len() + 1;
    poll::until("only the newest are left", PATIENCE, async || {
        let count: usize = (0..3).map(|idx| cluster.node(idx).node.sessions()).sum();
        if count == sessions { Ok(()) } else { Err(count) }
    })
    .await;
    are_bound(&cluster, &live).await;
    for client in &mut live {
        client.ping().await;
    }
}

/// The directory has exactly these sessions of user 1, the oldest login first.
async fn are_bound(cluster: &Cluster, live: &[V1Client]) {
    let wanted: Vec<Value> = live.iter().map(|client| client.welcome["session"].clone()).collect();
    poll::until("the newest are bound", PATIENCE, async || {
        let bindings = cluster.bindings("1").await;
        let bound: Vec<Value> = bindings.iter().map(|binding| json!(binding.session)).collect();
        if bound == wanted { Ok(()) } else { Err(format!("{bound:?}, not {wanted:?}")) }
    })
    .await;
}

#[tokio::test]
async fn of_twenty_logins_in_a_row_the_newest_always_receives_where_one_session_a_user_is_allowed() {
    logins_in_a_row(DevicePolicy::Single, 1).await;
}

#[tokio::test]
async fn of_twenty_logins_in_a_row_the_newest_always_receives_where_one_session_a_device_is_allowed() {
    logins_in_a_row(DevicePolicy::PerDevice, 1).await;
}

#[tokio::test]
async fn of_twenty_logins_in_a_row_the_newest_eight_receive_where_many_are_allowed() {
    logins_in_a_row(DevicePolicy::Many, 8).await;
}

#[tokio::test]
async fn a_second_login_on_the_same_device_ends_the_first_with_4500_and_leaves_the_other_devices_alone() {
    let cluster = Setup::of(2).start().await;
    let mut phone = cluster.client(0, "1?device=phone").await;
    let mut first = cluster.client(0, "1?device=web").await;
    let mut second = cluster.client(1, "1?device=web").await;
    let bye = first.expect_bye(4500).await;
    assert_eq!(bye, json!({"type": "bye", "code": 4500, "reason": "replaced", "reconnect": false}));
    phone.ping().await;
    second.ping().await;
    assert_eq!(cluster.bindings("1").await.len(), 2);
}

#[tokio::test]
async fn under_single_another_device_of_the_user_is_replaced_too() {
    let cluster = Setup::of(2).with(|config| config.devices = DevicePolicy::Single).start().await;
    let mut phone = cluster.client(0, "1?device=phone").await;
    let mut web = cluster.client(1, "1?device=web").await;
    phone.expect_bye(4500).await;
    web.ping().await;
}

#[tokio::test]
async fn a_device_more_than_a_user_may_have_ends_the_oldest_login_with_4500() {
    let limits = |limits: &mut wire::limits::Limits| limits.devices_max = 2;
    let cluster = Setup::of(2).limits(limits).start().await;
    let mut oldest = cluster.client(0, "1?device=a").await;
    let mut middle = cluster.client(1, "1?device=b").await;
    let mut newest = cluster.client(1, "1?device=c").await;
    oldest.expect_bye(4500).await;
    middle.ping().await;
    newest.ping().await;
}

#[tokio::test]
async fn of_logins_that_race_exactly_one_stays_and_the_others_get_4500() {
    let cluster = Setup::of(3).with(|config| config.devices = DevicePolicy::Single).start().await;
    let mut teller = cluster.client(0, "teller").await;
    let mut stayed: Option<V1Client> = None;
    for round in 0..RACES {
        let urls: Vec<String> = (0..6).map(|nth| cluster.node(nth % 3).url("1")).collect();
        let racing = urls.iter().map(|url| V1Client::open(url, |handshake| handshake));
        let opened = join_all(racing).await.into_iter().map(|opened| opened.expect("everybody gets a 101"));
        let mut stays = the_one_that_stays(stayed.take().into_iter().chain(opened).collect()).await;
        are_bound(&cluster, std::slice::from_ref(&stays)).await;
        teller.send_to_user("1", round).await;
        assert_eq!(stays.expect_type("message").await["content"], round);
        stayed = Some(stays);
    }
}

/// Waits until all but one were told that they are replaced, and gives that one.
async fn the_one_that_stays(racers: Vec<V1Client>) -> V1Client {
    let (racing, replaced) = (racers.len(), AtomicUsize::new(0));
    let settle = async |mut racer: V1Client| {
        while replaced.load(Ordering::SeqCst) + 1 < racing {
            match racer.try_next(QUIET / 10).await {
                Ok(frame) if frame["type"] == "welcome" => racer.welcome = frame,
                Ok(frame) => {
                    assert_eq!((&frame["type"], &frame["code"]), (&json!("bye"), &json!(4500)), "{frame}");
                    assert_eq!(racer.expect_close().await.code, Some(4500));
                    replaced.fetch_add(1, Ordering::SeqCst);
                    return None;
                }
                Err(Ended::TimedOut) => {}
                Err(ended) => panic!("a racer's session ends without a word: {ended}"),
            }
        }
        Some(racer)
    };
    let settled = tokio::time::timeout(PATIENCE, join_all(racers.into_iter().map(settle))).await;
    let mut staying: Vec<V1Client> =
        settled.expect("all but one are replaced").into_iter().flatten().collect();
    let mut stays = staying.pop().expect("one stays");
    assert!(staying.is_empty(), "{} more stay", staying.len());
    if stays.welcome.is_null() {
        stays.welcome = stays.expect_type("welcome").await;
    }
    stays
}

#[tokio::test]
async fn a_lost_evict_envelope_is_made_up_for_by_the_list_that_comes_with_a_renewal() {
    let setup = Setup::of(2).with(|config| config.lease.ttl = LONG_LEASE);
    let cluster = setup.start().await;
    let mut first = cluster.client(0, "1").await;
    cluster.bus.cut();
    let mut second = cluster.client(1, "1").await;
    first.expect_bye(4500).await;
    second.ping().await;
    are_bound(&cluster, std::slice::from_ref(&second)).await;
}

#[tokio::test]
async fn an_eviction_that_comes_late_ends_nobody_but_the_session_that_it_names() {
    let cluster = Setup::of(1).start().await;
    let mut first = cluster.client(0, "1").await;
    let gone: SessionId = serde_json::from_value(first.welcome["session"].clone()).unwrap();
    let mut newest = cluster.client(0, "1").await;
    first.expect_bye(4500).await;
    // By now the user is back where the replaced session was.
    let eviction = Eviction { user: "1".parse().unwrap(), session: gone, code: 4500 };
    let boot = cluster.bindings("1").await[0].boot.clone();
    cluster.directory.request_evictions(&[(boot, eviction.clone())]).await.unwrap();
    let ambient = Ambient::system();
    let origin = Boot { node: "elsewhere".parse().unwrap(), nonce: ambient.nonce() };
    let (service, at_ms) = ("trunkline".to_owned(), ambient.clock.unix_ms());
    let envelope = Envelope { service, origin, at_ms, hop: 0, body: Body::Evict(eviction) };
    let (to, lane) = (Address::Node("node-1".parse().unwrap()), envelope.lane());
    cluster.bus.post(vec![Posting { to, lane, key: "k".into(), body: envelope.encode() }]).await;
    let arrived = |told: &[(String, String)]| told.iter().any(|(_, text)| text == "evict envelope arrived");
    poll::until("it arrives", PATIENCE, async || arrived(&cluster.node(0).told())).await;
    newest.expect_silence(QUIET).await;
    are_bound(&cluster, std::slice::from_ref(&newest)).await;
}

#[tokio::test]
async fn a_login_that_cannot_be_claimed_is_503_with_a_retry_after_that_differs_from_client_to_client() {
    let cluster = Setup::of(1).start().await;
    cluster.directory.cut();
    let mut waits = BTreeSet::new();
    for user in 0..12 {
        let url = cluster.node(0).url(&user.to_string());
        let answer = V1Client::open(&url, |handshake| handshake).await.expect_err("nobody gets in");
        assert_eq!(answer.status, 503);
        let error = answer.json()["error"].clone();
        assert_eq!(error["code"], "unavailable");
        let retry_after: u64 = answer.header("Retry-After").expect("Retry-After").parse().expect("seconds");
        assert!((1..=5).contains(&retry_after), "{retry_after} s");
        waits.insert(error["retry_ms"].as_u64().expect("retry_ms"));
    }
    assert!(waits.len() > 3, "so that they do not all come back at once: {waits:?}");
    assert_eq!(cluster.node(0).node.sessions(), 0);
    cluster.directory.mend();
    cluster.client(0, "1").await.close().await;
}

#[tokio::test]
async fn a_login_by_hello_that_cannot_be_claimed_is_told_unavailable_and_closed_with_4000() {
    let key = KeySpec { algorithm: Algorithm::Hs256, key: vec![7; 32], kid: None };
    let settings = VerifierSettings { keys: vec![key.clone()], ..VerifierSettings::default() };
    let verifier = Arc::new(Verifier::new(settings).expect("a good key"));
    let setup = Setup::of(1).with(move |config| config.auth = Auth::Tokens(verifier.clone()));
    let cluster = setup.start().await;
    let claims = json!({"sub": "1", "exp": 4_000_000_000u64});
    let token = mint(&key, claims.as_object().expect("an object")).expect("a good key");
    let hello = json!({"type": "hello", "id": "h", "token": token});
    let url = cluster.node(0).url("1");

    cluster.directory.cut();
    let mut one = V1Client::open(&url, |handshake| handshake).await.expect("a token is owed");
    one.send_json(&hello).await;
    let error = one.expect_answer("h").await;
    assert_eq!((&error["type"], &error["code"]), (&json!("error"), &json!("unavailable")));
    assert!(error["retry_ms"].is_u64(), "{error}");
    assert_eq!(one.expect_bye(4000).await["reconnect"], true);

    cluster.directory.mend();
    assert_eq!(cluster.bindings("1").await, []);
    let mut one = V1Client::open(&url, |handshake| handshake).await.expect("a token is owed");
    one.send_json(&hello).await;
    assert_eq!(one.expect_answer("h").await["type"], "ready");
    one.expect_type("welcome").await;
    assert_eq!(cluster.bindings("1").await.len(), 1);
}

#[tokio::test]
async fn a_login_whose_answer_was_lost_leaves_no_ghost_and_does_not_cost_the_older_session_its_place() {
    let mut cluster = Setup::of(1).with(|config| config.devices = DevicePolicy::Single).start().await;
    let directory = FaultyDirectory::over(&cluster.directory);
    let seams = Seams { directory: directory.clone(), ..cluster.seams() };
    cluster.join_on(seams, |_| {}).await.expect("a second node");
    let mut older = cluster.client(0, "1").await;
    directory.claims(Claims::AnswersLost);
    let url = cluster.node(1).url("1");
    let answer = V1Client::open(&url, |handshake| handshake).await.expect_err("it has no answer");
    assert_eq!(answer.status, 503);
    are_bound(&cluster, std::slice::from_ref(&older)).await;
    let mut teller = cluster.client(0, "teller").await;
    teller.send_to_user("1", "still there?").await;
    assert_eq!(older.expect_type("message").await["content"], "still there?");
    older.expect_silence(QUIET).await;
}

/// As a gateway does it that has waited long enough, and turns to another node.
#[tokio::test]
async fn whoever_is_gone_before_the_claim_is_answered_costs_nobody_the_place() {
    let mut cluster = Setup::of(1).start().await;
    let directory = FaultyDirectory::over(&cluster.directory);
    let seams = Seams { directory: directory.clone(), ..cluster.seams() };
    cluster.join_on(seams, |_| {}).await.expect("a second node");
    let mut older = cluster.client(0, "1?device=web").await;
    directory.claims(Claims::Slow(QUIET));
    let url = cluster.node(1).url("1?device=web");
    let mut impatient = RawClient::connect(&url).await;
    impatient.write(&RawClient::handshake(&url, |handshake| handshake).bytes()).await.expect("asked");
    poll::until("the newer login has the place", PATIENCE, async || {
        let bindings = cluster.bindings("1").await;
        bindings.iter().any(|binding| json!(binding.session) != older.welcome["session"])
    })
    .await;
    drop(impatient);
    are_bound(&cluster, std::slice::from_ref(&older)).await;
    older.ping().await;
    older.expect_silence(QUIET).await;
}

#[tokio::test]
async fn a_claim_that_comes_after_its_login_was_refused_is_not_carried_out() {
    let setup = Setup::of(1).with(|config| config.lease.claim_limit = Duration::from_millis(100));
    let mut cluster = setup.start().await;
    let directory = FaultyDirectory::over(&cluster.directory);
    let seams = Seams { directory: directory.clone(), ..cluster.seams() };
    cluster.join_on(seams, |_| {}).await.expect("a second node");
    directory.claims(Claims::Late(Duration::from_millis(300)));
    let asked = Instant::now();
    let url = cluster.node(1).url("1");
    let answer = V1Client::open(&url, |handshake| handshake).await.expect_err("it has no answer");
    assert_eq!(answer.status, 503);
    assert!(asked.elapsed() >= Duration::from_millis(100));
    directory.late_claims_have_come().await;
    assert_eq!(cluster.bindings("1").await, [], "a ghost");
    let user = cluster.http(0).get("/api/v1/users/1").await.json();
    assert_eq!((&user["online"], &user["sessions"]), (&json!(false), &json!([])));
}

#[tokio::test]
async fn a_user_is_offline_when_the_last_session_has_ended_and_not_before() {
    let cluster = Setup::of(2).start().await;
    let phone = cluster.client(0, "1?device=phone").await;
    let mut web = cluster.client(1, "1?device=web").await;
    let sessions = async || {
        let user = cluster.http(0).get("/api/v1/users/1").await.json();
        let sessions = user["sessions"].as_array().expect("sessions").len();
        assert_eq!(user["online"], sessions > 0, "{user}");
        sessions
    };
    assert_eq!(sessions().await, 2);
    phone.vanish();
    poll::until("the phone is gone", PATIENCE, async || sessions().await == 1).await;
    web.ping().await;
    assert_eq!(sessions().await, 1);
    web.close().await;
    poll::until("offline", PATIENCE, async || sessions().await == 0).await;
}
