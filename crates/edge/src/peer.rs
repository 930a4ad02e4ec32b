//! The two ends of the TCP connection that a request came over. Every request of a [`crate::Listener`] carries one in its extensions.

use std::net::SocketAddr;

/// Who is at the other end of the socket, and where it reached us. Behind a proxy, that is the proxy: see [`crate::Client`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Peer {
    /// The other end.
    pub remote: SocketAddr,
    /// Our end.
    pub local: SocketAddr,
}
