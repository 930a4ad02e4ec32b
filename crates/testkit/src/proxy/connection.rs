//! One connection through the proxy, from accept to its end.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, PoisonError};

use tokio::net::TcpStream;

use super::{Shared, pump};

/// The connection must be reset, not closed.
#[derive(Debug)]
pub(super) struct Reset;

/// Counts a connection as open while it lives.
struct Open<'a>(&'a AtomicU64);

impl<'a> Open<'a> {
    fn new(count: &'a AtomicU64) -> Self {
        count.fetch_add(1, Relaxed);
        Self(count)
    }
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
    }
}

/// Connects to the target and carries bytes until both directions have ended, or one is reset.
pub(super) async fn relay(mut client: TcpStream, shared: Arc<Shared>) {
    let mut cuts = shared.cuts.subscribe();
    shared.accepted.fetch_add(1, Relaxed);
    let _open = Open::new(&shared.open);
    let target = *shared.target.lock().unwrap_or_else(PoisonError::into_inner);
    let connected = tokio::select! {
        connected = TcpStream::connect(target) => connected.ok(),
        // A server that stands still with a full backlog answers no connect.
        _ = cuts.changed() => None,
    };
    let Some(mut server) = connected else {
        shared.unreachable.fetch_add(1, Relaxed);
        reset(&client);
        return;
    };
    client.set_nodelay(true).ok();
    server.set_nodelay(true).ok();
    let ended = {
        let (from_client, to_client) = client.split();
        let (from_server, to_server) = server.split();
        let up = pump::carry(from_client, to_server, shared.to_server.subscribe(), &shared.bytes_to_server);
        let down = pump::carry(from_server, to_client, shared.to_client.subscribe(), &shared.bytes_to_client);
        tokio::select! {
            ended = async { tokio::try_join!(up, down) } => ended.map(|_| ()),
            _ = cuts.changed() => Err(Reset),
        }
    };
    if ended.is_err() {
        reset(&client);
        reset(&server);
    }
}

/// Makes the close that follows an RST.
fn reset(stream: &TcpStream) {
    stream.set_zero_linger().ok();
}
