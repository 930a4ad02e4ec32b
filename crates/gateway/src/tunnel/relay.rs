//! Carrying bytes between a client and a node, without a buffer of its own.
//!
//! Bytes are read into one buffer per worker thread and written out at once; only what the other side does not take is kept, and while
//! something is kept nothing more is read from its source: that is the back-pressure, and the bound. An idle tunnel holds no buffer.
//! Nothing is looked at, nothing is changed, and what came with the two handshakes goes first.

use std::cell::RefCell;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use edge::Socket;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::timeout;

use super::TunnelLimits;
use super::limits::RELAY_BYTES;
use crate::events::Ended;

thread_local! {
    /// Borrowed within one poll only.
    static BUFFER: RefCell<Vec<u8>> = RefCell::new(vec![0; RELAY_BYTES]);
}

/// Two sockets that are one.
#[derive(Debug)]
pub(crate) struct Relay {
    client: Socket,
    node: Socket,
    to_node: Direction,
    to_client: Direction,
}

#[derive(Debug)]
struct Direction {
    /// What the receiving side has not taken yet.
    kept: Bytes,
    flow: Flow,
    /// Bytes that the receiving side has taken.
    carried: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Flow {
    Open,
    /// The source has ended; what is kept still has to go.
    Ended,
    /// The receiving side has been told.
    Shut,
}

/// What a relay is doing, as far as a clock has to watch it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Steady,
    /// Something is kept.
    Holding,
    /// One source has ended.
    Ending,
    /// Both have.
    Over,
}

impl Relay {
    /// `from_client` and `from_node` are the bytes that were read beyond the handshakes.
    pub(crate) fn new(client: (Socket, Bytes), node: (Socket, Bytes)) -> Relay {
        let ((client, from_client), (node, from_node)) = (client, node);
        Relay { client, node, to_node: Direction::new(from_client), to_client: Direction::new(from_node) }
    }

    /// Carries until an end: of one side by its close, or by a limit.
    pub(crate) async fn run(mut self, limits: &TunnelLimits) -> Ended {
        let mut state = State::Steady;
        loop {
            // The clocks are on the heap, so that an idle tunnel does not carry them.
            let changed = match state {
                State::Steady => self.another(state).await,
                State::Holding => {
                    let before = self.carried();
                    match Box::pin(timeout(limits.stall_timeout, self.another(state))).await {
                        Ok(changed) => changed,
                        Err(_) if self.carried() != before => continue,
                        Err(_) => return Ended::Stalled,
                    }
                }
                State::Ending => {
                    match Box::pin(timeout(limits.half_close_timeout, self.another(state))).await {
                        Ok(changed) => changed,
                        Err(_) => return Ended::HalfClosed,
                    }
                }
                State::Over => return Ended::Closed,
            };
            match changed {
                Ok(next) => state = next,
                Err(_) => return Ended::Broken,
            }
        }
    }

    /// Carries until the state is another than `state`.
    async fn another(&mut self, state: State) -> io::Result<State> {
        poll_fn(|cx| self.poll_another(state, cx)).await
    }

    /// Carries what can be carried; ready when that made another state.
    fn poll_another(&mut self, state: State, cx: &mut Context<'_>) -> Poll<io::Result<State>> {
        let to_node = poll_carry(&mut self.client, &mut self.node, &mut self.to_node, cx);
        let to_client = poll_carry(&mut self.node, &mut self.client, &mut self.to_client, cx);
        for carried in [to_node, to_client] {
            if let Poll::Ready(Err(error)) = carried {
                return Poll::Ready(Err(error));
            }
        }
        match self.state() {
            same if same == state => Poll::Pending,
            other => Poll::Ready(Ok(other)),
        }
    }

    fn state(&self) -> State {
        let both = [&self.to_node, &self.to_client];
        if both.iter().all(|direction| direction.flow == Flow::Shut) {
            State::Over
        } else if both.iter().any(|direction| direction.flow != Flow::Open) {
            State::Ending
        } else if both.iter().any(|direction| !direction.kept.is_empty()) {
            State::Holding
        } else {
            State::Steady
        }
    }

    fn carried(&self) -> (u64, u64) {
        (self.to_node.carried, self.to_client.carried)
    }
}

impl Direction {
    fn new(first: Bytes) -> Direction {
        Direction { kept: first, flow: Flow::Open, carried: 0 }
    }
}

