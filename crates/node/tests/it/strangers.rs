//! Which pages and programs may ask at all, and whose address counts: the rules of development mode, of `ws.origins` and of trusted proxies.

use edge::TrustedProxies;
use serde_json::{Value, json};
use testkit::client::{Answer, Handshake, RawClient, V1Client};
use testkit::poll;

use crate::cluster::{Cluster, PATIENCE, Setup};

const PUBLIC: &str = "203.0.113.7";
const OTHER_PUBLIC: &str = "198.51.100.9";

/// The status of a handshake, 101 included.
async fn status(cluster: &Cluster, user: &str, change: impl FnOnce(Handshake) -> Handshake) -> u16 {
    match asked(cluster, 0, user, change).await {
        Ok(_) => 101,
        Err(answer) => {
            assert_eq!(answer.json()["error"]["code"], "forbidden", "{answer:?}");
            answer.status
        }
    }
}

async fn asked(
    cluster: &Cluster,
    idx: usize,
    user: &str,
    change: impl FnOnce(Handshake) -> Handshake,
) -> Result<RawClient, Answer> {
    RawClient::open(&cluster.node(idx).url(user), change).await
}

#[tokio::test]
async fn in_development_mode_a_name_that_points_here_is_refused_on_every_path() {
    let cluster = Setup::of(1).with(|config| "node.local".clone_into(&mut config.advertise)).start().await;
    for host in [
        "rebound.example",
        "rebound.example:80",
        "127.0.0.1.rebound.example",
        "localhost.rebound.example",
        "",
    ] {
        assert_eq!(status(&cluster, "1", |handshake| handshake.set("Host", host)).await, 403, "{host:?}");
        for path in ["/readyz", "/healthz"] {
            let url = format!("ws://{}{path}", cluster.node(0).node.ws_address());
            let probe =
                |handshake: Handshake| handshake.set("Host", host).without("Upgrade").without("Connection");
            let answer = RawClient::open(&url, probe).await.unwrap_err();
            assert_eq!(answer.status, 403, "{host:?} {path}: a page elsewhere learns nothing");
        }
    }
    for host in
        ["localhost", "localhost:1", "127.0.0.1", "[::1]:80", "10.0.0.5", "node.local", "NODE.local:1"]
    {
        assert_eq!(status(&cluster, "1", |handshake| handshake.set("Host", host)).await, 101, "{host:?}");
    }
}

#[tokio::test]
async fn in_development_mode_a_page_is_of_this_machine_or_on_the_list() {
    let listed = "https://app.example".parse::<edge::Origin>().unwrap();
    let cluster = Setup::of(1).with(move |config| config.origins = vec![listed.clone()]).start().await;
    for origin in ["http://localhost:3000", "http://127.0.0.1:5173", "http://[::1]", "https://app.example"] {
        assert_eq!(status(&cluster, "1", |handshake| handshake.origin(origin)).await, 101, "{origin}");
    }
    let strange = [
        "null",
        "http://rebound.example",
        "https://app.example.rebound.example",
        "http://app.example",
        "https://app.example:8443",
        "https://notapp.example",
        "app.example",
        "file://",
        "",
    ];
    for origin in strange {
        assert_eq!(status(&cluster, "1", |handshake| handshake.origin(origin)).await, 403, "{origin:?}");
    }
    let refused = cluster.node(0).count("handshake_refused");
    assert_eq!(refused, strange.len(), "each is told once");
}

#[tokio::test]
async fn a_page_is_at_home_at_the_host_that_its_own_proxy_names() {
    let neighbours = Setup::of(1).start().await;
    let nobody = Setup::of(1).with(|config| config.trusted_proxies = TrustedProxies::none()).start().await;
    let forwarded = |handshake: Handshake| {
        handshake.header("X-Forwarded-Host", "dev.example").origin("https://dev.example")
    };
    assert_eq!(status(&neighbours, "1", forwarded).await, 101);
    assert_eq!(status(&nobody, "1", forwarded).await, 403, "not everybody is believed");
}

#[tokio::test]
async fn an_origin_that_names_the_nodes_own_address_counts_as_none() {
    let cluster = Setup::of(1).with(|config| config.trusted_proxies = TrustedProxies::none()).start().await;
    let own = format!("http://{}", cluster.node(0).node.ws_address());
    // By its Host this page is elsewhere; a gateway that invents an Origin passes all the same.
    let invented = |handshake: Handshake| handshake.set("Host", "localhost").origin(&own);
    assert_eq!(status(&cluster, "1", invented).await, 101);
}

