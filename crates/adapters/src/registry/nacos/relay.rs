//! The way from the SDK to a Nacos: a loopback listener that is always there, and hands each connection on to a server that can be reached.
//!
//! The SDK doubles its pause up to 64 s while it cannot connect, and nothing shortens that: after a restart of Nacos, nodes would be missing
//! for a minute. Here it always can: while every server is away, its connection is held, and handed on within a second of a server's return.
//! It also picks among several servers, which the SDK does once and badly. Bytes are passed on as they are.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use ports::Chance;
use tokio::io::{AsyncWriteExt, copy};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

/// Nacos' gRPC port is its HTTP port plus this.
const GRPC_OFFSET: u16 = 1_000;
/// Connections of one process: one reads, and one for each announced instance; the rest are on their way out.
const CONNECTIONS_MAX: usize = 64;
/// One attempt to reach a server.
const CONNECT_LIMIT: Duration = Duration::from_secs(1);
/// Between two rounds over all servers.
const ROUND_PAUSE: Duration = Duration::from_millis(500);
/// After one direction has ended the other one is worth waiting for only so long.
const LINGER: Duration = Duration::from_secs(2);
/// After the system refused to accept, as when it is out of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// The listener, and where it leads to.
pub(super) struct Relay {
    listener: TcpListener,
    servers: Arc<[String]>,
}

impl Relay {
    /// Listens on a free port of loopback; `servers` are `host:port` of the HTTP interfaces.
    pub(super) async fn open(servers: &[String]) -> std::io::Result<Relay> {
        let servers = servers.iter().filter_map(|server| grpc_address(server)).collect();
        Ok(Relay { listener: TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?, servers })
    }

    pub(super) fn port(&self) -> std::io::Result<u16> {
        Ok(self.listener.local_addr()?.port())
    }

    /// Relays for as long as it is polled; with it all connections end.
    pub(super) async fn run(self) {
        let mut connections = JoinSet::new();
        loop {
            match self.listener.accept().await {
                Ok((client, _)) if connections.len() < CONNECTIONS_MAX => {
                    connections.spawn(relay(client, self.servers.clone()));
                }
                Ok(_too_many) => tracing::warn!("more than {CONNECTIONS_MAX} connections to Nacos"),
                Err(error) => {
                    tracing::warn!("no connection to Nacos: {error}");
                    sleep(ACCEPT_PAUSE).await;
                }
            }
            while connections.try_join_next().is_some() {}
        }
    }
}

/// `host:8848` is `host:9848` for gRPC.
fn grpc_address(server: &str) -> Option<String> {
    let (host, port) = server.rsplit_once(':')?;
    let port = port.parse::<u16>().ok()?.checked_add(GRPC_OFFSET)?;
    Some(format!("{host}:{port}"))
}

async fn relay(client: TcpStream, servers: Arc<[String]>) {
    let server = reach(&servers).await;
    // Small requests and answers alternate; without this each waits 40 ms for an acknowledgement. It is only faster, so an error is no matter.
    client.set_nodelay(true).ok();
    server.set_nodelay(true).ok();
    let (client_read, client_write) = client.into_split();
    let (server_read, server_write) = server.into_split();
    let mut there = std::pin::pin!(pass(client_read, server_write));
    let mut back = std::pin::pin!(pass(server_read, client_write));
    // What a direction ended with is seen by the SDK, which asks no more than that it has ended.
    tokio::select! {
        () = &mut there => drop(timeout(LINGER, back).await),
        () = &mut back => drop(timeout(LINGER, there).await),
    }
}

/// Connects to one of the servers, however long they are all away; begins with any of them, so that nodes spread over a cluster.
async fn reach(servers: &[String]) -> TcpStream {
    let count = u64::try_from(servers.len()).unwrap_or(0);
    let first = usize::try_from(Chance::System.below(count)).unwrap_or(0);
    loop {
        for server in servers.iter().cycle().skip(first).take(servers.len()) {
            if let Ok(Ok(stream)) = timeout(CONNECT_LIMIT, TcpStream::connect(server)).await {
                return stream;
            }
        }
        sleep(ROUND_PAUSE).await;
    }
}

/// One direction, to its end.
async fn pass(mut from: OwnedReadHalf, mut to: OwnedWriteHalf) {
    let copied = copy(&mut from, &mut to).await;
    let ended = to.shutdown().await;
    tracing::trace!(?copied, ?ended, "a direction to or from Nacos has ended");
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt;

    use super::*;

    #[test]
    fn the_grpc_port_follows_the_http_port() {
        assert_eq!(grpc_address("nacos:8848").as_deref(), Some("nacos:9848"));
        assert_eq!(grpc_address("[::1]:80").as_deref(), Some("[::1]:1080"));
        assert_eq!(grpc_address("nacos:65000"), None);
    }

    #[tokio::test]
    async fn a_connection_is_held_until_a_server_comes_and_nothing_of_it_is_lost() {
        let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap().local_addr().unwrap();
        let server = format!("127.0.0.1:{}", free.port() - GRPC_OFFSET);
        let relay = Relay::open(&[server]).await.unwrap();
        let port = relay.port().unwrap();
        let mut tasks = JoinSet::new();
        tasks.spawn(relay.run());
        let mut client = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await.unwrap();
        client.write_all(b"early").await.unwrap();
        let listener = TcpListener::bind(free).await.unwrap();
        let (mut accepted, _) = timeout(Duration::from_secs(10), listener.accept()).await.unwrap().unwrap();
        let mut bytes = [0; 5];
        accepted.read_exact(&mut bytes).await.unwrap();
        assert_eq!(&bytes, b"early");
        accepted.write_all(b"answer").await.unwrap();
        drop(accepted);
        let mut answer = Vec::new();
        timeout(Duration::from_secs(10), client.read_to_end(&mut answer)).await.unwrap().unwrap();
        assert_eq!(answer, b"answer");
    }
}
