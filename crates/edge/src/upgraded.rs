//! The socket after the 101: taken out of hyper, with whatever the other side had already sent behind its handshake.
//!
//! Those bytes are the first frames; who forgets them loses the first message of every client that does not wait.

use std::io;

use bytes::Bytes;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;

use crate::Socket;
use crate::limits::SWITCH_TIMEOUT;

/// Waits until the 101 is written (or read, for a client) and gives the raw socket and the bytes that were read beyond the handshake.
///
/// hyper must have been given a `TokioIo<Socket>`, as a [`crate::Listener`] does. `on_upgrade` is `hyper::upgrade::on(&mut request)`, taken before the request is answered, and awaited in a task of its own.
pub async fn upgraded(on_upgrade: OnUpgrade) -> io::Result<(Socket, Bytes)> {
    let upgraded = match tokio::time::timeout(SWITCH_TIMEOUT, on_upgrade).await {
        Ok(upgraded) => upgraded.map_err(io::Error::other)?,
        Err(_) => return Err(io::Error::new(io::ErrorKind::TimedOut, "the 101 could not be written")),
    };
    let parts = upgraded
        .downcast::<TokioIo<Socket>>()
        .map_err(|_| io::Error::other("the upgraded connection is not a plain socket"))?;
    let socket = parts.io.into_inner();
    socket.forget_reader();
    // A copy, so that a few bytes, or none, do not keep the whole buffer of the handshake alive.
    Ok((socket, Bytes::copy_from_slice(&parts.read_buf)))
}
