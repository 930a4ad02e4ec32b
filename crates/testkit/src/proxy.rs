//! A TCP proxy with a stable address that misbehaves on request.
//!
//! It stands between a client and a server; the server behind it may be killed, restarted and exchanged while the client keeps one address.
//! What goes wrong is chosen for each direction, for the connections that are open and for those to come.
//! It changes no byte and keeps their order.

mod connection;
mod pump;

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};
use tokio_util::task::AbortOnDropHandle;

use crate::{background, ports};

/// How long the proxy tries to listen again on its own port, which is reserved for this process.
const LISTEN_AGAIN_DEADLINE: Duration = Duration::from_secs(10);
/// Between two attempts at that.
const LISTEN_AGAIN_PAUSE: Duration = Duration::from_millis(5);

/// Which way bytes go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From whoever connected to the proxy.
    ToServer,
    /// From the server behind it.
    ToClient,
}

/// What happens to the bytes of one direction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// They pass.
    #[default]
    Pass,
    /// Each byte arrives this much later; the throughput suffers only where more than 64 KiB are under way.
    Delay(Duration),
    /// So many bytes a second pass.
    Throttle(u64),
    /// Nothing moves; the sockets stay open, and what was sent arrives when the mode changes.
    Stall,
    /// The receiver sees the end of the stream; what is sent later is thrown away. A connection does not recover from it.
    HalfClose,
    /// So many more bytes of each connection pass, then it is reset.
    DropAfter(u64),
}

/// What the proxy has seen since it was started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counters {
    /// Connections taken from clients.
    pub accepted: u64,
    /// Of these, how many were reset at once because the server could not be reached.
    pub unreachable: u64,
    /// Connections that are open now.
    pub open: u64,
    /// Bytes handed to the server.
    pub bytes_to_server: u64,
    /// Bytes handed to clients.
    pub bytes_to_client: u64,
}

/// A running proxy; its connections end when it is dropped.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    shared: Arc<Shared>,
    listening: watch::Receiver<bool>,
    _task: AbortOnDropHandle<()>,
}

/// What the connections read and count.
#[derive(Debug)]
struct Shared {
    target: Mutex<SocketAddr>,
    to_server: watch::Sender<Mode>,
    to_client: watch::Sender<Mode>,
    refusing: watch::Sender<bool>,
    cuts: watch::Sender<u64>,
    accepted: AtomicU64,
    unreachable: AtomicU64,
    open: AtomicU64,
    bytes_to_server: AtomicU64,
    bytes_to_client: AtomicU64,
}

impl Proxy {
    /// Listens on a free loopback port and hands what comes to `target`, which need not run yet.
    ///
    /// # Panics
    ///
    /// When it cannot listen.
    pub fn start(target: SocketAddr) -> Self {
        Self::start_on((Ipv4Addr::LOCALHOST, ports::free()).into(), target)
    }

    /// As [`Proxy::start`], on an address of the caller's choice.
    ///
    /// # Panics
    ///
    /// When it cannot listen.
    pub fn start_on(address: SocketAddr, target: SocketAddr) -> Self {
        let listener = TcpListener::bind(address)
            .unwrap_or_else(|error| panic!("the proxy cannot listen on {address}: {error}"));
        let shared = Arc::new(Shared {
            target: Mutex::new(target),
            to_server: watch::Sender::new(Mode::Pass),
            to_client: watch::Sender::new(Mode::Pass),
            refusing: watch::Sender::new(false),
            cuts: watch::Sender::new(0),
            accepted: AtomicU64::new(0),
            unreachable: AtomicU64::new(0),
            open: AtomicU64::new(0),
            bytes_to_server: AtomicU64::new(0),
            bytes_to_client: AtomicU64::new(0),
        });
        let (says, listening) = watch::channel(true);
        let task = background::runtime().spawn(serve(listener, address, Arc::clone(&shared), says));
        Self { address, shared, listening, _task: AbortOnDropHandle::new(task) }
    }

