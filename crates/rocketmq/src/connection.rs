//! One TCP connection: many requests under way at once, each answer given to whoever waits for it.
//!
//! A connection never comes back: when it ends, everyone who waits on it is told, and [`crate::link`] opens another.
//! Its work is done by [`Driver::run`], which somebody else owns; dropping that ends the connection.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicI32, AtomicU64, Ordering},
    },
    time::Duration,
};

use bytes::{Bytes, BytesMut};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::{mpsc, oneshot},
    time::{Instant, timeout_at},
};
use tokio_util::sync::CancellationToken;
use tracing::debug;

use crate::{
    Error,
    frame::{Frame, Request},
    limits::{OUTGOING_FRAMES_MAX, READ_CHUNK_BYTES, WRITE_TOGETHER_BYTES},
};

/// The side of a connection that asks.
#[derive(Debug, Clone)]
pub(crate) struct Connection {
    shared: Arc<Shared>,
    outgoing: mpsc::Sender<Bytes>,
}

/// The side of a connection that does the work.
#[derive(Debug)]
pub(crate) struct Driver {
    shared: Arc<Shared>,
    stream: Option<TcpStream>,
    outgoing: mpsc::Receiver<Bytes>,
    frame_bytes_max: usize,
}

#[derive(Debug)]
struct Shared {
    address: Arc<str>,
    /// `None` once the connection has ended: nobody may begin to wait then.
    waiting: Mutex<Option<HashMap<i32, oneshot::Sender<Frame>>>>,
    next_opaque: AtomicI32,
    closed: CancellationToken,
    /// How often bytes were read: unchanged means that the server said nothing.
    heard: AtomicU64,
}

/// What became of a request on this connection.
#[derive(Debug)]
pub(crate) enum Failed {
    /// It never left: another connection may take it.
    NotSent,
    /// It may have left.
    Uncertain(Error),
}

impl Connection {
    pub(crate) fn new(address: Arc<str>, stream: TcpStream, frame_bytes_max: usize) -> (Self, Driver) {
        let shared = Arc::new(Shared {
            address,
            waiting: Mutex::new(Some(HashMap::new())),
            next_opaque: AtomicI32::new(1),
            closed: CancellationToken::new(),
            heard: AtomicU64::new(0),
        });
        let (sender, receiver) = mpsc::channel(OUTGOING_FRAMES_MAX);
        let driver =
            Driver { shared: Arc::clone(&shared), stream: Some(stream), outgoing: receiver, frame_bytes_max };
        (Self { shared, outgoing: sender }, driver)
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.shared.closed.is_cancelled()
    }

    /// Sends a request and waits for its answer, until the deadline.
    ///
    /// Cancel-safe in that nothing is left behind; the request may be carried out all the same.
    pub(crate) async fn call(
        &self,
        request: &Request,
        timeout: Duration,
        deadline: Instant,
    ) -> Result<Frame, Failed> {
        let Ok(Ok(room)) = timeout_at(deadline, self.outgoing.reserve()).await else {
            return Err(Failed::NotSent);
        };
        let opaque = self.shared.next_opaque.fetch_add(1, Ordering::Relaxed);
        let bytes = request.encode(opaque).map_err(|error| {
            Failed::Uncertain(Error::invalid(format!("the request has no JSON: {error}")))
        })?;
        let (_wait, answer) = Wait::begin(&self.shared, opaque).ok_or(Failed::NotSent)?;
        let heard = self.shared.heard.load(Ordering::Relaxed);
        room.send(bytes);
        match timeout_at(deadline, answer).await {
            Ok(Ok(frame)) => Ok(frame),
            Ok(Err(_)) => Err(Failed::Uncertain(self.lost())),
            Err(_) => {
                // A server that said nothing at all meanwhile hangs, or is cut off: waiting on is vain for everyone.
                if self.shared.heard.load(Ordering::Relaxed) == heard {
                    debug!(address = %self.shared.address, "nothing heard since the request; giving the connection up");
                    self.shared.closed.cancel();
                }
                let address = self.shared.address.to_string();
                Err(Failed::Uncertain(Error::TimedOut { address, after: timeout }))
            }
        }
    }

    fn lost(&self) -> Error {
        Error::ConnectionLost { address: self.shared.address.to_string() }
    }
}

impl Driver {
    /// Reads and writes until the connection ends.
    pub(crate) async fn run(mut self) {
        let Some(stream) = self.stream.take() else { return };
        let (reader, writer) = stream.into_split();
        let closed = self.shared.closed.clone();
        tokio::select! {
            () = closed.cancelled() => {}
            () = read(&self.shared, reader, self.frame_bytes_max) => {}
            () = write(&mut self.outgoing, writer) => {}
        }
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        self.shared.closed.cancel();
        // Dropping the senders wakes everyone who waits.
        self.shared.waiting().take();
    }
}

impl Shared {
    fn waiting(&self) -> std::sync::MutexGuard<'_, Option<HashMap<i32, oneshot::Sender<Frame>>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn arrived(&self, frame: Frame) {
        if !frame.is_response {
            // Consumers that divide queues among themselves are asked things; we do not, and need not answer.
            debug!(address = %self.address, code = frame.code, "a request from the server is ignored");
            return;
        }
        let waiting = self.waiting().as_mut().and_then(|waiting| waiting.remove(&frame.opaque));
        if let Some(waiting) = waiting {
            // Whoever waited may have gone.
            waiting.send(frame).ok();
        }
    }
}

/// Takes a waiting request off the list again, whatever ends the wait.
struct Wait<'a> {
    shared: &'a Shared,
    opaque: i32,
}

impl<'a> Wait<'a> {
    fn begin(shared: &'a Shared, opaque: i32) -> Option<(Self, oneshot::Receiver<Frame>)> {
        let (sender, receiver) = oneshot::channel();
        shared.waiting().as_mut()?.insert(opaque, sender);
        Some((Self { shared, opaque }, receiver))
    }
}

impl Drop for Wait<'_> {
    fn drop(&mut self) {
        if let Some(waiting) = self.shared.waiting().as_mut() {
            waiting.remove(&self.opaque);
        }
    }
}

async fn read(shared: &Shared, mut reader: OwnedReadHalf, frame_bytes_max: usize) {
    let mut buffer = BytesMut::new();
    loop {
        loop {
            match Frame::decode(&mut buffer, frame_bytes_max) {
                Ok(Some(frame)) => shared.arrived(frame),
                Ok(None) => break,
                Err(broken) => {
                    tracing::warn!(address = %shared.address, "the server sent {broken}; closing the connection");
                    return;
                }
            }
        }
        buffer.reserve(READ_CHUNK_BYTES);
        match reader.read_buf(&mut buffer).await {
            Ok(0) => return,
            Ok(_) => _ = shared.heard.fetch_add(1, Ordering::Relaxed),
            Err(error) => {
                debug!(address = %shared.address, %error, "reading failed");
                return;
            }
        }
    }
}

async fn write(outgoing: &mut mpsc::Receiver<Bytes>, mut writer: OwnedWriteHalf) {
    let mut together = BytesMut::new();
    while let Some(first) = outgoing.recv().await {
        together.extend_from_slice(&first);
        while together.len() < WRITE_TOGETHER_BYTES {
            let Ok(next) = outgoing.try_recv() else { break };
            together.extend_from_slice(&next);
        }
        if let Err(error) = writer.write_all(&together).await {
            debug!(%error, "writing failed");
            return;
        }
        together.clear();
    }
}