/// Carries one direction as far as it goes without waiting; ready when it is shut.
fn poll_carry(
    from: &mut Socket,
    to: &mut Socket,
    direction: &mut Direction,
    cx: &mut Context<'_>,
) -> Poll<io::Result<()>> {
    loop {
        while !direction.kept.is_empty() {
            let taken = ready!(Pin::new(&mut *to).poll_write(cx, &direction.kept))?;
            direction.take(taken)?;
            direction.kept.advance(taken);
        }
        // Empty it stays, but without the memory behind it.
        direction.kept = Bytes::new();
        match direction.flow {
            Flow::Open => ready!(poll_pass(from, to, direction, cx))?,
            Flow::Ended => {
                ready!(Pin::new(&mut *to).poll_shutdown(cx))?;
                direction.flow = Flow::Shut;
            }
            Flow::Shut => return Poll::Ready(Ok(())),
        }
    }
}

/// Reads once and writes what can be written; the rest is kept.
fn poll_pass(
    from: &mut Socket,
    to: &mut Socket,
    direction: &mut Direction,
    cx: &mut Context<'_>,
) -> Poll<io::Result<()>> {
    BUFFER.with_borrow_mut(|buffer| {
        let mut read = ReadBuf::new(buffer);
        ready!(Pin::new(from).poll_read(cx, &mut read))?;
        let mut rest = read.filled();
        if rest.is_empty() {
            direction.flow = Flow::Ended;
        }
        while !rest.is_empty() {
            match Pin::new(&mut *to).poll_write(cx, rest)? {
                Poll::Ready(taken) => {
                    direction.take(taken)?;
                    rest = &rest[taken..];
                }
                Poll::Pending => {
                    direction.kept = Bytes::copy_from_slice(rest);
                    break;
                }
            }
        }
        Poll::Ready(Ok(()))
    })
}

impl Direction {
    fn take(&mut self, bytes: usize) -> io::Result<()> {
        self.carried += bytes as u64;
        if bytes == 0 { Err(io::ErrorKind::WriteZero.into()) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::time::Duration;

    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::{TcpListener, TcpStream};

    use super::*;

    const CHUNK: usize = 64 * 1024;
    /// More than a system holds for two connections on one machine.
    const TOO_MUCH: usize = 64 << 20;

    async fn pair() -> (TcpStream, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let (ours, theirs) = tokio::join!(TcpStream::connect(address), listener.accept());
        (ours.expect("connected"), theirs.expect("accepted").0)
    }

    /// A relay, the client's end and the node's end.
    async fn relay() -> (Relay, TcpStream, TcpStream) {
        let ((client, client_end), (node, node_end)) = (pair().await, pair().await);
        (Relay::new((client.into(), Bytes::new()), (node.into(), Bytes::new())), client_end, node_end)
    }

    async fn carry_until(relay: &mut Relay, state: State) -> State {
        let changed = timeout(Duration::from_secs(10), relay.another(state)).await;
        changed.expect("in time").expect("no error")
    }

    #[tokio::test]
    async fn what_a_side_does_not_take_is_bounded_and_given_back() {
        let (mut relay, mut client_end, mut node_end) = relay().await;
        let mut writing = pin!(async {
            for _ in 0..TOO_MUCH / CHUNK {
                node_end.write_all(&[1; CHUNK]).await.expect("written");
            }
        });
        tokio::select! {
            () = &mut writing => panic!("all of it was taken, although nobody reads"),
            state = carry_until(&mut relay, State::Steady) => assert_eq!(state, State::Holding),
        }
        assert!(!relay.to_client.kept.is_empty());
        for _ in 0..1_000 {
            let state = relay.state();
            tokio::select! {
                () = &mut writing => panic!("all of it was taken, although nobody reads"),
                changed = relay.another(state) => assert!(changed.is_ok()),
                () = tokio::task::yield_now() => {}
            }
            assert!(relay.to_client.kept.len() <= RELAY_BYTES);
        }
        let reading = async {
            let mut chunk = [0; CHUNK];
            for _ in 0..TOO_MUCH / CHUNK {
                client_end.read_exact(&mut chunk).await.expect("read");
            }
        };
        let carrying = async {
            loop {
                let state = relay.state();
                relay.another(state).await.expect("no error");
            }
        };
        tokio::select! {
            all = timeout(Duration::from_secs(30), async { tokio::join!(writing, reading) }) => assert!(all.is_ok()),
            () = carrying => unreachable!("it carries for ever"),
        }
        assert_eq!(relay.to_client.carried, TOO_MUCH as u64);
        assert_eq!((relay.state(), relay.to_client.kept.len()), (State::Steady, 0));
    }

    #[tokio::test]
    async fn an_idle_tunnel_costs_next_to_nothing() {
        let (relay, _client_end, _node_end) = relay().await;
        let limits = TunnelLimits::default();
        let carried = relay.run(&limits);
        assert!(size_of_val(&carried) <= 512, "{} bytes", size_of_val(&carried));
    }
}
