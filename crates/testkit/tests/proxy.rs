//! The proxy does to a connection what it was told, and nothing else.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests, and the helpers between them")]

use std::io::ErrorKind;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use testkit::poll;
use testkit::proxy::{Direction, Mode, Proxy};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};

const SOON: Duration = Duration::from_secs(10);
/// Long enough for bytes on loopback to arrive if they were let through.
const A_MOMENT: Duration = Duration::from_millis(100);

/// A server that gives back what it is sent, after its own name. It ends when the set is dropped.
async fn echo(name: &'static str, tasks: &mut JoinSet<()>) -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    tasks.spawn(async move {
        let mut connections = JoinSet::new();
        while let Ok((mut stream, _)) = listener.accept().await {
            connections.spawn(async move {
                let (mut from, mut to) = stream.split();
                to.write_all(name.as_bytes()).await.ok();
                tokio::io::copy(&mut from, &mut to).await.ok();
                to.shutdown().await.ok();
            });
        }
    });
    address
}

/// An echo behind a proxy, and one connection to it that has seen the server's name.
async fn connected() -> (Proxy, TcpStream, JoinSet<()>) {
    let mut tasks = JoinSet::new();
    let proxy = Proxy::start(echo("a", &mut tasks).await);
    let mut stream = TcpStream::connect(proxy.address()).await.unwrap();
    assert_eq!(read(&mut stream, 1).await, b"a");
    (proxy, stream, tasks)
}

async fn read(stream: &mut TcpStream, length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    timeout(SOON, stream.read_exact(&mut bytes)).await.expect("bytes in time").expect("bytes");
    bytes
}

async fn nothing_arrives(stream: &mut TcpStream) {
    let mut byte = [0];
    let read = timeout(A_MOMENT, stream.read(&mut byte)).await;
    assert!(read.is_err(), "something arrived: {read:?}");
}

async fn is_reset(stream: &mut TcpStream) {
    let mut rest = Vec::new();
    let read = timeout(SOON, stream.read_to_end(&mut rest)).await.expect("an end in time");
    assert_eq!(read.expect_err("a reset, not an end").kind(), ErrorKind::ConnectionReset);
}

#[tokio::test]
async fn bytes_pass_and_are_counted() {
    let (proxy, mut stream, _echo) = connected().await;
    stream.write_all(b"hello").await.unwrap();
    assert_eq!(read(&mut stream, 5).await, b"hello");
    let counters = proxy.counters();
    assert_eq!((counters.accepted, counters.open, counters.unreachable), (1, 1, 0));
    assert_eq!((counters.bytes_to_server, counters.bytes_to_client), (5, 6));
    stream.shutdown().await.unwrap();
    assert_eq!(timeout(SOON, stream.read(&mut [0])).await.unwrap().unwrap(), 0, "the end passes too");
    poll::until("no connection is open", SOON, async || proxy.counters().open == 0).await;
}

#[tokio::test]
async fn a_large_transfer_arrives_whole_and_in_order() {
    let (_proxy, stream, _echo) = connected().await;
    let sent: Vec<u8> = (0..3_000_000_u32).map(|n| (n % 251) as u8).collect();
    let (mut from, mut to) = stream.into_split();
    let mut received = Vec::new();
    let write = async {
        to.write_all(&sent).await.unwrap();
        to.shutdown().await.unwrap();
    };
    let all = async { tokio::join!(write, from.read_to_end(&mut received)) };
    timeout(SOON, all).await.unwrap().1.unwrap();
    assert!(received == sent);
}

#[tokio::test]
async fn a_stall_holds_bytes_back_and_loses_none() {
    let (proxy, mut stream, _echo) = connected().await;
    proxy.set(Direction::ToServer, Mode::Stall);
    stream.write_all(b"held").await.unwrap();
    nothing_arrives(&mut stream).await;
    assert_eq!(proxy.counters().bytes_to_server, 0);
    proxy.set(Direction::ToServer, Mode::Pass);
    assert_eq!(read(&mut stream, 4).await, b"held");
    proxy.set(Direction::ToClient, Mode::Stall);
    stream.write_all(b"back").await.unwrap();
    nothing_arrives(&mut stream).await;
    assert_eq!(proxy.counters().bytes_to_server, 8);
    proxy.heal().await;
    assert_eq!(read(&mut stream, 4).await, b"back");
}

#[tokio::test]
async fn a_delay_is_paid_once_by_bytes_sent_together() {
    let (proxy, mut stream, _echo) = connected().await;
    let delay = Duration::from_millis(300);
    proxy.set(Direction::ToClient, Mode::Delay(delay));
    let start = Instant::now();
    for _ in 0..10 {
        stream.write_all(b"x").await.unwrap();
        tokio::task::yield_now().await;
    }
    assert_eq!(read(&mut stream, 10).await, b"xxxxxxxxxx");
    let took = start.elapsed();
    assert!(took >= delay && took < delay * 8, "took {took:?}");
}

