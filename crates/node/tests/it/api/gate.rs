//! Who may call the HTTP interface, and how many at once.

use std::time::Duration;

use node::api::MetricsText;
use node::config::ApiKey;
use serde_json::json;
use testkit::http::Http;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::cluster::Setup;

/// As many calls as a node has under way at once.
const CALLS_IN_FLIGHT_MAX: usize = 256;

#[tokio::test]
async fn with_keys_every_call_needs_one_of_them_and_probes_need_none() {
    let keys = ["first key", "second"].map(|key| ApiKey(key.as_bytes().into()));
    let metrics = MetricsText::new(|| "# TYPE trunkline_test counter\ntrunkline_test 1\n".to_owned());
    let setup = Setup::of(1).with(move |config| {
        config.api.keys = keys.to_vec();
        config.api.metrics = metrics.clone();
    });
    let cluster = setup.start().await;
    let http = cluster.http(0);
    for path in ["/healthz", "/readyz", "/openapi.json", "/metrics"] {
        assert_eq!(http.get(path).await.status, 200, "{path}");
    }
    assert_eq!(http.get("/metrics").await.text().lines().last(), Some("trunkline_test 1"));
    for key in ["first key", "second"] {
        assert_eq!(http.clone().bearer(key).get("/api/v1/nodes").await.status, 200);
        assert_eq!(
            http.clone().header("authorization", &format!("bearer {key}")).get("/api/v1/nodes").await.status,
            200
        );
    }
    let refused = [
        http.clone(),
        http.clone().bearer(""),
        http.clone().bearer("first"),
        http.clone().bearer("first key2"),
        http.clone().bearer("firstkey"),
        http.clone().header("Authorization", "Basic first key"),
        http.clone().header("Authorization", "second"),
        http.clone().bearer("second").bearer("second"),
    ];
    for (idx, http) in refused.iter().enumerate() {
        for path in ["/api/v1/nodes", "/api/v1/nowhere", "/api", "/api/v1/presence"] {
            let answer = http.get(path).await;
            assert_eq!(
                (answer.status, &answer.json()["error"]["code"]),
                (401, &json!("unauthorized")),
                "{idx} {path}"
            );
            assert_eq!(answer.header("WWW-Authenticate"), Some("Bearer"));
            assert!(!answer.text().contains("first"), "no key is shown");
        }
    }
}

#[tokio::test]
async fn without_keys_it_is_closed_outside_development_mode_and_says_what_to_set() {
    let cluster = Setup::of(1).with(|config| config.insecure = true).start().await;
    for http in [cluster.http(0), cluster.http(0).bearer("anything")] {
        let answer = http.get("/api/v1/nodes").await;
        let error = &answer.json()["error"];
        assert_eq!((answer.status, &error["code"]), (401, &json!("unauthorized")));
        assert!(error["reason"].as_str().unwrap().contains("api.keys is not set"), "{error}");
    }
    assert_eq!(cluster.http(0).get("/readyz").await.status, 200);
}

#[tokio::test]
async fn in_development_mode_no_page_elsewhere_reaches_it() {
    let cluster = Setup::of(1).start().await;
    let address = cluster.node(0).node.api_address().unwrap();
    let asked = async |host: &str, headers: &str| {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let request =
            format!("GET /api/v1/nodes HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n{headers}\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    };
    for (host, headers) in [
        ("rebound.example", ""),
        ("127.0.0.1.rebound.example:80", ""),
        ("localhost", "Origin: https://elsewhere.example\r\n"),
        ("localhost", "X-Forwarded-For: 203.0.113.7\r\n"),
    ] {
        let answer = asked(host, headers).await;
        assert!(answer.starts_with("HTTP/1.1 403 "), "{host} {headers}: {answer}");
        assert!(answer.contains(r#"{"error":{"code":"forbidden","reason":""#), "{answer}");
    }
    for (host, headers) in [
        ("localhost:1", ""),
        ("127.0.0.1", ""),
        ("[::1]:80", ""),
        ("localhost", "Origin: http://localhost:8080\r\n"),
    ] {
        let answer = asked(host, headers).await;
        assert!(answer.starts_with("HTTP/1.1 200 "), "{host} {headers}: {answer}");
    }
}

#[tokio::test]
async fn calls_that_never_end_are_bounded_in_number_and_in_time() {
    let cluster = Setup::of(1).start().await;
    let address = cluster.node(0).node.api_address().unwrap();
    let head = format!(
        "POST /api/v1/messages HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{{"
    );
    let mut slow = Vec::new();
    for _ in 0..CALLS_IN_FLIGHT_MAX {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(head.as_bytes()).await.unwrap();
        slow.push(stream);
    }
    let http: Http = cluster.http(0);
    let refused = testkit::poll::until("no more calls", Duration::from_secs(5), async || {
        let answer = http.get("/api/v1/nodes").await;
        if answer.status == 503 { Ok(answer) } else { Err(answer.status) }
    })
    .await;
    let error = &refused.json()["error"];
    assert_eq!((&error["code"], &error["retry_ms"]), (&json!("unavailable"), &json!(500)));
    assert_eq!(http.get("/readyz").await.status, 200, "probes are answered all the same");

    let mut answer = vec![0; 1_024];
    let first = slow.first_mut().unwrap();
    let read = tokio::time::timeout(Duration::from_secs(15), first.read(&mut answer)).await;
    let answer = String::from_utf8_lossy(&answer[..read.expect("an answer in time").unwrap()]).into_owned();
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
    testkit::poll::until("room again", Duration::from_secs(5), async || {
        http.get("/api/v1/nodes").await.status == 200
    })
    .await;
}