    /// Where clients connect; it never changes.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Sends the connections to come to another server; the open ones stay.
    pub fn retarget(&self, target: SocketAddr) {
        *self.shared.target.lock().unwrap_or_else(PoisonError::into_inner) = target;
    }

    /// Chooses what happens in one direction.
    pub fn set(&self, direction: Direction, mode: Mode) {
        match direction {
            Direction::ToServer => self.shared.to_server.send_replace(mode),
            Direction::ToClient => self.shared.to_client.send_replace(mode),
        };
    }

    /// Chooses what happens in both directions.
    pub fn set_both(&self, mode: Mode) {
        self.set(Direction::ToServer, mode);
        self.set(Direction::ToClient, mode);
    }

    /// Resets the connections that are open (RST, both sides); new ones are taken.
    pub fn cut(&self) {
        self.shared.cuts.send_modify(|cuts| *cuts += 1);
    }

    /// Stops listening: new connections are refused, the open ones stay. Returns when it is so.
    pub async fn refuse(&self) {
        self.listen(false).await;
    }

    /// Listens again after [`Proxy::refuse`]. Returns when it is so.
    pub async fn accept(&self) {
        self.listen(true).await;
    }

    /// As a server that was killed: refuses new connections and resets the open ones.
    pub async fn take_down(&self) {
        self.refuse().await;
        self.cut();
    }

    /// Undoes everything: listens, and passes bytes in both directions.
    pub async fn heal(&self) {
        self.set_both(Mode::Pass);
        self.accept().await;
    }

    /// What it has seen so far.
    pub fn counters(&self) -> Counters {
        Counters {
            accepted: self.shared.accepted.load(Relaxed),
            unreachable: self.shared.unreachable.load(Relaxed),
            open: self.shared.open.load(Relaxed),
            bytes_to_server: self.shared.bytes_to_server.load(Relaxed),
            bytes_to_client: self.shared.bytes_to_client.load(Relaxed),
        }
    }

    async fn listen(&self, wanted: bool) {
        self.shared.refusing.send_replace(!wanted);
        let mut listening = self.listening.clone();
        // Bounded: the task listens again within its own deadline or ends, which closes the channel.
        if listening.wait_for(|listening| *listening == wanted).await.is_err() {
            panic!("the proxy could not listen on {} again", self.address);
        }
    }
}

/// Accepts until it is dropped, and with it all connections.
async fn serve(listener: TcpListener, address: SocketAddr, shared: Arc<Shared>, says: watch::Sender<bool>) {
    let mut refusing = shared.refusing.subscribe();
    let mut connections = JoinSet::new();
    let mut next = Some(listener);
    loop {
        let Some(listener) = next.take() else { return };
        let Ok(listener) = into_async(listener) else { return };
        says.send_replace(true);
        loop {
            tokio::select! {
                taken = listener.accept() => if let Ok((client, _)) = taken {
                    connections.spawn(connection::relay(client, Arc::clone(&shared)));
                },
                _ = connections.join_next(), if !connections.is_empty() => {}
                _ = refusing.wait_for(|refusing| *refusing) => break,
            }
        }
        drop(listener);
        says.send_replace(false);
        // An `Err` cannot be: `shared` is ours too.
        refusing.wait_for(|refusing| !*refusing).await.ok();
        next = listen_again(address).await;
    }
}

/// The port is reserved for this process, so at most the remains of its connections are in the way.
async fn listen_again(address: SocketAddr) -> Option<TcpListener> {
    let end = Instant::now() + LISTEN_AGAIN_DEADLINE;
    while Instant::now() < end {
        if let Ok(listener) = TcpListener::bind(address) {
            return Some(listener);
        }
        sleep(LISTEN_AGAIN_PAUSE).await;
    }
    None
}

fn into_async(listener: TcpListener) -> io::Result<tokio::net::TcpListener> {
    listener.set_nonblocking(true)?;
    tokio::net::TcpListener::from_std(listener)
}
