//! The way to a listener in memory.

use std::io;
use std::net::SocketAddr;

use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;

use crate::MemorySocket;

/// Connects to one listener in memory. Clones connect to the same one.
#[derive(Debug, Clone)]
pub struct Dialer {
    connections: mpsc::Sender<(MemorySocket, SocketAddr)>,
    bytes_max: usize,
}

impl Dialer {
    pub(crate) fn new(connections: mpsc::Sender<(MemorySocket, SocketAddr)>, bytes_max: usize) -> Dialer {
        Dialer { connections, bytes_max }
    }

    /// The client's end of a new connection, which comes from `remote`. As with TCP, it is there before it is accepted.
    ///
    /// # Errors
    /// Refused when nobody listens any more; timed out when too many wait to be accepted.
    pub fn connect(&self, remote: SocketAddr) -> io::Result<MemorySocket> {
        let (ours, theirs) = MemorySocket::pair(self.bytes_max);
        match self.connections.try_send((theirs, remote)) {
            Ok(()) => Ok(ours),
            Err(TrySendError::Closed(_)) => Err(io::ErrorKind::ConnectionRefused.into()),
            Err(TrySendError::Full(_)) => Err(io::ErrorKind::TimedOut.into()),
        }
    }
}
