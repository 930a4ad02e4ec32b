//! The task of a session: reads its socket, works off its requests one after the other, and says goodbye.
//!
//! Writing is left to the end of a turn or to the delivery tasks; this one takes over only while the socket would block.
//! It holds no buffer while the client is quiet.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use edge::Socket;
use tokio::time::{Instant, timeout};
use wire::CloseCode;

use super::codec::Decoder;
use super::event::Event;
use super::rate::Rate;
use super::writing::Writing;
use super::{Ending, Request, Session};

/// How long the last words may take to leave, and the client's close to come, once we want to end.
const GOODBYE_LIMIT: Duration = Duration::from_secs(2);
/// Bytes of one read from a socket. On the stack of the call, so that an idle session keeps none.
const READ_BYTES: usize = 8 * 1024;
/// Frames that are read of one client for each send that it may send: a client also reads, asks, answers pings.
const FRAMES_PER_SEND: u32 = 10;
/// Frames a second that are read of one client at least, however few it may send.
const FRAMES_PER_SECOND_MIN: u32 = 200;
/// Frames that are read at once of one client at least: it asks for all its conversations when it comes.
const FRAMES_BURST_MIN: u32 = 600;
/// Frames that are worked off before others have their turn: one client that sends without end must not keep a worker.
const FRAMES_IN_TURN: u32 = 32;

/// A request that took longer has held up those behind it.
const QUICK: Duration = Duration::from_millis(100);

/// Works off what a client asks for.
#[async_trait]
pub(crate) trait Requests: Send + Sync {
    /// Works off one request of `session`, and pushes its answer.
    async fn perform(&self, session: &Arc<Session>, request: Request);
}

/// The task of one session.
pub(crate) struct SessionTask<'a> {
    session: &'a Arc<Session>,
    socket: &'a Socket,
    requests: &'a dyn Requests,
    decoder: Decoder,
    /// How fast frames are read, whatever is in them; `None` where sends are not limited either.
    pace: Option<Rate>,
    /// Frames since others had their turn.
    in_turn: u32,
}

/// What one read brought.
enum Read {
    Bytes,
    Nothing,
    End,
}

