//! One client: its socket, what it has not understood yet, and what the socket has not taken yet.

use std::collections::VecDeque;
use std::io::{ErrorKind, Read, Write};

use mio::net::TcpStream;
use mio::{Interest, Registry, Token};

use super::failure::Failure;
use super::seat::{Seat, Step};
use crate::frame::{CLOSE, ClientFrame, Head, PING, PONG, TEXT};

/// Where a client is on its way in.
#[derive(Debug)]
enum Stage {
    /// The request is not sent yet.
    Connecting(String),
    /// The answer to it is waited for.
    Upgrading,
    /// Something is said and answered.
    Greeting(VecDeque<Step>),
    /// Logged in.
    Live,
}

/// One client.
#[derive(Debug)]
pub(super) struct Connection {
    socket: TcpStream,
    stage: Stage,
    steps: VecDeque<Step>,
    unread: Vec<u8>,
    unwritten: Vec<u8>,
}

impl Connection {
    /// Connects; the request is sent once the socket is there.
    pub(super) fn open(seat: Seat, registry: &Registry, token: Token) -> Result<Connection, Failure> {
        let mut socket = TcpStream::connect(seat.door)?;
        registry.register(&mut socket, token, Interest::READABLE | Interest::WRITABLE)?;
        let stage = Stage::Connecting(seat.request);
        Ok(Connection { socket, stage, steps: seat.steps, unread: Vec::new(), unwritten: Vec::new() })
    }

    /// Whether it is logged in.
    pub(super) fn is_live(&self) -> bool {
        matches!(self.stage, Stage::Live)
    }

    /// Sends, or keeps what the socket does not take.
    pub(super) fn send(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        if !self.unwritten.is_empty() {
            self.unwritten.extend_from_slice(bytes);
            return Ok(());
        }
        let taken = self.write(bytes)?;
        self.unwritten.extend_from_slice(bytes.get(taken..).unwrap_or_default());
        Ok(())
    }

    /// The socket takes something again, or for the first time.
    pub(super) fn writable(&mut self) -> Result<(), Failure> {
        if let Stage::Connecting(request) = &mut self.stage {
            if let Some(error) = self.socket.take_error()? {
                return Err(error.into());
            }
            let request = std::mem::take(request);
            self.socket.set_nodelay(true)?;
            self.stage = Stage::Upgrading;
            return self.send(request.as_bytes());
        }
        if !self.unwritten.is_empty() {
            let waiting = std::mem::take(&mut self.unwritten);
            self.send(&waiting)?;
        }
        Ok(())
    }

    /// Reads what is there, and calls `each` with every text frame of a client that is logged in.
    pub(super) fn readable(
        &mut self,
        scratch: &mut [u8],
        each: &mut impl FnMut(&[u8]) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        if matches!(self.stage, Stage::Connecting(_)) {
            return Ok(());
        }
        loop {
            let read = match self.socket.read(scratch) {
                Ok(0) => return Err(Failure("the server has closed a connection".to_owned())),
                Ok(read) => read,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return Err(error.into()),
            };
            let fresh = scratch.get(..read).unwrap_or_default();
            if self.unread.is_empty() {
                let used = self.understand(fresh, each)?;
                self.unread.extend_from_slice(fresh.get(used..).unwrap_or_default());
            } else {
                let mut all = std::mem::take(&mut self.unread);
                all.extend_from_slice(fresh);
                let used = self.understand(&all, each)?;
                all.drain(..used);
                self.unread = all;
            }
            // A read that was not filled has emptied the socket; what comes later is told of anew.
            if read < scratch.len() {
                return Ok(());
            }
        }
    }

    /// Takes whole frames off the front; how many bytes they were.
    fn understand(
        &mut self,
        bytes: &[u8],
        each: &mut impl FnMut(&[u8]) -> Result<(), Failure>,
    ) -> Result<usize, Failure> {
        let mut at = 0;
        if matches!(self.stage, Stage::Upgrading) {
            let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") else { return Ok(0) };
            if !bytes.starts_with(b"HTTP/1.1 101") {
                return Err(Failure(format!("instead of 101: {}", String::from_utf8_lossy(bytes))));
            }
            at = end + 4;
            self.stage = Stage::Greeting(std::mem::take(&mut self.steps));
            self.next_step()?;
        }
        while let Some(head) = bytes.get(at..).and_then(Head::of) {
            let payload = bytes.get(at + head.payload_at..at + head.end).unwrap_or_default();
            at += head.end;
            match head.opcode {
                TEXT => self.text(payload, each)?,
                PING => self.send(ClientFrame::new(PONG, payload).bytes())?,
                CLOSE => {
                    let code = payload.get(..2).map(|code| u16::from_be_bytes([code[0], code[1]]));
                    return Err(Failure(format!("the server has closed a session with {code:?}")));
                }
                _ => {}
            }
        }
        Ok(at)
    }

    fn text(
        &mut self,
        payload: &[u8],
        each: &mut impl FnMut(&[u8]) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let Stage::Greeting(steps) = &mut self.stage else { return each(payload) };
        if steps.front().is_some_and(|step| step.is_answered_by(payload)) {
            steps.pop_front();
            return self.next_step();
        }
        Ok(())
    }

    /// Says what is to be said next; with nothing left it is logged in.
    fn next_step(&mut self) -> Result<(), Failure> {
        let Stage::Greeting(steps) = &mut self.stage else { return Ok(()) };
        match steps.front_mut().map(|step| step.say.take()) {
            Some(Some(words)) => self.send(ClientFrame::text(&words).bytes()),
            Some(None) => Ok(()),
            None => {
                self.stage = Stage::Live;
                Ok(())
            }
        }
    }

    fn write(&mut self, bytes: &[u8]) -> Result<usize, Failure> {
        let mut taken = 0;
        while taken < bytes.len() {
            match self.socket.write(bytes.get(taken..).unwrap_or_default()) {
                Ok(more) => taken += more,
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(taken)
    }
}
