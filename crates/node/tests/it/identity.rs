//! Who somebody is: tokens in each place that they may stand in, what becomes of those that are refused, and logins that a gateway has checked.
//!
//! Which tokens are good is tested where they are checked (`tests/tokens`).

use std::sync::Arc;
use std::time::Duration;

use edge::TrustedProxies;
use node::admission::auth::Auth;
use node::token::{Algorithm, KeySpec, Verifier, VerifierSettings, mint};
use ports::Clock;
use serde_json::{Value, json};
use testkit::client::{Answer, Frame, Handshake, RawClient, V1Client};
use testkit::poll;
use wire::policy::DialectChoice;

use crate::cluster::{Cluster, PATIENCE, Setup};

const KEY: &[u8] = b"0123456789abcdef0123456789abcdef";
const OTHER_KEY: &[u8] = b"another key of at least 32 bytes";
/// What clocks may differ by, in seconds.
const LEEWAY: u64 = 60;

fn spec(key: &[u8]) -> KeySpec {
    KeySpec { algorithm: Algorithm::Hs256, key: key.to_vec(), kid: None }
}

fn now_seconds() -> u64 {
    Clock::System.unix_ms() / 1_000
}

fn signed(claims: &Value, key: &[u8]) -> String {
    mint(&spec(key), claims.as_object().unwrap()).unwrap()
}

/// A token that ends `left` seconds from now, or has ended so long ago.
fn token(user: &str, left: i64) -> String {
    let exp = now_seconds().checked_add_signed(left).unwrap();
    signed(&json!({"sub": user, "exp": exp}), KEY)
}

fn good(user: &str) -> String {
    token(user, 3_600)
}

/// Nodes that ask for a token.
fn asking() -> Setup {
    let verifier = Verifier::new(VerifierSettings { keys: vec![spec(KEY)], ..VerifierSettings::default() });
    let auth = Auth::Tokens(Arc::new(verifier.unwrap()));
    Setup::of(1).with(move |config| config.auth = auth.clone())
}

async fn refusal(url: &str, change: impl FnOnce(Handshake) -> Handshake) -> (u16, Value) {
    let answer: Answer = match RawClient::open(url, change).await {
        Ok(_) => panic!("{url} was let in"),
        Err(answer) => answer,
    };
    (answer.status, answer.json()["error"]["code"].clone())
}

async fn nobody_is_in(cluster: &Cluster) {
    poll::until("nobody is in", PATIENCE, async || {
        let sessions = cluster.node(0).node.sessions();
        if sessions == 0 { Ok(()) } else { Err(sessions) }
    })
    .await;
    assert_eq!(cluster.node(0).count("session_opened"), 0);
}

#[tokio::test]
async fn a_token_is_taken_from_the_header_the_subprotocols_and_the_query() {
    let cluster = asking().start().await;
    let url = cluster.node(0).url("1");
    let protocols = format!("trunkline.v1, bearer.{}", good("1"));
    let in_query = format!("{url}?token={}", good("1"));
    let clients = [
        V1Client::connect_with(&url, |handshake| handshake.bearer(&good("1"))).await,
        V1Client::connect_with(&url, |handshake| {
            handshake.set("Authorization", &format!("bearer  {}", good("1")))
        })
        .await,
        V1Client::connect_with(&url, |handshake| handshake.protocols(&protocols)).await,
        V1Client::connect_with(&in_query, |handshake| handshake).await,
    ];
    for client in &clients {
        assert_eq!(client.welcome["user"], "1");
    }
    // An integer names a user too.
    let numbered = signed(&json!({"sub": 42, "exp": now_seconds() + 60}), KEY);
    let url = cluster.node(0).url("42");
    V1Client::connect_with(&url, |handshake| handshake.bearer(&numbered)).await;
}

#[tokio::test]
async fn a_token_may_come_in_hello_and_nothing_is_done_before() {
    let cluster = asking().start().await;
    let url = cluster.node(0).url("1");
    let mut client = V1Client::open(&url, |handshake| handshake).await.unwrap();
    let send = json!({"type": "send", "to": {"user": "2"}, "content": "too early"});
    for frame in [
        send,
        json!({"type": "conversations"}),
        json!({"type": "hello"}),
        json!({"type": "join", "group": "g"}),
    ] {
        let answer = client.request(frame).await;
        assert_eq!((&answer["type"], &answer["code"]), (&json!("error"), &json!("unauthorized")), "{answer}");
    }
    assert_eq!(cluster.node(0).count("session_opened"), 0);
    let token = good("1");
    client.send_json(&json!({"type": "hello", "id": "h", "token": token})).await;
    assert_eq!(client.expect_type("welcome").await["user"], "1");
    let ready = client.expect_answer("h").await;
    assert_eq!(ready["type"], "ready");
    let expires_ms = ready["expires"].as_u64().unwrap();
    assert!(expires_ms.abs_diff((now_seconds() + 3_600) * 1_000) <= 5_000, "{ready}");
    let answer = client.request(json!({"type": "conversations"})).await;
    assert_eq!(answer["conversations"], json!([]), "what came too early was not done later");
}