impl<'a> SessionTask<'a> {
    /// The task of a session, which has its socket from now on.
    pub(crate) fn new(
        session: &'a Arc<Session>,
        requests: &'a dyn Requests,
        socket: Socket,
    ) -> SessionTask<'a> {
        let socket = session.socket.get_or_init(|| socket);
        let decoder = Decoder::new(session.limits.frame_bytes_max);
        let limits = &session.limits;
        let per_second = limits.sends_per_second.saturating_mul(FRAMES_PER_SEND).max(FRAMES_PER_SECOND_MIN);
        let burst = limits.sends_burst.saturating_mul(FRAMES_PER_SEND).max(FRAMES_BURST_MIN);
        let pace = if limits.sends_per_second == 0 { None } else { Rate::new(per_second, burst) };
        SessionTask { session, socket, requests, decoder, pace, in_turn: 0 }
    }

    /// Runs until the session has ended, and says how. `first` is what came with the handshake.
    pub(crate) async fn run(&mut self, first: &[u8]) -> (CloseCode, bool) {
        let (session, socket) = (self.session, self.socket);
        session.start_writing();
        if !first.is_empty() {
            self.decoder.feed(first);
            self.work_off().await;
        }
        loop {
            let ending = session.core().ending;
            if let Some(ending) = ending {
                // Boxed, so that a session that lives does not carry the room for its end.
                Box::pin(self.say_goodbye(socket, ending)).await;
                return (ending.code, ending.by_client);
            }
            let blocked = session.core().writing == Writing::Blocked;
            tokio::select! {
                biased;
                () = session.wake.notified() => {}
                ready = socket.writable(), if blocked => {
                    if ready.is_err() {
                        session.broken(&mut session.core());
                    }
                    session.flush(Instant::now());
                }
                ready = socket.readable() => match ready.and_then(|()| self.read(socket)) {
                    Ok(Read::Bytes) => self.work_off().await,
                    Ok(Read::Nothing) => {}
                    Ok(Read::End) | Err(_) => session.broken(&mut session.core()),
                },
            }
        }
    }

    fn read(&mut self, socket: &Socket) -> io::Result<Read> {
        let mut buffer = [0u8; READ_BYTES];
        match socket.try_read(&mut buffer) {
            Ok(0) => Ok(Read::End),
            Ok(read) => {
                self.decoder.feed(buffer.get(..read).unwrap_or_default());
                Ok(Read::Bytes)
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(Read::Nothing),
            Err(error) => Err(error),
        }
    }

    /// Steps the session by each frame that has come, and works off each request before the next frame.
    async fn work_off(&mut self) {
        let now = Instant::now();
        self.session.apply(Event::Heard, now);
        // `welcome` comes first: what a client says before it waits for it.
        self.session.greeted().await;
        loop {
            if self.session.core().ending.is_some() {
                return;
            }
            // What it asks for must not fill its send queue: whoever reads slowly is answered slowly.
            self.session.until_room().await;
            self.let_others_have_their_turn().await;
            match self.decoder.next_incoming() {
                Ok(Some(incoming)) => {
                    self.keep_pace().await;
                    self.session.apply(Event::Incoming(incoming), Instant::now());
                }
                Ok(None) => return,
                Err(fault) => return self.session.apply(Event::Broken(fault), Instant::now()),
            }
            loop {
                let request = {
                    let mut core = self.session.core();
                    let request = core.requests.pop_front();
                    core.working = request.is_some();
                    request
                };
                let Some(request) = request else { break };
                // Boxed, so that a session that only listens does not carry the room for it.
                let work = Box::pin(self.requests.perform(self.session, request));
                let began = Instant::now();
                tokio::select! {
                    biased;
                    () = work => {}
                    // An eviction does not wait for a slow back end; a send goes on by itself.
                    () = self.session.until_ending() => return,
                }
                let took = began.elapsed();
                if took > QUICK {
                    self.session.apply(Event::Excused(took), Instant::now());
                }
            }
            let pause = self.session.core().pause.take();
            if let Some(pause) = pause {
                self.wait_out(pause).await;
            }
        }
    }

    async fn let_others_have_their_turn(&mut self) {
        self.in_turn += 1;
        if self.in_turn > FRAMES_IN_TURN {
            self.in_turn = 0;
            tokio::task::yield_now().await;
        }
    }

    /// Holds up a client that sends faster than it may: its own full socket tells it.
    async fn keep_pace(&mut self) {
        let Some(pace) = &mut self.pace else { return };
        while let Err(wait) = pace.take(Instant::now()) {
            if self.session.core().ending.is_some() {
                return;
            }
            // An error means that the session has not ended meanwhile.
            let _waited = timeout(wait, self.session.until_ending()).await;
        }
    }

    /// Reads nothing for a while; the client is slowed down by its own full socket.
    async fn wait_out(&self, pause: Duration) {
        // An error means that the session has not ended meanwhile.
        let _paused = timeout(pause, self.session.until_ending()).await;
    }

    /// Writes the last words, ends our half, and waits a moment for the client's, so that what we wrote is not lost to a reset.
    async fn say_goodbye(&self, socket: &Socket, ending: Ending) {
        if ending.broken {
            return;
        }
        let goodbye = async {
            loop {
                self.session.flush(Instant::now());
                let (done, broken) = {
                    let core = self.session.core();
                    (core.queue.is_empty(), core.ending.is_some_and(|ending| ending.broken))
                };
                if done || broken {
                    break;
                }
                if socket.writable().await.is_err() {
                    break;
                }
            }
            // An error means that the socket is gone already.
            let _gone = socket.shutdown_write();
            while socket.readable().await.is_ok() && !is_at_its_end(socket) {}
        };
        // A client that does not let go in time is cut off: it had its words.
        let _in_time = timeout(GOODBYE_LIMIT, goodbye).await;
    }
}

/// Throws away what a client still says. A function of its own, so that the room for it is on the stack and not in every session's task.
fn is_at_its_end(socket: &Socket) -> bool {
    let mut buffer = [0u8; READ_BYTES];
    match socket.try_read(&mut buffer) {
        Ok(read) => read == 0,
        Err(error) => error.kind() != io::ErrorKind::WouldBlock,
    }
}

impl Session {
    /// Waits until somebody ends the session. Writes what waits, while its task does nothing else.
    async fn until_ending(self: &Arc<Self>) {
        loop {
            let (ended, blocked) = {
                let core = self.core();
                (core.ending.is_some(), core.writing == Writing::Blocked)
            };
            if ended {
                return;
            }
            let socket = self.socket.get().filter(|_| blocked);
            self.wakened_or_writable(socket).await;
        }
    }

    /// Waits until at most half of the send queue is used, or the session ends. Only its own task may wait so.
    pub(crate) async fn until_room(self: &Arc<Self>) {
        loop {
            {
                let core = self.core();
                if core.ending.is_some() || self.has_room(&core) {
                    return;
                }
            }
            let Some(socket) = self.socket.get() else { return };
            self.wakened_or_writable(Some(socket)).await;
        }
    }

    async fn wakened_or_writable(self: &Arc<Self>, socket: Option<&Socket>) {
        let writable = async {
            match socket {
                Some(socket) => socket.writable().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            () = self.wake.notified() => {}
            ready = writable => {
                if ready.is_err() {
                    return self.broken(&mut self.core());
                }
                let now = Instant::now();
                self.flush(now);
                // Whoever takes what we write is alive, though we may not have read its pong.
                self.apply(Event::Heard, now);
            }
        }
    }
}
