//! The TCP connection: frames in, bytes out, and the signs of life of both sides.

use std::io::{self, ErrorKind};
use std::time::Duration;

use bytes::{Buf, BytesMut};
use tokio::io::Interest;
use tokio::net::TcpStream;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval, timeout};

use crate::error::Error;
use crate::frame::{self, AROUND_BYTES, Frame};

/// What a frame may have before a size was agreed upon, and what we propose; RabbitMQ's own.
pub(crate) const FRAME_BYTES_MAX: u32 = 131_072;
/// Room for one read.
const READ_BYTES: usize = 32 * 1024;
/// Looks at the signs of life in one heartbeat.
const LOOKS: u32 = 2;
/// A broker that says nothing for two heartbeats is taken for dead.
const SILENT_LOOKS_MAX: u32 = 2 * LOOKS;

/// A connection, and what is to be written to it.
#[derive(Debug)]
pub(crate) struct Socket {
    stream: TcpStream,
    address: String,
    read: BytesMut,
    /// Written by whoever reads next, or by [`Socket::write_some`].
    pub(crate) out: BytesMut,
    frame_bytes_max: usize,
    heartbeat: Duration,
    looks: Interval,
    has_written: bool,
    has_heard: bool,
    silent_looks: u32,
    heard_at: Instant,
}

impl Socket {
    pub(crate) async fn connect(
        host: &str,
        port: u16,
        heartbeat: Duration,
        limit: Duration,
    ) -> Result<Socket, Error> {
        let address = if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") };
        let connected = timeout(limit, TcpStream::connect((host, port))).await;
        let stream = match connected {
            Ok(Ok(stream)) => stream,
            Ok(Err(error)) => return Err(Error::Io { address, why: error.to_string() }),
            Err(_) => return Err(Error::TimedOut { address, after: limit }),
        };
        // Small frames are answered at once or not at all; waiting for more helps nobody.
        stream
            .set_nodelay(true)
            .map_err(|error| Error::Io { address: address.clone(), why: error.to_string() })?;
        let mut looks = interval(heartbeat / LOOKS);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Ok(Socket {
            stream,
            address,
            read: BytesMut::with_capacity(READ_BYTES),
            out: BytesMut::new(),
            frame_bytes_max: FRAME_BYTES_MAX as usize,
            heartbeat,
            looks,
            has_written: false,
            has_heard: true,
            silent_looks: 0,
            heard_at: Instant::now(),
        })
    }

    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// When the broker last said anything.
    pub(crate) fn heard_at(&self) -> Instant {
        self.heard_at
    }

    pub(crate) fn frame_bytes_max(&self) -> usize {
        self.frame_bytes_max
    }

    pub(crate) fn agree_on(&mut self, frame_bytes_max: u32) {
        self.frame_bytes_max = usize::try_from(frame_bytes_max).unwrap_or(usize::MAX);
    }

    /// The next frame. Writes what is to be written meanwhile. Cancel safe.
    pub(crate) async fn frame(&mut self) -> Result<Frame, Error> {
        loop {
            let taken = frame::take(&mut self.read, self.frame_bytes_max - AROUND_BYTES);
            if let Some(frame) = taken.map_err(|what| self.nonsense(what))? {
                return Ok(frame);
            }
            self.write_some()?;
            let interest = if self.out.is_empty() {
                Interest::READABLE
            } else {
                Interest::READABLE | Interest::WRITABLE
            };
            tokio::select! {
                ready = self.stream.ready(interest) => {
                    if ready.map_err(|error| self.lost(&error))?.is_readable() {
                        self.read_some()?;
                    }
                }
                _ = self.looks.tick() => self.look()?,
            }
        }
    }

    /// Writes as much as the system takes, without waiting.
    pub(crate) fn write_some(&mut self) -> Result<(), Error> {
        while !self.out.is_empty() {
            match self.stream.try_write(&self.out) {
                Ok(0) => return Err(self.lost(&ErrorKind::WriteZero.into())),
                Ok(written) => {
                    self.out.advance(written);
                    self.has_written = true;
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(self.lost(&error)),
            }
        }
        Ok(())
    }

    fn read_some(&mut self) -> Result<(), Error> {
        self.read.reserve(READ_BYTES / 4);
        match self.stream.try_read_buf(&mut self.read) {
            Ok(0) => Err(self.lost(&ErrorKind::UnexpectedEof.into())),
            Ok(_) => {
                self.has_heard = true;
                self.heard_at = Instant::now();
                Ok(())
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(()),
            Err(error) => Err(self.lost(&error)),
        }
    }

    /// Says that we live where nothing else did, and counts for how long the broker has not.
    fn look(&mut self) -> Result<(), Error> {
        if !std::mem::take(&mut self.has_written) && self.out.is_empty() {
            frame::put_heartbeat(&mut self.out);
        }
        self.silent_looks = if std::mem::take(&mut self.has_heard) { 0 } else { self.silent_looks + 1 };
        if self.silent_looks > SILENT_LOOKS_MAX {
            return Err(Error::TimedOut { address: self.address.clone(), after: self.heartbeat * 2 });
        }
        Ok(())
    }

    fn lost(&self, error: &io::Error) -> Error {
        let why = match error.kind() {
            ErrorKind::UnexpectedEof => "the broker closed the connection".to_owned(),
            _ => error.to_string(),
        };
        Error::Io { address: self.address.clone(), why }
    }

    pub(crate) fn nonsense(&self, what: String) -> Error {
        Error::Protocol { address: self.address.clone(), what }
    }
}
