//! The way to end a connection of the library's from outside.
//!
//! The library runs a thread for each connection, which waits for the broker for as long as the socket is open: also for one that never answers.
//! So the socket is made here, a second handle of it is kept, and closing that ends the thread.

use std::io;
use std::net::{Shutdown, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_compat::Compat;
use lapin::tcp::AsyncTcpStream;
use tokio::time::timeout;

/// Pulled when it is dropped: the connection made through it ends, or is never made.
#[derive(Debug)]
pub(super) struct Plug(Socket);

/// Makes the connection that a [`Plug`] ends.
#[derive(Debug, Clone)]
pub(super) struct Socket(Arc<Mutex<State>>);

#[derive(Debug)]
enum State {
    Unconnected,
    Connected(TcpStream),
    Pulled,
}

impl Plug {
    pub(super) fn new() -> Plug {
        Plug(Socket(Arc::new(Mutex::new(State::Unconnected))))
    }

    /// What the plug is pulled of.
    pub(super) fn socket(&self) -> Socket {
        self.0.clone()
    }
}

impl Drop for Plug {
    fn drop(&mut self) {
        let mut state = self.0.state();
        if let State::Connected(stream) = &*state {
            // One that the broker has closed already is as good.
            stream.shutdown(Shutdown::Both).ok();
        }
        *state = State::Pulled;
    }
}

impl Socket {
    pub(super) async fn connect(
        &self,
        host: &str,
        port: u16,
        limit: Duration,
    ) -> io::Result<AsyncTcpStream<Compat<tokio::net::TcpStream>>> {
        let connected = timeout(limit, tokio::net::TcpStream::connect((host, port))).await;
        let stream = connected.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??;
        // Small frames are answered at once or not at all; waiting for more helps nobody.
        stream.set_nodelay(true)?;
        let stream = stream.into_std()?;
        let kept = stream.try_clone()?;
        {
            let mut state = self.state();
            if matches!(*state, State::Pulled) {
                return Err(io::ErrorKind::NotConnected.into());
            }
            *state = State::Connected(kept);
        }
        Ok(AsyncTcpStream::Plain(Compat::new(tokio::net::TcpStream::from_std(stream)?)))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
