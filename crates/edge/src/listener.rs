//! A listening socket and its accept loop; or, for simulations, one in memory, which only a [`Dialer`] of its own reaches.
//!
//! Promises: it survives running out of file descriptors, it stops accepting when told to and lets answers under way be finished,
//! and each of its tasks belongs to the caller's [`Tasks`]. What a request means is the caller's affair.

use std::error::Error;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::{Body, Incoming};
use hyper::service::Service;
use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::connection::{self, Shared};
use crate::limits::{ACCEPT_PAUSE_FIRST, ACCEPT_PAUSE_MAX, BACKLOG};
use crate::{Dialer, HandshakeLimits, LogThrottle, MemorySocket, Peer, Socket, Tasks};

static LINES: LogThrottle = LogThrottle::new();

/// The body of an answer that is known in full.
pub type FullBody = Full<Bytes>;

/// A socket that listens, and does not accept yet: clients already wait in the kernel's queue.
#[derive(Debug)]
pub struct Listener {
    source: Source,
    address: SocketAddr,
}

/// Where connections come from.
#[derive(Debug)]
enum Source {
    Tcp(TcpListener),
    Memory(mpsc::Receiver<(MemorySocket, SocketAddr)>),
}

impl Listener {
    /// Takes the port. Port 0 takes a free one.
    pub fn bind(address: SocketAddr) -> io::Result<Listener> {
        let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
        // A successor may listen at once, although connections of its predecessor are still dying.
        socket.set_reuseaddr(true)?;
        socket.bind(address)?;
        let socket = socket.listen(BACKLOG)?;
        let address = socket.local_addr()?;
        Ok(Listener { source: Source::Tcp(socket), address })
    }

    /// A listener without a port, that calls itself `address`, and the only way to it. Its connections hold `bytes_max` each way.
    pub fn memory(address: SocketAddr, bytes_max: usize) -> (Listener, Dialer) {
        let (connections, accepts) = mpsc::channel(BACKLOG as usize);
        (Listener { source: Source::Memory(accepts), address }, Dialer::new(connections, bytes_max))
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Starts accepting; `service` answers the requests, whose extensions hold a [`Peer`].
    ///
    /// The future of a request is dropped when its client goes away before the answer, so whatever must be undone belongs into a guard.
    /// Once `stop` is cancelled the port is free, and every task ends within 10 s.
    pub fn serve<S, B>(self, limits: HandshakeLimits, service: S, tasks: &Tasks, stop: CancellationToken)
    where
        S: Service<Request<Incoming>, Response = Response<B>> + Clone + Send + Sync + 'static,
        S::Future: Send + 'static,
        S::Error: Into<Box<dyn Error + Send + Sync>> + Send,
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<Box<dyn Error + Send + Sync>>,
    {
        let shared = Shared::new(limits, service);
        tasks.spawn(accept(self, shared, tasks.clone(), stop));
    }
}

async fn accept<S, B>(mut listener: Listener, shared: Shared<S>, tasks: Tasks, stop: CancellationToken)
where
    S: Service<Request<Incoming>, Response = Response<B>> + Clone + Send + Sync + 'static,
    S::Future: Send + 'static,
    S::Error: Into<Box<dyn Error + Send + Sync>> + Send,
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    let mut pause = ACCEPT_PAUSE_FIRST;
    loop {
        let accepted = tokio::select! {
            biased;
            () = stop.cancelled() => return,
            accepted = listener.source.accept() => accepted,
        };
        match accepted {
            Ok((socket, remote)) => {
                pause = ACCEPT_PAUSE_FIRST;
                let Some(place) = shared.sockets.take() else {
                    if let Some(lines_left_out) = LINES.take(Instant::now()) {
                        tracing::warn!(address = %listener.address, lines_left_out, "too many sockets that open no WebSocket: closed a new one");
                    }
                    continue;
                };
                if let Some(peer) = prepare(&socket, remote, listener.address) {
                    let (shared, stop) = (shared.clone(), stop.clone());
                    tasks.spawn(async move {
                        connection::serve(socket, peer, shared, stop).await;
                        drop(place);
                    });
                }
            }
            // The client was gone before it was accepted.
            Err(error) if is_of_one_connection(&error) => {}
            Err(error) => {
                tracing::error!(address = %listener.address, %error, "cannot accept; trying again in {pause:?}");
                if stop.run_until_cancelled(tokio::time::sleep(pause)).await.is_none() {
                    return;
                }
                pause = longer(pause);
            }
        }
    }
}

impl Source {
    /// Cancel safe.
    async fn accept(&mut self) -> io::Result<(Socket, SocketAddr)> {
        match self {
            Source::Tcp(socket) => socket.accept().await.map(|(socket, remote)| (socket.into(), remote)),
            Source::Memory(connections) => match connections.recv().await {
                Some((socket, remote)) => Ok((socket.into(), remote)),
                // Nobody has a dialer any more.
                None => std::future::pending().await,
            },
        }
    }
}

fn prepare(socket: &Socket, remote: SocketAddr, address: SocketAddr) -> Option<Peer> {
    let local = match socket {
        Socket::Tcp(socket) => {
            // Frames are small and written whole: waiting for more to send with them would only delay them.
            socket.set_nodelay(true).ok()?;
            socket.local_addr().ok()?
        }
        Socket::Memory(_) => address,
    };
    Some(Peer { remote, local })
}

fn is_of_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted)
}

fn longer(pause: Duration) -> Duration {
    (pause * 2).min(ACCEPT_PAUSE_MAX)
}
