//! What passes through a gateway, what does not, and how a tunnel ends.

#![allow(clippy::expect_used, reason = "a test that fails may panic")]

mod support;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use gateway::events::Ended;
use support::{Backend, Front, PATIENCE, accepted, config, echo, expect, get, head, line, rest, status};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

#[tokio::test]
async fn bytes_behind_both_handshakes_arrive_first_in_both_directions() {
    let backend = Backend::echo("greeting ").await;
    let front = Front::before(&[&backend]).await;
    let mut client = front.connect().await;
    client.write_all(format!("{}first ", get("/ws/1", "")).as_bytes()).await.expect("sent");
    let head = head(&mut client).await;
    assert_eq!(line(&head, "sec-websocket-accept"), Some("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="));
    expect(&mut client, b"greeting first ").await;
    client.write_all(b"second").await.expect("sent");
    expect(&mut client, b"second").await;
}

#[tokio::test]
async fn percent_escapes_and_the_query_pass_byte_for_byte() {
    let backend = Backend::echo("").await;
    let front = Front::before(&[&backend]).await;
    for (asked, seen) in [
        ("/websocket-demo/ws/1", "/ws/1"),
        ("/websocket-demo/ws/a%40b%2Fc%zz?token=a%2Bb+c&x=%00", "/ws/a%40b%2Fc%zz?token=a%2Bb+c&x=%00"),
        ("/websocket%2Ddemo//ws/1;v=1/", "/ws/1;v=1/"),
        ("/ws//1?", "/ws//1?"),
        ("/ws/%E5%BC%A0", "/ws/%E5%BC%A0"),
    ] {
        front.open(asked).await;
        let heads = backend.heads();
        let request = heads.last().and_then(|head| head.lines().next()).expect("a request");
        assert_eq!(request, format!("GET {seen} HTTP/1.1"));
    }
}

#[tokio::test]
async fn the_node_gets_a_request_that_was_built_anew() {
    let backend = Backend::echo("").await;
    let front = Front::before(&[&backend]).await;
    let more = "Origin: https://app.example\r\nAuthorization: Bearer x\r\nX-Forwarded-For: 198.51.100.1\r\n\
                X-User-Id: 7\r\nKeep-Alive: timeout=5\r\nContent-Length: 0\r\n\
                Sec-WebSocket-Extensions: permessage-deflate\r\n";
    let mut client = front.connect().await;
    client.write_all(get("/ws/1", more).as_bytes()).await.expect("sent");
    assert_eq!(status(&head(&mut client).await), 101);
    let request = backend.heads().remove(0);
    let host = backend.address.to_string();
    for (name, value) in [
        ("host", Some(host.as_str())),
        ("origin", Some("https://app.example")),
        ("authorization", Some("Bearer x")),
        ("x-forwarded-for", Some("127.0.0.1")),
        ("x-forwarded-host", Some("gateway.example")),
        ("x-forwarded-proto", Some("http")),
        ("sec-websocket-extensions", Some("permessage-deflate")),
        ("x-user-id", None),
        ("keep-alive", None),
        ("content-length", None),
    ] {
        assert_eq!(line(&request, name), value, "{name} in {request}");
    }
}

#[tokio::test]
async fn the_client_gets_the_subprotocol_that_the_node_chose_and_none_if_it_chose_none() {
    for (chosen, seen) in [("Sec-WebSocket-Protocol: b\r\n", Some("b")), ("", None)] {
        let backend = Backend::start(move |head, mut stream| async move {
            let answer = format!(
                "{}Content-Length: 5\r\nTransfer-Encoding: chunked\r\nSet-Cookie: a=1\r\n\r\n",
                accepted(&head, chosen)
            );
            stream.write_all(answer.as_bytes()).await.expect("answered");
            echo(stream).await;
        })
        .await;
        let front = Front::before(&[&backend]).await;
        let mut client = front.connect().await;
        let more = "Sec-WebSocket-Protocol: a, b\r\nSec-WebSocket-Protocol: bearer.x\r\n";
        client.write_all(get("/ws/1", more).as_bytes()).await.expect("sent");
        let answer = head(&mut client).await;
        assert_eq!(line(&answer, "sec-websocket-protocol"), seen);
        assert_eq!(line(&answer, "content-length"), None, "{answer}");
        assert_eq!(line(&answer, "transfer-encoding"), None, "{answer}");
        assert_eq!(line(&answer, "set-cookie"), Some("a=1"));
        assert_eq!(line(&backend.heads()[0], "sec-websocket-protocol"), Some("a, b, bearer.x"));
        client.write_all(b"hello").await.expect("sent");
        expect(&mut client, b"hello").await;
    }
}

