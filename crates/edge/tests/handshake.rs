//! What arrives on a real socket, and what is answered: proper upgrades, smuggling attempts, slow and silent clients.

#![allow(clippy::expect_used, reason = "a test that fails may panic")]

use std::convert::Infallible;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use edge::{Answer, HandshakeLimits, Listener, Peer, Tasks, upgrade, upgraded};
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::service_fn;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

/// Longer than anything here may take; a test that waits this long has failed.
const PATIENCE: Duration = Duration::from_secs(10);
const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

/// A server that upgrades `/ws/...`, then echoes bytes; `/slow` waits until it is let go; the rest is 404.
struct Server {
    address: SocketAddr,
    tasks: Tasks,
    stop: CancellationToken,
    let_go: std::sync::Arc<Semaphore>,
}

fn start(limits: HandshakeLimits) -> Server {
    let listener = Listener::bind("127.0.0.1:0".parse().expect("an address")).expect("a port");
    let (tasks, stop) = (Tasks::new(), CancellationToken::new());
    let let_go = std::sync::Arc::new(Semaphore::new(0));
    let address = listener.address();
    let (echoes, gate) = (tasks.clone(), let_go.clone());
    let service = service_fn(move |request| respond(request, echoes.clone(), gate.clone()));
    listener.serve(limits, service, &tasks, stop.clone());
    Server { address, tasks, stop, let_go }
}

async fn respond(
    mut request: Request<Incoming>,
    tasks: Tasks,
    gate: std::sync::Arc<Semaphore>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    assert!(request.extensions().get::<Peer>().is_some_and(|peer| peer.remote.ip().is_loopback()));
    if request.uri().path() == "/slow" {
        gate.acquire().await.expect("open").forget();
    } else if !request.uri().path().starts_with("/ws/") {
        return Ok(Answer::not_found("nothing here").into_response());
    }
    let asked = match upgrade::check(&request) {
        Ok(asked) => asked,
        Err(answer) => return Ok(answer.into_response()),
    };
    let on_upgrade = hyper::upgrade::on(&mut request);
    tasks.spawn(async move {
        let (mut stream, already_read) = upgraded(on_upgrade).await.expect("a socket");
        stream.write_all(&already_read).await.expect("written");
        let (mut from, mut to) = tokio::io::split(stream);
        // A reset by the other side ends the echo just as well.
        tokio::io::copy(&mut from, &mut to).await.ok();
    });
    Ok(asked.response(asked.offered.first().map(String::as_str)))
}

async fn connect(server: &Server) -> TcpStream {
    TcpStream::connect(server.address).await.expect("connected")
}

/// Sends `request` and reads until the server closes.
async fn exchange(server: &Server, request: &[u8]) -> String {
    let mut stream = connect(server).await;
    stream.write_all(request).await.expect("sent");
    rest(&mut stream).await
}

async fn rest(stream: &mut TcpStream) -> String {
    let mut answer = Vec::new();
    timeout(PATIENCE, stream.read_to_end(&mut answer)).await.expect("closed in time").expect("no reset");
    String::from_utf8(answer).expect("text")
}

/// Reads exactly one response head.
async fn head(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(timeout(PATIENCE, stream.read_u8()).await.expect("in time").expect("a head"));
    }
    String::from_utf8(head).expect("text")
}

fn get(path: &str, more: &str) -> Vec<u8> {
    format!(
        "GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {KEY}\r\n{more}\r\n"
    )
    .into_bytes()
}

fn status(answer: &str) -> &str {
    answer.split(' ').nth(1).unwrap_or("none")
}

#[tokio::test]
async fn bytes_that_come_with_the_handshake_are_the_first_frames() {
    let server = start(HandshakeLimits::default());
    let mut stream = connect(&server).await;
    let mut request = get("/ws/1", "Content-Length: 0\r\nSec-WebSocket-Protocol: trunkline.v1\r\n");
    request.extend_from_slice(b"first frame");
    stream.write_all(&request).await.expect("sent");
    let head = head(&mut stream).await;
    assert_eq!(status(&head), "101");
    assert!(head.contains(&format!("sec-websocket-accept: {ACCEPT}")), "{head}");
    assert!(head.contains("sec-websocket-protocol: trunkline.v1"), "{head}");
    stream.write_all(b", second").await.expect("sent");
    stream.shutdown().await.expect("shut down");
    assert_eq!(rest(&mut stream).await, "first frame, second");
}

