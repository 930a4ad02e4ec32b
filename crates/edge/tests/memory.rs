//! The same listener without a system under it: connections in memory, under paused time.

#![allow(clippy::expect_used, reason = "a test that fails may panic")]

use std::convert::Infallible;
use std::io::ErrorKind;
use std::net::SocketAddr;

use bytes::Bytes;
use edge::{Answer, Dialer, HandshakeLimits, Listener, MemorySocket, Peer, Tasks, upgrade, upgraded};
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::service_fn;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

const REQUEST: &str = "GET /ws/1 HTTP/1.1\r\nHost: node\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
    Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

struct Server {
    dialer: Dialer,
    limits: HandshakeLimits,
    tasks: Tasks,
    stop: CancellationToken,
}

/// A server that upgrades `/ws/...`, then says who asks and echoes 16 bytes; the rest is 404.
fn start() -> Server {
    let (listener, dialer) = Listener::memory(address(80), 1_024);
    let (limits, tasks, stop) = (HandshakeLimits::default(), Tasks::new(), CancellationToken::new());
    let echoes = tasks.clone();
    let service = service_fn(move |request| respond(request, echoes.clone()));
    listener.serve(limits.clone(), service, &tasks, stop.clone());
    Server { dialer, limits, tasks, stop }
}

async fn respond(mut request: Request<Incoming>, tasks: Tasks) -> Result<Response<Full<Bytes>>, Infallible> {
    let peer = *request.extensions().get::<Peer>().expect("a peer");
    let Ok(asked) = upgrade::check(&request) else {
        return Ok(Answer::not_found("nothing here").into_response());
    };
    let on_upgrade = hyper::upgrade::on(&mut request);
    tasks.spawn(async move {
        let (mut socket, first) = upgraded(on_upgrade).await.expect("a socket");
        socket.write_all(format!("{} {}\n", peer.remote, peer.local).as_bytes()).await.expect("written");
        let mut said = first.to_vec();
        let mut rest = vec![0; 16 - said.len()];
        socket.read_exact(&mut rest).await.expect("read");
        said.extend(rest);
        socket.write_all(&said).await.expect("written");
    });
    Ok(asked.response(None))
}

fn address(port: u16) -> SocketAddr {
    SocketAddr::from(([10, 0, 0, 1], port))
}

async fn rest(client: &mut MemorySocket) -> String {
    let mut answer = String::new();
    client.read_to_string(&mut answer).await.expect("text and an end");
    answer
}

#[tokio::test(start_paused = true)]
async fn a_connection_in_memory_becomes_a_websocket_and_keeps_what_came_with_the_handshake() {
    let server = start();
    let mut client = server.dialer.connect(address(4_711)).expect("connected");
    client.write_all(format!("{REQUEST}12345678").as_bytes()).await.expect("sent");
    client.write_all(b"90abcdef").await.expect("sent");
    let answer = rest(&mut client).await;
    assert!(answer.starts_with("HTTP/1.1 101 "), "{answer}");
    assert!(answer.ends_with("10.0.0.1:4711 10.0.0.1:80\n1234567890abcdef"), "{answer}");
}

#[tokio::test(start_paused = true)]
async fn deadlines_are_those_of_the_paused_clock() {
    let server = start();
    let began = Instant::now();
    let mut client = server.dialer.connect(address(4_711)).expect("connected");
    client.write_all(b"GET / HT").await.expect("sent");
    assert!(rest(&mut client).await.starts_with("HTTP/1.1 408 "));
    assert!(began.elapsed() >= server.limits.timeout && began.elapsed() < server.limits.timeout * 2);
}

#[tokio::test(start_paused = true)]
async fn nobody_connects_to_a_listener_that_has_stopped() {
    let server = start();
    server.stop.cancel();
    server.tasks.close();
    server.tasks.wait().await;
    let refused = server.dialer.connect(address(4_711)).expect_err("nobody listens");
    assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
}
