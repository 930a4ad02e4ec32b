//! Which node a client gets: when all is well, when nodes fail, and when the list changes.

#![allow(clippy::expect_used, reason = "a test that fails may panic")]

mod support;

use std::time::Duration;

use ports::memory::registry::MemoryRegistry;
use support::{Backend, Front, PATIENCE, SERVICE, config, get, head, instance, line, status};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

/// A port that refuses connections.
fn nobody() -> u16 {
    testkit::ports::free()
}

async fn open(front: &Front, number: usize) -> Vec<TcpStream> {
    let mut clients = Vec::new();
    for user in 0..number {
        clients.push(front.open(&format!("/ws/{user}")).await);
    }
    clients
}

fn shares(backends: &[Backend]) -> Vec<usize> {
    backends.iter().map(|backend| backend.heads().len()).collect()
}

#[tokio::test]
async fn connections_are_spread_and_a_newcomer_gets_all_until_it_has_caught_up() {
    let backends = [Backend::echo("").await, Backend::echo("").await, Backend::echo("").await];
    let mut front = Front::before(&[&backends[0], &backends[1]]).await;
    let _clients = open(&front, 20).await;
    assert_eq!(shares(&backends), [10, 10, 0]);
    front.announce(backends[2].instance(1.0));
    testkit::poll::until("the newcomer is known", PATIENCE, async || {
        front.inside("/readyz").await.contains("\"instances\":3")
    })
    .await;
    let newcomers = open(&front, 10).await;
    assert_eq!(shares(&backends), [10, 10, 10], "the counts outlived the change of the list");
    let _more = open(&front, 3).await;
    assert_eq!(shares(&backends), [11, 11, 11]);
    drop(newcomers);
    testkit::poll::until("they have left", PATIENCE, async || front.gateway.tunnels() == 23).await;
    let _again = open(&front, 10).await;
    assert_eq!(shares(&backends), [11, 11, 21], "who lost connections gets the next");
}

#[tokio::test]
async fn weight_counts_and_weight_zero_applies_at_once() {
    let backends = [Backend::echo("").await, Backend::echo("").await];
    let front = Front::start(config(), &[backends[0].instance(3.0), backends[1].instance(1.0)]).await;
    let _clients = open(&front, 8).await;
    assert_eq!(shares(&backends), [6, 2]);
    front.registry.set_weight(SERVICE, "127.0.0.1", backends[0].address.port(), 0.0);
    testkit::poll::until("one is left", Duration::from_secs(1), async || {
        front.inside("/readyz").await.contains("\"instances\":1")
    })
    .await;
    let _more = open(&front, 5).await;
    assert_eq!(shares(&backends), [6, 7]);
}

#[tokio::test]
async fn a_client_does_not_notice_nodes_that_refuse_hang_up_or_are_busy() {
    let good = Backend::echo("").await;
    let hangs_up = Backend::start(|_, _| async {}).await;
    let busy = Backend::answering("HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n").await;
    for bad in [instance(nobody(), 9.0), hangs_up.instance(9.0), busy.instance(9.0)] {
        let front = Front::start(config(), &[bad.clone(), good.instance(1.0)]).await;
        let before = good.heads().len();
        let _clients = open(&front, 4).await;
        assert_eq!(good.heads().len(), before + 4);
        let failed = front.failed.lock().expect("lock").clone();
        assert_eq!(failed.len(), 1, "it was left out after its first failure: {failed:?}");
        assert!(failed[0].starts_with(&format!("127.0.0.1:{}", bad.port)), "{failed:?}");
    }
    assert_eq!((hangs_up.heads().len(), busy.heads().len()), (1, 1));
}