#[tokio::test]
async fn a_long_first_frame_behind_the_handshake_is_no_long_header() {
    let limits = HandshakeLimits { bytes_max: 1024, ..HandshakeLimits::default() };
    let server = start(limits);
    let mut stream = connect(&server).await;
    let mut request = get("/ws/1", "");
    let frame = vec![b'x'; 300_000];
    request.extend_from_slice(&frame);
    let (mut read, mut write) = stream.split();
    let sent = async {
        write.write_all(&request).await.expect("sent");
        write.shutdown().await.expect("shut down");
    };
    let mut answer = Vec::new();
    let ((), received) = tokio::join!(sent, timeout(PATIENCE, read.read_to_end(&mut answer)));
    received.expect("in time").expect("no reset");
    assert!(answer.ends_with(&frame), "{} bytes", answer.len());
}

#[tokio::test]
async fn a_request_that_can_be_read_in_two_ways_is_refused() {
    let server = start(HandshakeLimits::default());
    let upgrade = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
                   Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    let smuggled = "GET /ws/2 HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n";
    let cases = [
        ("two hosts", format!("GET /ws/1 HTTP/1.1\r\nHost: a\r\nHost: b\r\n{upgrade}\r\n")),
        ("no host", format!("GET /ws/1 HTTP/1.1\r\n{upgrade}\r\n")),
        (
            "length and chunks",
            format!(
                "GET /ws/1 HTTP/1.1\r\nHost: a\r\n{upgrade}Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n\
                 0\r\n\r\n{smuggled}"
            ),
        ),
        (
            "a body",
            format!(
                "GET /ws/1 HTTP/1.1\r\nHost: a\r\n{upgrade}Content-Length: {}\r\n\r\n{smuggled}",
                smuggled.len()
            ),
        ),
        (
            "two lengths",
            format!(
                "GET /ws/1 HTTP/1.1\r\nHost: a\r\n{upgrade}Content-Length: 0\r\nContent-Length: 5\r\n\r\n{smuggled}"
            ),
        ),
        (
            "chunks of another kind",
            format!("GET /ws/1 HTTP/1.1\r\nHost: a\r\n{upgrade}Transfer-Encoding: xchunked\r\n\r\n"),
        ),
        ("a folded line", format!("GET /ws/1 HTTP/1.1\r\nHost: a\r\n{upgrade}X-A: 1\r\n folded\r\n\r\n")),
        (
            "a space before the colon",
            format!("GET /ws/1 HTTP/1.1\r\nHost: a\r\n{upgrade}Content-Length : 5\r\n\r\n"),
        ),
        ("absolute form", format!("GET http://b/ws/1 HTTP/1.1\r\nHost: a\r\n{upgrade}\r\n")),
        ("an authority", format!("CONNECT b:80 HTTP/1.1\r\nHost: a\r\n{upgrade}\r\n")),
        ("an asterisk", format!("OPTIONS * HTTP/1.1\r\nHost: a\r\n{upgrade}\r\n")),
        ("a bare CR in a value", format!("GET /ws/1 HTTP/1.1\r\nHost: a\r\n{upgrade}X-A: 1\rX-B: 2\r\n\r\n")),
        ("a NUL in a value", format!("GET /ws/1 HTTP/1.1\r\nHost: a\r\n{upgrade}X-A: 1\0\r\n\r\n")),
        ("a space in the path", format!("GET /ws/1 HTTP/1.1 HTTP/1.1\r\nHost: a\r\n{upgrade}\r\n")),
    ];
    for (what, request) in cases {
        let answer = exchange(&server, request.as_bytes()).await;
        assert_eq!(status(&answer), "400", "{what}: {answer}");
        assert_eq!(answer.matches("HTTP/1.1").count(), 1, "{what}: more than one answer: {answer}");
    }
}

