//! Health, pages, and the end of a gateway.

#![allow(clippy::expect_used, reason = "a test that fails may panic")]

mod support;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use edge::{Host, Policy, TrustedProxies};
use gateway::events::Ended;
use gateway::{Drained, Gateway, Page, StartError};
use http::HeaderValue;
use ports::Ambient;
use ports::memory::registry::MemoryRegistry;
use support::{Backend, Front, PATIENCE, config, expect, get, rest, status};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

#[tokio::test]
async fn health_is_told_on_both_listeners_and_metrics_on_the_inner_one() {
    let backend = Backend::echo("").await;
    let mut config = config();
    config.metrics = Some(Arc::new(|| "some_metric 1\n".to_owned()));
    let front = Front::start(config, &[backend.instance(1.0)]).await;
    let plain = |path: &str| format!("GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    for path in ["/healthz", "/readyz"] {
        assert_eq!(status(&front.inside(path).await), 200, "{path}");
        assert_eq!(status(&front.exchange(plain(path)).await), 200, "{path}");
    }
    assert!(front.inside("/metrics").await.ends_with("some_metric 1\n"));
    assert_eq!(status(&front.exchange(plain("/metrics")).await), 404);
    assert_eq!(status(&front.inside("/elsewhere").await), 404);
}

#[tokio::test]
async fn pages_are_served_where_no_websocket_is_asked_for() {
    let backend = Backend::echo("").await;
    let mut config = config();
    config.pages = Some(Arc::new(|path| {
        (path == "/" || path == "/ws/page").then(|| Page {
            content_type: HeaderValue::from_static("text/html"),
            headers: vec![(http::header::CACHE_CONTROL, HeaderValue::from_static("no-store"))],
            body: Bytes::from_static(b"<p>hello"),
        })
    }));
    let front = Front::start(config, &[backend.instance(1.0)]).await;
    let read = |path: &str| format!("GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    let answer = front.exchange(read("/")).await;
    assert!(status(&answer) == 200 && answer.ends_with("<p>hello"), "{answer}");
    assert!(
        answer.contains("cache-control: no-store") && answer.contains("content-type: text/html"),
        "{answer}"
    );
    assert_eq!(status(&front.exchange(read("/other")).await), 404);
    assert_eq!(status(&front.exchange(read("/ws/1")).await), 426);
    assert_eq!(status(&front.exchange(read("/ws/page")).await), 200);
    front.open("/ws/page").await;
}

#[tokio::test]
async fn in_development_a_host_that_is_none_of_ours_is_refused_everywhere() {
    let backend = Backend::echo("").await;
    let mut config = config();
    config.policy = Policy {
        development: true,
        own: vec![Host::new("127.0.0.1", 19998)],
        origins: Vec::new(),
        proxies: TrustedProxies::none(),
    };
    let front = Front::start(config, &[backend.instance(1.0)]).await;
    assert_eq!(status(&front.exchange(get("/ws/1", "")).await), 403, "gateway.example points at loopback");
    let ours = get("/ws/1", "").replace("gateway.example", "localhost:8080");
    let mut client = front.connect().await;
    client.write_all(ours.as_bytes()).await.expect("sent");
    assert_eq!(status(&support::head(&mut client).await), 101);
    let inner = front.gateway.addresses().api.expect("an address");
    let mut client = TcpStream::connect(inner).await.expect("connected");
    client.write_all(b"GET /metrics HTTP/1.1\r\nHost: evil.example\r\n\r\n").await.expect("sent");
    assert_eq!(status(&rest(&mut client).await), 403);
}

#[tokio::test]
async fn a_drain_lets_tunnels_live_until_the_hard_stop_and_no_longer() {
    let backend = Backend::echo("").await;
    let mut config = config();
    let limits = wire::limits::Limits { drain_hard_stop: Duration::from_secs(3), ..Default::default() };
    config.limits = Arc::new(limits);
    let front = Front::start(config, &[backend.instance(1.0)]).await;
    let mut leaves = front.open("/ws/1").await;
    let mut stays = front.open("/ws/2").await;
    let address = front.gateway.addresses().listen;
    let meanwhile = async {
        testkit::poll::until("nobody listens", PATIENCE, async || TcpStream::connect(address).await.is_err())
            .await;
        let ready = front.inside("/readyz").await;
        assert!(status(&ready) == 503 && ready.contains("\"draining\":true"), "{ready}");
        leaves.write_all(b"still here").await.expect("sent");
        expect(&mut leaves, b"still here").await;
        leaves.shutdown().await.expect("shut down");
        assert_eq!(rest(&mut leaves).await, "");
    };
    let (drained, ()) = tokio::join!(front.gateway.drain(), meanwhile);
    assert_eq!(drained, Drained { ended: 1, cut: 1 });
    assert_eq!(rest(&mut stays).await, "");
    front.until_ended(&[Ended::Closed, Ended::Cut]).await;
}

#[tokio::test]
async fn a_drain_without_tunnels_is_over_at_once() {
    let front = Front::before(&[]).await;
    let _silent = front.connect().await;
    let drained = tokio::time::timeout(Duration::from_secs(5), front.gateway.drain()).await.expect("at once");
    assert_eq!(drained, Drained { ended: 0, cut: 0 });
}

#[tokio::test]
async fn a_gateway_that_is_dropped_leaves_nothing_running() {
    let backend = Backend::echo("").await;
    let front = Front::before(&[&backend]).await;
    let mut client = front.open("/ws/1").await;
    let address = front.gateway.addresses().listen;
    drop(front);
    assert_eq!(rest(&mut client).await, "");
    testkit::poll::until("nobody listens", PATIENCE, async || TcpStream::connect(address).await.is_err())
        .await;
}

#[tokio::test]
async fn a_port_that_is_taken_is_named_with_its_key() {
    let taken = Front::before(&[]).await;
    let registry = Arc::new(MemoryRegistry::new());
    let mut config = config();
    config.listen = taken.gateway.addresses().listen;
    let StartError::Listen { key, address, .. } =
        Gateway::start(config, registry, Ambient::system()).await.expect_err("the port is taken");
    assert_eq!((key, address), ("gateway.listen", taken.gateway.addresses().listen));
}