#[tokio::test]
async fn in_development_mode_only_this_machine_is_served() {
    let cluster = Setup::of(1).start().await;
    for line in [PUBLIC, "10.0.0.9", "203.0.113.7, 10.0.0.1"] {
        let from = |handshake: Handshake| handshake.header("X-Forwarded-For", line);
        assert_eq!(status(&cluster, "1", from).await, 403, "{line}");
    }
    assert_eq!(
        status(&cluster, "1", |handshake| handshake.header("X-Forwarded-For", "127.0.0.1")).await,
        101
    );
}

#[tokio::test]
async fn outside_development_mode_host_and_origin_are_checked_where_a_list_is_set() {
    let open = Setup::of(1).with(|config| config.insecure = true).start().await;
    let anything = |handshake: Handshake| {
        handshake.set("Host", "any.example").origin("https://any.example").header("X-Forwarded-For", PUBLIC)
    };
    assert_eq!(status(&open, "1", anything).await, 101);

    let listed = "https://app.example".parse::<edge::Origin>().unwrap();
    let setup = Setup::of(1).with(move |config| {
        config.insecure = true;
        config.origins = vec![listed.clone()];
    });
    let strict = setup.start().await;
    assert_eq!(status(&strict, "1", |handshake| handshake.origin("https://app.example")).await, 101);
    assert_eq!(status(&strict, "1", |handshake| handshake).await, 101, "a program has no origin");
    for origin in ["http://localhost:3000", "null", "https://any.example"] {
        assert_eq!(status(&strict, "1", |handshake| handshake.origin(origin)).await, 403, "{origin}");
    }
    assert_eq!(status(&strict, "1", |handshake| handshake.set("Host", "any.example")).await, 403);
}

/// Nodes that let two sessions of an address in.
fn counting() -> Setup {
    let insecure = Setup::of(2).with(|config| config.insecure = true);
    insecure.limits(|limits| limits.sessions_per_address_max = 2)
}

/// Behind proxies: `line` is what they say.
fn behind(line: impl Into<String>) -> impl FnOnce(Handshake) -> Handshake {
    let line = line.into();
    move |handshake| handshake.header("X-Forwarded-For", &line)
}

#[tokio::test]
async fn an_address_that_has_its_share_is_told_when_to_come_back_and_keeps_nobody_else_out() {
    let cluster = counting().start().await;
    let first = asked(&cluster, 0, "1", behind(PUBLIC)).await.unwrap();
    let _second = asked(&cluster, 0, "2", behind(format!("1.2.3.4, {PUBLIC}, 10.0.0.1"))).await.unwrap();
    let answer = asked(&cluster, 0, "3", behind(PUBLIC)).await.unwrap_err();
    assert_eq!((answer.status, &answer.json()["error"]["code"]), (429, &json!("too_many_requests")));
    let retry: u64 = answer.header("Retry-After").unwrap().parse().unwrap();
    assert!((1..=5).contains(&retry) && answer.json()["error"]["retry_ms"].is_u64(), "{answer:?}");
    assert_eq!(cluster.node(0).count("session_opened"), 2, "nobody was logged in for nothing");
    // Another address, another node.
    let _other = asked(&cluster, 0, "3", behind(OTHER_PUBLIC)).await.unwrap();
    let _elsewhere = asked(&cluster, 1, "4", behind(PUBLIC)).await.unwrap();
    drop(first);
    poll::until("the place is free again", PATIENCE, async || {
        asked(&cluster, 0, "3", behind(PUBLIC)).await.map_err(|answer| answer.status)
    })
    .await;
}

#[tokio::test]
async fn a_trusted_peer_that_names_no_client_is_not_counted_and_no_stranger_is_believed() {
    let cluster = counting().start().await;
    let mut held = Vec::new();
    for user in 0..5 {
        held.push(V1Client::connect(&cluster.node(0).url(&format!("u{user}"))).await);
        held.push(
            V1Client::connect_with(&cluster.node(0).url(&format!("v{user}")), behind("10.0.0.7, unknown"))
                .await,
        );
    }
    let strict = counting().with(|config| config.trusted_proxies = TrustedProxies::none()).start().await;
    let invented = |nth: u8| behind(format!("203.0.113.{nth}"));
    let _first = asked(&strict, 0, "1", invented(1)).await.unwrap();
    let _second = asked(&strict, 0, "2", invented(2)).await.unwrap();
    let answer = asked(&strict, 0, "3", invented(3)).await.unwrap_err();
    assert_eq!(answer.status, 429, "whoever invents addresses is counted by his own: {answer:?}");
}

#[tokio::test]
async fn probes_are_answered_where_sessions_are_opened() {
    let cluster = Setup::of(1).with(|config| config.insecure = true).start().await;
    let probe = cluster.node(0).probe();
    assert_eq!(probe.get("/healthz").await.status, 200);
    let readiness: Value = probe.get("/readyz").await.json();
    assert_eq!((&readiness["ready"], &readiness["state"]), (&json!(true), &json!("serving")), "{readiness}");
}