#[tokio::test]
async fn what_is_no_proper_upgrade_reaches_no_node() {
    let backend = Backend::echo("").await;
    let front = Front::before(&[&backend]).await;
    let smuggled = "GET /ws/2 HTTP/1.1\r\nHost: a\r\n\r\n";
    let plain = "GET /ws/1 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    let upgrade = get("/ws/1", "");
    let cases = [
        (426, "no upgrade", plain.to_owned()),
        (426, "another method without upgrade", plain.replace("GET", "POST")),
        (426, "HTTP/1.0", upgrade.replace("HTTP/1.1", "HTTP/1.0")),
        (426, "an old version", upgrade.replace("Version: 13", "Version: 8")),
        (405, "POST", upgrade.replace("GET", "POST")),
        (400, "a short key", upgrade.replace("dGhlIHNhbXBsZSBub25jZQ==", "c2hvcnQ=")),
        (
            400,
            "a body",
            format!("{}{smuggled}", get("/ws/1", &format!("Content-Length: {}\r\n", smuggled.len()))),
        ),
        (400, "chunks", format!("{}0\r\n\r\n{smuggled}", get("/ws/1", "Transfer-Encoding: chunked\r\n"))),
        (
            400,
            "length and chunks",
            format!(
                "{}0\r\n\r\n{smuggled}",
                get("/ws/1", "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n")
            ),
        ),
        (400, "two hosts", get("/ws/1", "Host: other\r\n")),
        (400, "a folded line", get("/ws/1", "X-A: 1\r\n folded\r\n")),
        (400, "absolute form", upgrade.replace("GET /ws/1", "GET http://other/ws/1")),
        (400, "dots", upgrade.replace("/ws/1", "/ws/../admin")),
        (400, "escaped dots", upgrade.replace("/ws/1", "/ws/%2e%2E/admin")),
        (404, "no route", upgrade.replace("/ws/1", "/elsewhere")),
        (404, "a longer name", upgrade.replace("/ws/1", "/wsx/1")),
    ];
    for (wanted, what, request) in cases {
        let answer = front.exchange(&request).await;
        assert_eq!(status(&answer), wanted, "{what}: {answer}");
        assert_eq!(
            answer.lines().filter(|line| line.starts_with("HTTP/1.")).count(),
            1,
            "{what}: one answer, not {answer}"
        );
    }
    assert_eq!(backend.heads().len(), 0);
}