/// Tokens that are refused, and why.
fn refused_tokens() -> Vec<(&'static str, String)> {
    let now = now_seconds();
    vec![
        ("no token at all", "x".to_owned()),
        ("three parts of nothing", "a.b.c".to_owned()),
        ("another's key", signed(&json!({"sub": "1", "exp": now + 60}), OTHER_KEY)),
        ("ended before the leeway", token("1", -(LEEWAY as i64) - 5)),
        ("not yet", signed(&json!({"sub": "1", "exp": now + 600, "nbf": now + LEEWAY + 30}), KEY)),
        ("without an end", signed(&json!({"sub": "1"}), KEY)),
        ("without a user", signed(&json!({"exp": now + 60}), KEY)),
        ("of nobody that can be", signed(&json!({"sub": "a b", "exp": now + 60}), KEY)),
        // {"alg":"none"}.{"sub":"1","exp":9999999999}.
        ("unsigned", "eyJhbGciOiJub25lIn0.eyJzdWIiOiIxIiwiZXhwIjo5OTk5OTk5OTk5fQ.".to_owned()),
    ]
}

#[tokio::test]
async fn a_refused_token_is_401_to_a_program_and_bye_and_4501_to_a_browser() {
    let cluster = asking().start().await;
    let url = cluster.node(0).url("1");
    for (why, token) in refused_tokens() {
        let program = refusal(&url, |handshake| handshake.bearer(&token)).await;
        assert_eq!(program, (401, json!("unauthorized")), "{why}");
        assert_eq!(refusal(&format!("{url}?token={token}"), |it| it).await.0, 401, "{why}");

        let origin = |handshake: Handshake| handshake.origin("https://app.example").bearer(&token);
        let protocols = format!("trunkline.v1, bearer.{token}");
        for mut browser in [
            V1Client::open(&url, origin).await.unwrap(),
            V1Client::open(&url, |handshake| handshake.protocols(&protocols)).await.unwrap(),
            V1Client::open(&format!("{url}?token={token}"), |handshake| handshake.origin("null"))
                .await
                .unwrap(),
        ] {
            let bye = browser.expect_bye(4501).await;
            assert_eq!(bye["reconnect"], false, "{why}: {bye}");
        }
    }
    nobody_is_in(&cluster).await;
    for (_, text) in cluster.node(0).told() {
        for (_, token) in refused_tokens().iter().filter(|(_, token)| token.len() > 8) {
            assert!(!text.contains(token.as_str()), "a token was told: {text}");
        }
    }
}