#[tokio::test]
async fn a_throttled_direction_is_slow_and_the_other_is_not() {
    let (proxy, mut stream, _echo) = connected().await;
    proxy.set(Direction::ToClient, Mode::Throttle(10_000));
    let start = Instant::now();
    stream.write_all(&[7; 6000]).await.unwrap();
    poll::until("the other direction is done", SOON, async || proxy.counters().bytes_to_server == 6000).await;
    assert!(proxy.counters().bytes_to_client < 6000, "both directions were throttled, or none");
    read(&mut stream, 6000).await;
    let took = start.elapsed();
    assert!(took >= Duration::from_millis(500), "took {took:?}");
}

#[tokio::test]
async fn a_cut_resets_the_open_connections_and_takes_new_ones() {
    let (proxy, mut stream, _echo) = connected().await;
    proxy.cut();
    is_reset(&mut stream).await;
    let mut again = TcpStream::connect(proxy.address()).await.unwrap();
    assert_eq!(read(&mut again, 1).await, b"a");
}

#[tokio::test]
async fn a_half_close_ends_one_direction_only() {
    let (proxy, mut stream, _echo) = connected().await;
    stream.write_all(b"before").await.unwrap();
    assert_eq!(read(&mut stream, 6).await, b"before");
    proxy.set(Direction::ToClient, Mode::HalfClose);
    assert_eq!(timeout(SOON, stream.read(&mut [0])).await.unwrap().unwrap(), 0);
    stream.write_all(b"after").await.unwrap();
    poll::until("the server gets it", SOON, async || proxy.counters().bytes_to_server == 11).await;
}

#[tokio::test]
async fn a_connection_is_reset_after_so_many_bytes() {
    let (proxy, mut stream, _echo) = connected().await;
    proxy.set(Direction::ToServer, Mode::DropAfter(4));
    stream.write_all(b"abcdef").await.unwrap();
    is_reset(&mut stream).await;
    assert_eq!(proxy.counters().bytes_to_server, 4);
}

#[tokio::test]
async fn refusing_is_seen_by_connect_and_ends_on_the_same_port() {
    let (proxy, mut stream, _echo) = connected().await;
    for _ in 0..20 {
        proxy.refuse().await;
        let refused = TcpStream::connect(proxy.address()).await.expect_err("nobody listens");
        assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
        proxy.accept().await;
        let mut new = TcpStream::connect(proxy.address()).await.unwrap();
        assert_eq!(read(&mut new, 1).await, b"a");
    }
    stream.write_all(b"x").await.unwrap();
    assert_eq!(read(&mut stream, 1).await, b"x", "refusing leaves open connections alone");
    proxy.take_down().await;
    is_reset(&mut stream).await;
}

#[tokio::test]
async fn the_server_behind_it_may_be_exchanged() {
    let mut tasks = JoinSet::new();
    let proxy = Proxy::start(echo("a", &mut tasks).await);
    let mut first = TcpStream::connect(proxy.address()).await.unwrap();
    assert_eq!(read(&mut first, 1).await, b"a");
    proxy.retarget(echo("b", &mut tasks).await);
    let mut second = TcpStream::connect(proxy.address()).await.unwrap();
    assert_eq!(read(&mut second, 1).await, b"b");
    first.write_all(b"x").await.unwrap();
    assert_eq!(read(&mut first, 1).await, b"x", "the open one stays where it was");
}

#[tokio::test]
async fn a_server_that_is_away_resets_its_client() {
    let nowhere = (Ipv4Addr::LOCALHOST, testkit::ports::free()).into();
    let proxy = Proxy::start(nowhere);
    // The reset may come before `connect` returns.
    match TcpStream::connect(proxy.address()).await {
        Ok(mut stream) => is_reset(&mut stream).await,
        Err(error) => assert_eq!(error.kind(), ErrorKind::ConnectionReset),
    }
    poll::until("it is counted", SOON, async || proxy.counters().unreachable == 1).await;
}

#[test]
fn a_proxy_serves_more_than_one_runtime() {
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let mut tasks = JoinSet::new();
    let outer = runtime();
    let proxy = outer.block_on(async { Proxy::start(echo("a", &mut tasks).await) });
    let address = proxy.address();
    let inner = std::thread::spawn(move || {
        runtime().block_on(async { TcpStream::connect(address).await.map(|_| ()) })
    });
    inner.join().unwrap().unwrap();
    assert_eq!(proxy.address(), address);
}
