//! What an open tunnel costs. The only test of its program, so that nobody else's memory is counted.

#![allow(clippy::expect_used, reason = "a test that fails may panic")]

mod support;

use std::sync::{Arc, Mutex};

use support::{Backend, Front, accepted, config, expect};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const WARM_UP: usize = 100;
const TUNNELS: usize = 500;
const MESSAGE: [u8; 16 * 1024] = [7; 16 * 1024];
/// The gateway's two sockets and its task, and the two other ends, which live in this process too and have no buffers either.
/// One buffer of 8 KiB for each direction, as in `tokio::io::copy_bidirectional`, would be over it.
const BYTES_PER_TUNNEL_MAX: usize = 8 * 1024;

#[tokio::test]
async fn a_tunnel_that_is_idle_after_traffic_holds_no_buffers() {
    let held: Arc<Mutex<Vec<TcpStream>>> = Arc::default();
    let keep = Arc::clone(&held);
    let backend = Backend::start(move |head, mut stream| {
        let keep = Arc::clone(&keep);
        async move {
            stream.write_all(format!("{}\r\n", accepted(&head, "")).as_bytes()).await.expect("answered");
            let mut message = vec![0; MESSAGE.len()];
            stream.read_exact(&mut message).await.expect("read");
            stream.write_all(&message).await.expect("sent");
            keep.lock().expect("lock").push(stream);
        }
    })
    .await;
    let front = Front::start(config(), &[backend.instance(1.0)]).await;
    let mut clients = Vec::with_capacity(WARM_UP + TUNNELS);
    let mut before = 0;
    for number in 0..WARM_UP + TUNNELS {
        if number == WARM_UP {
            before = resident_bytes();
        }
        let mut client = front.open("/ws/1").await;
        client.write_all(&MESSAGE).await.expect("sent");
        expect(&mut client, &MESSAGE).await;
        clients.push(client);
    }
    let each = resident_bytes().saturating_sub(before) / TUNNELS;
    assert_eq!(front.gateway.tunnels(), WARM_UP + TUNNELS);
    assert!(each <= BYTES_PER_TUNNEL_MAX, "{each} bytes for each tunnel");
    println!("{each} bytes for each tunnel, its client and its node");
}

fn resident_bytes() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("a line");
    let kib: usize = line.trim().trim_end_matches(" kB").parse().expect("a number");
    kib * 1024
}