#[tokio::test]
async fn what_a_refused_browser_says_is_not_done() {
    let cluster = asking().start().await;
    let url = cluster.node(0).url("1");
    let send = Frame::text(r#"{"type":"send","id":"a","to":{"user":"2"},"content":"let me in"}"#);
    let change = |handshake: Handshake| handshake.origin("https://app.example").bearer("x").then(&send);
    let mut browser = V1Client::open(&url, change).await.unwrap();
    let answer = browser.expect_type("bye").await;
    assert_eq!(answer["code"], 4501);
    assert_eq!(cluster.node(0).count("message_accepted"), 0);
}

#[tokio::test]
async fn a_classic_clients_missing_token_counts_as_a_refused_one() {
    let cluster = asking().with(|config| config.dialects = DialectChoice::Classic).start().await;
    let url = cluster.node(0).url("1");
    assert_eq!(refusal(&url, |handshake| handshake).await, (401, json!("unauthorized")));
    let mut browser =
        RawClient::open(&url, |handshake| handshake.origin("https://app.example")).await.unwrap();
    assert_eq!(browser.expect_close().await.code, Some(4501));
    let token = good("1");
    let in_header = RawClient::open(&url, |handshake| handshake.bearer(&token)).await;
    let in_query = RawClient::open(&format!("{url}?token={token}"), |handshake| handshake).await;
    assert!(in_header.is_ok() && in_query.is_ok());
}

#[tokio::test]
async fn another_users_path_is_403_or_4501_and_another_users_hello_changes_nothing() {
    let cluster = asking().start().await;
    let url = cluster.node(0).url("1");
    let (mine, theirs) = (good("1"), good("2"));
    assert_eq!(refusal(&url, |handshake| handshake.bearer(&theirs)).await, (403, json!("forbidden")));
    let from_a_page = |handshake: Handshake| handshake.origin("https://app.example").bearer(&theirs);
    V1Client::open(&url, from_a_page).await.unwrap().expect_bye(4501).await;
    nobody_is_in(&cluster).await;

    // Where the token itself comes in hello, the login fails as a browser's does.
    let mut knocking = V1Client::open(&url, |handshake| handshake).await.unwrap();
    knocking.send_json(&json!({"type": "hello", "token": theirs})).await;
    knocking.expect_bye(4501).await;
    nobody_is_in(&cluster).await;

    let mut client = V1Client::connect_with(&url, |handshake| handshake.bearer(&mine)).await;
    let answer = client.request(json!({"type": "hello", "token": theirs})).await;
    assert_eq!((&answer["type"], &answer["code"]), (&json!("error"), &json!("forbidden")));
    let answer = client.request(json!({"type": "hello", "token": "x"})).await;
    assert_eq!((&answer["type"], &answer["code"]), (&json!("error"), &json!("unauthorized")));
    let id = client.send_to_user("1", "still me").await;
    assert_eq!(client.expect_answer(&id).await["conversation"], "d:1:1");
}

#[tokio::test]
async fn a_session_ends_with_4005_a_minute_after_its_token_unless_hello_brought_a_newer_one() {
    let cluster = asking().start().await;
    // Ended by now, but within the leeway: what is left of it is a second or two.
    let nearly_over = || token("1", 2 - LEEWAY as i64);
    let url = |device: &str| cluster.node(0).url(&format!("1?device={device}"));
    let mut expiring = V1Client::connect_with(&url("a"), |it| it.bearer(&nearly_over())).await;
    let mut renewed = V1Client::connect_with(&url("b"), |it| it.bearer(&nearly_over())).await;
    let ready = renewed.request(json!({"type": "hello", "token": good("1")})).await;
    assert_eq!(ready["type"], "ready");
    assert!(ready["expires"].as_u64().unwrap() > now_seconds() * 1_000, "{ready}");
    let bye = expiring.expect_bye(4005).await;
    assert_eq!(bye["reconnect"], true, "{bye}");
    renewed.ping().await;
    // A hello without a token renews nothing, and takes nothing away.
    assert_eq!(renewed.request(json!({"type": "hello"})).await["type"], "ready");
    renewed.expect_silence(Duration::from_millis(500)).await;
}

/// Nodes behind a gateway that checks the login.
fn behind_a_gateway(proxies: TrustedProxies) -> Setup {
    Setup::of(1).with(move |config| {
        config.auth = Auth::Header("x-user-id".parse().unwrap());
        config.trusted_proxies = proxies.clone();
    })
}

#[tokio::test]
async fn the_user_is_taken_from_the_header_of_a_trusted_gateway() {
    let cluster = behind_a_gateway(TrustedProxies::new(vec!["127.0.0.1/32".parse().unwrap()])).start().await;
    let url = cluster.node(0).url("1");
    let client = V1Client::connect_with(&url, |handshake| handshake.header("X-User-Id", "1")).await;
    assert_eq!(client.welcome["user"], "1");
    let unauthorized = (401, json!("unauthorized"));
    assert_eq!(refusal(&url, |handshake| handshake).await, unauthorized, "no header");
    let twice = |handshake: Handshake| handshake.header("X-User-Id", "1").header("x-user-id", "1");
    assert_eq!(refusal(&url, twice).await, unauthorized, "two headers");
    for no_user in ["", "a b", "1,2", "é"] {
        let with = |handshake: Handshake| handshake.header("X-User-Id", no_user);
        assert_eq!(refusal(&url, with).await, unauthorized, "{no_user:?}");
    }
    let other = refusal(&url, |handshake| handshake.header("X-User-Id", "2")).await;
    assert_eq!(other, (403, json!("forbidden")), "the path is another user's");
    let page = |handshake: Handshake| handshake.header("X-User-Id", "2").origin("https://app.example");
    V1Client::open(&url, page).await.unwrap().expect_bye(4501).await;
}

#[tokio::test]
async fn the_header_of_anybody_else_is_worth_nothing() {
    let cluster = behind_a_gateway(TrustedProxies::new(vec!["10.0.0.7/32".parse().unwrap()])).start().await;
    let url = cluster.node(0).url("1");
    let forged =
        |handshake: Handshake| handshake.header("X-User-Id", "1").header("X-Forwarded-For", "10.0.0.7");
    assert_eq!(refusal(&url, forged).await, (401, json!("unauthorized")));
    nobody_is_in(&cluster).await;
}