#[tokio::test]
async fn after_anything_but_a_proper_101_there_is_no_tunnel() {
    let answers = [
        (
            426,
            "HTTP/1.1 426 Upgrade Required\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nContent-Length: 0\r\n\r\n",
        ),
        (200, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"),
        (502, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"),
        (
            502,
            "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Accept: AAAAAAAAAAAAAAAAAAAAAAAAAAA=\r\n\r\n",
        ),
        (
            502,
            "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\
             Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n",
        ),
        (502, "this is not HTTP at all\r\n\r\n"),
        (502, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort"),
    ];
    for (wanted, answer) in answers {
        let after = Arc::new(Mutex::new(None));
        let seen = Arc::clone(&after);
        let backend = Backend::start(move |_, mut stream| {
            let seen = Arc::clone(&seen);
            async move {
                stream.write_all(answer.as_bytes()).await.expect("answered");
                if answer.ends_with("short") {
                    return;
                }
                let mut more = Vec::new();
                stream.read_to_end(&mut more).await.ok();
                *seen.lock().expect("lock") = Some(more);
            }
        })
        .await;
        let front = Front::before(&[&backend]).await;
        let smuggled = "GET /api/v1/users/1 HTTP/1.1\r\nHost: a\r\n\r\n";
        let response = front.exchange(format!("{}{smuggled}", get("/ws/1", ""))).await;
        assert_eq!(status(&response), wanted, "{answer}: {response}");
        assert_eq!(response.matches("HTTP/1.1 ").count(), 1, "one answer, not {response}");
        if !answer.ends_with("short") {
            testkit::poll::until("the node's socket is closed", PATIENCE, async || {
                after.lock().expect("lock").as_ref().map(Vec::len)
            })
            .await;
            assert_eq!(
                after.lock().expect("lock").as_deref(),
                Some(&b""[..]),
                "nothing went down the tunnel"
            );
        }
        assert_eq!(backend.heads().len(), 1);
        assert_eq!(front.gateway.tunnels(), 0);
    }
}

#[tokio::test]
async fn a_nodes_own_answer_goes_to_the_client_as_it_is() {
    let body = r#"{"error":{"code":"unauthorized","reason":"no token"}}"#;
    let backend = Backend::answering(format!(
        "HTTP/1.1 401 Unauthorized\r\nContent-Type: application/json\r\nWWW-Authenticate: Bearer\r\n\
         Keep-Alive: timeout=9\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    ))
    .await;
    let front = Front::before(&[&backend]).await;
    let answer = front.exchange(get("/ws/1", "")).await;
    assert_eq!(status(&answer), 401);
    assert!(answer.ends_with(body), "{answer}");
    assert_eq!(line(&answer, "www-authenticate"), Some("Bearer"));
    assert_eq!(line(&answer, "keep-alive"), None);
    assert_eq!(line(&answer, "connection"), Some("close"));
}

#[tokio::test]
async fn when_one_side_closes_the_other_is_closed_and_nothing_before_it_is_lost() {
    let backend = Backend::start(|head, mut stream| async move {
        stream.write_all(format!("{}\r\n", accepted(&head, "")).as_bytes()).await.expect("answered");
        let mut heard = String::new();
        stream.read_to_string(&mut heard).await.expect("read");
        stream.write_all(format!("heard {heard}").as_bytes()).await.expect("sent");
    })
    .await;
    let front = Front::before(&[&backend]).await;
    let mut client = front.open("/ws/1").await;
    client.write_all(b"last words").await.expect("sent");
    client.shutdown().await.expect("shut down");
    assert_eq!(rest(&mut client).await, "heard last words");
    front.until_ended(&[Ended::Closed]).await;
}

#[tokio::test]
async fn a_side_that_does_not_close_after_the_other_is_cut() {
    let backend = Backend::start(|head, mut stream| async move {
        stream.write_all(format!("{}\r\n", accepted(&head, "")).as_bytes()).await.expect("answered");
        // Goes on for as long as somebody takes it.
        while stream.write_all(b".").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
    let mut config = config();
    config.tunnel.half_close_timeout = Duration::from_millis(300);
    let front = Front::start(config, &[backend.instance(1.0)]).await;
    let mut client = front.open("/ws/1").await;
    client.shutdown().await.expect("shut down");
    let mut dots = Vec::new();
    timeout(PATIENCE, client.read_to_end(&mut dots)).await.expect("closed in time").ok();
    front.until_ended(&[Ended::HalfClosed]).await;
}

#[tokio::test]
async fn a_side_that_is_reset_takes_the_other_with_it() {
    let backend = Backend::start(|head, mut stream| async move {
        stream.write_all(format!("{}\r\n", accepted(&head, "")).as_bytes()).await.expect("answered");
        // Unread bytes in the socket make its end a reset.
        stream.readable().await.expect("readable");
    })
    .await;
    let front = Front::before(&[&backend]).await;
    let mut client = front.open("/ws/1").await;
    client.write_all(b"never read").await.expect("sent");
    let mut nothing = Vec::new();
    timeout(PATIENCE, client.read_to_end(&mut nothing)).await.expect("closed in time").ok();
    assert!(nothing.is_empty());
    drop(client);
    testkit::poll::until("no tunnel is left", PATIENCE, async || front.gateway.tunnels() == 0).await;
}

#[tokio::test]
async fn a_client_that_takes_nothing_holds_the_node_back_and_is_cut_in_the_end() {
    let written = Arc::new(Mutex::new(0usize));
    let counter = Arc::clone(&written);
    let backend = Backend::start(move |head, mut stream| {
        let counter = Arc::clone(&counter);
        async move {
            stream.write_all(format!("{}\r\n", accepted(&head, "")).as_bytes()).await.expect("answered");
            while let Ok(bytes) = stream.write(&[7; 16 * 1024]).await {
                *counter.lock().expect("lock") += bytes;
            }
        }
    })
    .await;
    let mut config = config();
    config.tunnel.stall_timeout = Duration::from_millis(500);
    let front = Front::start(config, &[backend.instance(1.0)]).await;
    let client = front.open("/ws/1").await;
    front.until_ended(&[Ended::Stalled]).await;
    let held = *written.lock().expect("lock");
    // What the four socket buffers of the kernel take, and 64 KiB of ours.
    assert!(held < 32 * 1024 * 1024, "{held} bytes were taken from the node");
    drop(client);
}

#[tokio::test]
async fn much_passes_both_ways_at_once_unchanged_also_when_a_side_is_slow() {
    let backend = Backend::echo("").await;
    let front = Front::before(&[&backend]).await;
    let mut client = front.open("/ws/1").await;
    let sent: Vec<u8> = (0..12_000_000u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let (mut read, mut write) = client.split();
    let writing = async {
        write.write_all(&sent).await.expect("sent");
        write.shutdown().await.expect("shut down");
    };
    let reading = async {
        let mut received = Vec::with_capacity(sent.len());
        let mut part = vec![0; 100_000];
        loop {
            let bytes = timeout(PATIENCE, read.read(&mut part)).await.expect("in time").expect("read");
            if bytes == 0 {
                return received;
            }
            received.extend_from_slice(&part[..bytes]);
            if received.len() % 7 == 0 {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        }
    };
    let ((), received) = tokio::join!(writing, reading);
    assert!(received == sent, "{} of {} bytes, or others", received.len(), sent.len());
    front.until_ended(&[Ended::Closed]).await;
}

#[tokio::test]
async fn a_client_that_is_gone_before_the_answer_leaves_nothing_behind() {
    let closed = Arc::new(Mutex::new(0));
    let counter = Arc::clone(&closed);
    let backend = Backend::start(move |_, mut stream| {
        let counter = Arc::clone(&counter);
        async move {
            // Never answers; waits until the gateway hangs up.
            let mut nothing = Vec::new();
            stream.read_to_end(&mut nothing).await.ok();
            *counter.lock().expect("lock") += 1;
        }
    })
    .await;
    let front = Front::before(&[&backend]).await;
    let mut client = front.connect().await;
    client.write_all(get("/ws/1", "").as_bytes()).await.expect("sent");
    testkit::poll::until("the node is asked", PATIENCE, async || backend.heads().len() == 1).await;
    drop(client);
    testkit::poll::until("the node's socket is closed", PATIENCE, async || {
        *closed.lock().expect("lock") == 1
    })
    .await;
    assert_eq!(front.gateway.tunnels(), 0);
}

#[tokio::test]
async fn connections_of_one_address_have_a_limit() {
    let backend = Backend::echo("").await;
    let mut config = config();
    config.limits = Arc::new(wire::limits::Limits { sessions_per_address_max: 2, ..Default::default() });
    let front = Front::start(config, &[backend.instance(1.0)]).await;
    let first = front.open("/ws/1").await;
    let _second = front.open("/ws/2").await;
    let refused = front.exchange(get("/ws/3", "")).await;
    assert_eq!(status(&refused), 429);
    assert!(line(&refused, "retry-after").is_some(), "{refused}");
    drop(first);
    testkit::poll::until("a place is free again", PATIENCE, async || {
        let mut client = front.connect().await;
        client.write_all(get("/ws/3", "").as_bytes()).await.expect("sent");
        let answer = head(&mut client).await;
        if status(&answer) == 101 { Ok(()) } else { Err(answer) }
    })
    .await;
}