#[tokio::test]
async fn who_was_left_out_is_given_another_chance_and_is_back_when_it_answers() {
    let good = Backend::echo("").await;
    let port = nobody();
    let mut config = config();
    config.balance.eject_first = Duration::from_millis(100);
    let front = Front::start(config, &[instance(port, 9.0), good.instance(1.0)]).await;
    let mut clients = open(&front, 1).await;
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await.expect("the port");
    let accepted = async { listener.accept().await.expect("accepted") };
    let trying = async {
        loop {
            let mut client = front.connect().await;
            client.write_all(get("/ws/1", "").as_bytes()).await.expect("sent");
            clients.push(client);
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::select! {
        accepted = tokio::time::timeout(PATIENCE, accepted) => drop(accepted.expect("asked again in time")),
        () = trying => {}
    }
}

#[tokio::test]
async fn at_most_three_are_tried_and_the_last_answer_is_what_the_client_gets() {
    let busy = || {
        Backend::answering(
            "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 7\r\nContent-Length: 4\r\n\r\nbusy",
        )
    };
    let backends = [busy().await, busy().await, busy().await, busy().await, busy().await];
    let front = Front::before(&backends.iter().collect::<Vec<_>>()).await;
    let answer = front.exchange(get("/ws/1", "")).await;
    assert_eq!(status(&answer), 503);
    assert_eq!(line(&answer, "retry-after"), Some("7"));
    assert!(answer.ends_with("busy"), "{answer}");
    assert_eq!(shares(&backends).iter().sum::<usize>(), 3);
}

#[tokio::test]
async fn without_anybody_the_client_is_told_when_to_come_back() {
    let front = Front::start(config(), &[]).await;
    let answer = front.exchange(get("/ws/1", "")).await;
    assert_eq!(status(&answer), 503);
    let retry: u64 = line(&answer, "retry-after").and_then(|retry| retry.parse().ok()).expect("a time");
    assert!((1..=3).contains(&retry), "{answer}");

    let front = Front::start(config(), &[instance(nobody(), 1.0), instance(nobody(), 1.0)]).await;
    let answer = front.exchange(get("/ws/1", "")).await;
    assert_eq!(status(&answer), 502);
    assert!(line(&answer, "retry-after").is_some(), "{answer}");
}

/// A node that accepts connections and never says anything.
async fn hung() -> Backend {
    Backend::start(|_, stream| async move {
        std::future::pending::<()>().await;
        drop(stream);
    })
    .await
}

#[tokio::test]
async fn a_node_that_never_answers_costs_its_share_of_the_time_and_no_more() {
    let (hung, good) = (hung().await, Backend::echo("").await);
    let short = || {
        let mut config = config();
        config.tunnel.handshake_timeout = Duration::from_secs(3);
        config
    };
    let front = Front::start(short(), &[hung.instance(9.0), good.instance(1.0)]).await;
    let started = tokio::time::Instant::now();
    front.open("/ws/1").await;
    assert_eq!((hung.heads().len(), good.heads().len()), (1, 1));
    assert!(started.elapsed() >= Duration::from_millis(999), "{:?}", started.elapsed());
    front.open("/ws/2").await;
    assert_eq!(hung.heads().len(), 1, "it is left out");

    let front = Front::start(short(), &[hung.instance(1.0)]).await;
    let answer = front.exchange(get("/ws/1", "")).await;
    assert_eq!(status(&answer), 504, "{answer}");
}

#[tokio::test]
async fn a_gateway_starts_with_what_it_saved_while_the_registry_is_away() {
    let backend = Backend::echo("").await;
    let state = testkit::scratch::folder("gateway-state");
    let with_state = || {
        let mut config = config();
        config.state = Some(state.path().join("state"));
        config
    };
    let first = Front::start(with_state(), &[backend.instance(1.0)]).await;
    first.gateway.shutdown().await;

    let registry = MemoryRegistry::new();
    registry.cut();
    let second = Front::over(registry, with_state(), &[]).await;
    let ready = second.inside("/readyz").await;
    assert_eq!(status(&ready), 200, "{ready}");
    assert!(ready.contains("\"list\":\"saved\"") && ready.contains("\"up\":false"), "{ready}");
    second.open("/ws/1").await;

    let without = Front::over(second.registry.clone(), config(), &[]).await;
    let ready = without.inside("/readyz").await;
    assert_eq!(status(&ready), 503, "{ready}");
    assert!(ready.contains("\"list\":\"none\""), "{ready}");
    assert_eq!(status(&without.exchange(get("/ws/1", "")).await), 503);
    without.registry.mend();
    assert_eq!(status(&head_of_readyz(&without).await), 200);
}

async fn head_of_readyz(front: &Front) -> String {
    testkit::poll::until("ready once the registry is heard", PATIENCE, async || {
        let answer = front.inside("/readyz").await;
        if status(&answer) == 200 { Ok(answer) } else { Err(answer) }
    })
    .await
}

#[tokio::test]
async fn a_state_folder_that_cannot_be_used_stops_nothing() {
    let backend = Backend::echo("").await;
    let state = testkit::scratch::folder("gateway-state");
    std::fs::write(state.path().join("file"), "not a folder").expect("written");
    let mut config = config();
    config.state = Some(state.path().join("file"));
    let front = Front::start(config, &[backend.instance(1.0)]).await;
    let mut client = front.connect().await;
    client.write_all(get("/ws/1", "").as_bytes()).await.expect("sent");
    assert_eq!(status(&head(&mut client).await), 101);
}
