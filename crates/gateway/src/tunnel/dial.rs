//! Asking one instance: connect, send the request, and look hard at the answer.
//!
//! Only a 101 that proves that the node read this very handshake opens a tunnel. Everything else is an answer or a failure, and its
//! socket is closed: a client that goes on sending "down the tunnel" reaches nobody.

use std::io;
use std::time::Duration;

use bytes::Bytes;
use edge::accept_key::accept_key;
use edge::{Socket, Tasks, upgraded};
use http::uri::PathAndQuery;
use http::{HeaderMap, Response, StatusCode, header};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use socket2::{SockRef, TcpKeepalive};
use tokio::net::TcpStream;
use tokio_util::task::AbortOnDropHandle;

use super::headers::node_request;
use super::limits::{ANSWER_BODY_BYTES_MAX, ANSWER_HEAD_BYTES_MAX, PROBE_AFTER, PROBE_EVERY, UNANSWERED_MAX};
use crate::balance::Address;

/// What an instance is asked.
#[derive(Debug)]
pub(crate) struct Question {
    /// The headers, all but `Host`.
    pub(crate) headers: HeaderMap,
    /// The raw path with its query, as the node shall see it.
    pub(crate) path: PathAndQuery,
    /// For one connect.
    pub(crate) connect_timeout: Duration,
}

/// What an instance answered.
#[derive(Debug)]
pub(crate) enum Dialled {
    /// A proper 101, the socket, and what the node sent right behind it.
    Open { response: Response<Bytes>, stream: Socket, first: Bytes },
    /// Anything else.
    Answered(Response<Bytes>),
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DialError {
    /// No connection within the time it has.
    #[error("no connection within {0:?}")]
    ConnectTimeout(Duration),
    /// No connection.
    #[error("cannot connect")]
    Connect(#[source] io::Error),
    /// A connection, and no answer on it.
    #[error("the connection ended before an answer")]
    Reset(#[source] hyper::Error),
    /// Something that is no answer to what was asked.
    #[error("{0}")]
    Invalid(&'static str),
    /// A 101 whose socket was lost at once.
    #[error("the connection was lost behind the 101")]
    Lost(#[source] io::Error),
    /// Nothing, until its share of the time was used up.
    #[error("no answer in time")]
    Late,
    /// An answer that leaves it to others.
    #[error("it answered {0}")]
    Busy(u16),
}

impl DialError {
    /// True when another instance may do better.
    pub(crate) fn goes_on(&self) -> bool {
        match self {
            DialError::ConnectTimeout(_) | DialError::Connect(_) | DialError::Reset(_) => true,
            DialError::Late | DialError::Busy(_) => true,
            DialError::Invalid(_) | DialError::Lost(_) => false,
        }
    }
}

/// Asks `instance`. Dropping the future closes the socket.
pub(crate) async fn dial(
    question: &Question,
    instance: &Address,
    tasks: &Tasks,
) -> Result<Dialled, DialError> {
    let connect = TcpStream::connect((instance.host.as_str(), instance.port));
    let stream = match tokio::time::timeout(question.connect_timeout, connect).await {
        Ok(connected) => connected.map_err(DialError::Connect)?,
        Err(_) => return Err(DialError::ConnectTimeout(question.connect_timeout)),
    };
    prepare(&stream).map_err(DialError::Connect)?;
    let mut builder = http1::Builder::new();
    builder.max_buf_size(ANSWER_HEAD_BYTES_MAX);
    let (mut sender, connection) =
        builder.handshake(TokioIo::new(Socket::from(stream))).await.map_err(DialError::Reset)?;
    // Its errors come back by the sender as well.
    let connection =
        AbortOnDropHandle::new(tasks.spawn(async move { connection.with_upgrades().await.ok() }));
    let request = node_request(&question.headers, &question.path, instance);
    let response = sender.send_request(request).await.map_err(unanswered)?;
    let dialled = match response.status() {
        StatusCode::SWITCHING_PROTOCOLS => opened(response, question).await,
        _ => answered(response).await,
    };
    drop(connection);
    dialled
}

/// Frames are written whole, so nothing is gained by waiting for more; and the kernel keeps an eye on the other machine.
fn prepare(stream: &TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let socket = SockRef::from(stream);
    socket.set_tcp_keepalive(&TcpKeepalive::new().with_time(PROBE_AFTER).with_interval(PROBE_EVERY))?;
    // Elsewhere than on Linux, the system's own patience has to do.
    #[cfg(target_os = "linux")]
    socket.set_tcp_user_timeout(Some(UNANSWERED_MAX))?;
    Ok(())
}

fn unanswered(error: hyper::Error) -> DialError {
    if error.is_parse() { DialError::Invalid("the answer is not HTTP") } else { DialError::Reset(error) }
}

async fn opened(mut response: Response<Incoming>, question: &Question) -> Result<Dialled, DialError> {
    check_101(response.headers(), &question.headers)?;
    let on_upgrade = hyper::upgrade::on(&mut response);
    let (stream, first) = upgraded(on_upgrade).await.map_err(DialError::Lost)?;
    Ok(Dialled::Open { response: response.map(|_| Bytes::new()), stream, first })
}

/// Anybody can say 101; only who read the request knows what to accept.
fn check_101(answer: &HeaderMap, asked: &HeaderMap) -> Result<(), DialError> {
    let says = |name, word: &str| {
        answer.get_all(name).iter().any(|line| {
            line.to_str()
                .is_ok_and(|line| line.split(',').any(|token| token.trim().eq_ignore_ascii_case(word)))
        })
    };
    if !says(header::UPGRADE, "websocket") || !says(header::CONNECTION, "upgrade") {
        return Err(DialError::Invalid("the 101 does not upgrade to a WebSocket"));
    }
    let key = asked.get(header::SEC_WEBSOCKET_KEY).map(|key| accept_key(key.as_bytes()));
    let mut accepted = answer.get_all(header::SEC_WEBSOCKET_ACCEPT).iter();
    let is_right =
        accepted.next().is_some_and(|line| key.is_some_and(|key| line.as_bytes() == key.as_bytes()));
    if !is_right || accepted.next().is_some() {
        return Err(DialError::Invalid("the 101 has a wrong Sec-WebSocket-Accept"));
    }
    Ok(())
}

async fn answered(response: Response<Incoming>) -> Result<Dialled, DialError> {
    let (parts, body) = response.into_parts();
    let body = Limited::new(body, ANSWER_BODY_BYTES_MAX).collect().await;
    let body = body.map_err(|_| DialError::Invalid("the answer is too long or ends too early"))?;
    Ok(Dialled::Answered(Response::from_parts(parts, body.to_bytes())))
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    #[tokio::test]
    async fn a_nodes_machine_is_watched_by_the_kernel() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let stream = TcpStream::connect(listener.local_addr().expect("an address")).await.expect("connected");
        prepare(&stream).expect("prepared");
        let socket = SockRef::from(&stream);
        assert!(socket.keepalive().expect("an option") && stream.nodelay().expect("an option"));
        assert_eq!(socket.tcp_keepalive_time().expect("an option"), PROBE_AFTER);
        assert_eq!(socket.tcp_user_timeout().expect("an option"), Some(UNANSWERED_MAX));
    }
}