#[tokio::test]
async fn what_follows_a_refused_request_is_never_answered() {
    let server = start(HandshakeLimits::default());
    for path in ["/ws/1", "/elsewhere"] {
        let request = format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n");
        let answer = exchange(&server, request.repeat(2).as_bytes()).await;
        assert_eq!(answer.matches("HTTP/1.1 4").count(), 1, "{answer}");
        assert!(answer.contains(r#"{"error":{"code":""#), "{answer}");
    }
}

#[tokio::test]
async fn http_1_0_is_told_to_upgrade() {
    let server = start(HandshakeLimits::default());
    let request = String::from_utf8(get("/ws/1", "")).expect("text").replace("HTTP/1.1", "HTTP/1.0");
    let answer = exchange(&server, request.as_bytes()).await;
    assert_eq!(status(&answer), "426");
    assert!(answer.contains("upgrade: websocket"), "{answer}");
}

#[tokio::test]
async fn a_head_that_is_too_long_or_has_too_many_fields_is_answered_431() {
    let limits = HandshakeLimits { bytes_max: 2_000, fields_max: 16, ..HandshakeLimits::default() };
    let server = start(limits);
    let long = format!("X-Long: {}\r\n", "x".repeat(100_000));
    assert_eq!(status(&exchange(&server, &get("/ws/1", &long)).await), "431");
    let just_too_long = format!("X-Long: {}\r\n", "x".repeat(1_900));
    assert_eq!(status(&exchange(&server, &get("/ws/1", &just_too_long)).await), "431");
    assert_eq!(status(&exchange(&server, &get("/ws/1", &"X-Many: 1\r\n".repeat(20))).await), "431");

    let mut stream = connect(&server).await;
    let fits = format!("X-Long: {}\r\n{}", "x".repeat(1_500), "X-Many: 1\r\n".repeat(8));
    stream.write_all(&get("/ws/1", &fits)).await.expect("sent");
    assert_eq!(status(&head(&mut stream).await), "101");
}

#[tokio::test]
async fn a_client_that_sends_a_byte_now_and_then_is_answered_408_and_keeps_nobody_out() {
    let limits = HandshakeLimits {
        timeout: Duration::from_millis(600),
        in_flight_max: 4,
        ..HandshakeLimits::default()
    };
    let server = start(limits);
    let silent: Vec<_> = silent_sockets(&server, 50).await;
    let started = Instant::now();
    let mut stream = connect(&server).await;
    let (mut read, mut write) = stream.split();
    let dripping = async {
        for byte in get("/ws/1", "") {
            if write.write_all(&[byte]).await.is_err() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let mut answer = String::new();
    let reading = timeout(PATIENCE, read.read_to_string(&mut answer));
    let mut honest = connect(&server).await;
    let logging_in = async {
        honest.write_all(&get("/ws/1", "")).await.expect("sent");
        status(&head(&mut honest).await).to_owned()
    };
    let (read, logged_in) = tokio::select! {
        both = async { tokio::join!(reading, logging_in) } => both,
        () = dripping => panic!("the whole request was accepted after {:?}", started.elapsed()),
    };
    read.expect("closed in time").expect("no reset");
    assert_eq!(status(&answer), "408", "{answer}");
    assert!(started.elapsed() >= Duration::from_millis(590));
    assert_eq!(logged_in, "101");
    for mut stream in silent {
        assert_eq!(status(&rest(&mut stream).await), "408");
    }
}

async fn silent_sockets(server: &Server, number: usize) -> Vec<TcpStream> {
    let mut streams = Vec::new();
    for _ in 0..number {
        streams.push(connect(server).await);
    }
    streams
}

#[tokio::test]
async fn a_kept_alive_connection_that_falls_silent_is_closed_without_a_word() {
    let limits = HandshakeLimits { timeout: Duration::from_millis(300), ..HandshakeLimits::default() };
    let listener = Listener::bind("127.0.0.1:0".parse().expect("an address")).expect("a port");
    let address = listener.address();
    let service =
        service_fn(async |_| Ok::<_, Infallible>(Response::new(Full::new(Bytes::from_static(b"alive")))));
    listener.serve(limits, service, &Tasks::new(), CancellationToken::new());
    let mut stream = TcpStream::connect(address).await.expect("connected");
    stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n").await.expect("sent");
    let answer = rest(&mut stream).await;
    assert_eq!(status(&answer), "200");
    assert_eq!(answer.matches("HTTP/1.1").count(), 1, "{answer}");
}

#[tokio::test]
async fn too_many_handshakes_at_a_time_are_told_to_come_back() {
    let server = start(HandshakeLimits { in_flight_max: 1, ..HandshakeLimits::default() });
    let mut first = connect(&server).await;
    first.write_all(&get("/slow", "")).await.expect("sent");
    let refused = async {
        loop {
            let mut second = connect(&server).await;
            second.write_all(&get("/ws/1", "")).await.expect("sent");
            let head = head(&mut second).await;
            if status(&head) == "503" {
                return head;
            }
        }
    };
    let answer = timeout(PATIENCE, refused).await.expect("refused while one is under way");
    assert!(answer.contains("retry-after: 1"), "{answer}");
    let answer = exchange(&server, b"GET /elsewhere HTTP/1.1\r\nHost: a\r\n\r\n").await;
    assert_eq!(status(&answer), "404", "what asks for no WebSocket is not counted");
    server.let_go.add_permits(1);
    assert_eq!(status(&head(&mut first).await), "101");
    let mut third = connect(&server).await;
    third.write_all(&get("/ws/1", "")).await.expect("sent");
    assert_eq!(status(&head(&mut third).await), "101", "the place is free again");
}

#[tokio::test]
async fn a_handshake_whose_client_has_gone_gives_its_place_back() {
    let server = start(HandshakeLimits { in_flight_max: 1, ..HandshakeLimits::default() });
    let mut first = connect(&server).await;
    first.write_all(&get("/slow", "")).await.expect("sent");
    drop(first);
    let admitted = async {
        loop {
            let mut second = connect(&server).await;
            second.write_all(&get("/ws/1", "")).await.expect("sent");
            if status(&head(&mut second).await) == "101" {
                return;
            }
        }
    };
    timeout(PATIENCE, admitted).await.expect("admitted after the other has gone");
}

#[tokio::test]
async fn sockets_over_the_limit_are_closed_and_the_rest_are_served() {
    let server = start(HandshakeLimits { sockets_max: 2, ..HandshakeLimits::default() });
    let mut held = silent_sockets(&server, 2).await;
    // Accepted in order: by the time the third is closed, the two have their places.
    let mut third = connect(&server).await;
    let mut nothing = Vec::new();
    let closed = timeout(PATIENCE, third.read_to_end(&mut nothing)).await.expect("closed in time");
    assert!(closed.is_err() || nothing.is_empty());
    held[0].write_all(&get("/ws/1", "")).await.expect("sent");
    assert_eq!(status(&head(&mut held[0]).await), "101");
    let admitted = async {
        loop {
            let mut fourth = connect(&server).await;
            if fourth.write_all(&get("/ws/1", "")).await.is_ok()
                && fourth.read_u8().await.is_ok_and(|byte| byte == b'H')
            {
                return;
            }
        }
    };
    timeout(PATIENCE, admitted).await.expect("a WebSocket no longer counts as an open socket");
}

#[tokio::test]
async fn a_listener_that_stops_frees_its_port_and_finishes_what_it_began() {
    let server = start(HandshakeLimits::default());
    let mut idle = connect(&server).await;
    let mut slow = connect(&server).await;
    slow.write_all(&get("/slow", "")).await.expect("sent");
    // Accepted in order: an answer to a later one shows that the two are being served.
    exchange(&server, b"GET /elsewhere HTTP/1.1\r\nHost: a\r\n\r\n").await;
    server.stop.cancel();
    assert_eq!(rest(&mut idle).await, "");
    let freed = async {
        while Listener::bind(server.address).is_err() {
            tokio::task::yield_now().await;
        }
    };
    timeout(PATIENCE, freed).await.expect("the port is free");
    server.let_go.add_permits(1);
    assert_eq!(status(&head(&mut slow).await), "101");
    drop(slow);
    server.tasks.close();
    timeout(PATIENCE, server.tasks.wait()).await.expect("all tasks have ended");
}
