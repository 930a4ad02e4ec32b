//! One accepted socket, until it is closed or has become a WebSocket: hyper reads and answers, and this file sees to the deadlines.

use std::error::Error;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{Either, Full};
use hyper::body::{Body, Incoming};
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_util::sync::CancellationToken;

use crate::limits::{LINGER, LINGER_BYTES_MAX, STOP_GRACE};
use crate::{Answer, HandshakeLimits, Peer, Places, Socket, request, upgrade};

/// What the connections of one listener share.
#[derive(Clone)]
pub(crate) struct Shared<S> {
    builder: http1::Builder,
    pub(crate) sockets: Places,
    in_flight: Places,
    service: S,
}

impl<S> Shared<S> {
    pub(crate) fn new(limits: HandshakeLimits, service: S) -> Shared<S> {
        let mut builder = http1::Builder::new();
        builder
            .timer(TokioTimer::new())
            .header_read_timeout(limits.timeout)
            .max_headers(limits.fields_max)
            .max_header_size(limits.bytes_max)
            .max_buf_size(limits.bytes_max.max(HYPER_BUFFER_MIN));
        Shared {
            builder,
            sockets: Places::new(limits.sockets_max),
            in_flight: Places::new(limits.in_flight_max),
            service,
        }
    }
}

/// hyper refuses to work with less.
const HYPER_BUFFER_MIN: usize = 8 * 1024;

/// Serves the requests of one socket.
pub(crate) async fn serve<S, B>(socket: Socket, peer: Peer, shared: Shared<S>, stop: CancellationToken)
where
    S: Service<Request<Incoming>, Response = Response<B>> + Clone + Send + Sync + 'static,
    S::Future: Send + 'static,
    S::Error: Into<Box<dyn Error + Send + Sync>> + Send,
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    let requests = Arc::new(AtomicUsize::new(0));
    let builder = shared.builder.clone();
    let counter = Arc::clone(&requests);
    let service = service_fn(move |mut request: Request<Incoming>| {
        counter.fetch_add(1, Ordering::Relaxed);
        request.extensions_mut().insert(peer);
        answered(&shared, request)
    });
    let mut connection = builder.serve_connection(TokioIo::new(socket), service).with_upgrades();
    let ended = tokio::select! {
        biased;
        ended = &mut connection => Some(ended),
        () = stop.cancelled() => None,
    };
    let ended = match ended {
        Some(ended) => ended,
        None => {
            Pin::new(&mut connection).graceful_shutdown();
            match tokio::time::timeout(STOP_GRACE, &mut connection).await {
                Ok(ended) => ended,
                Err(_) => return,
            }
        }
    };
    // None: the socket has become a WebSocket.
    let Some(parts) = connection.into_parts() else { return };
    let mut socket = parts.io.into_inner();
    let late = ended.is_err_and(|error| error.is_timeout());
    // A connection that is kept alive and silent owes nobody a request.
    if late && (!parts.read_buf.is_empty() || requests.load(Ordering::Relaxed) == 0) {
        answer_late(&mut socket).await;
    }
    linger(socket).await;
}

/// The answer to one request: a refusal of ours, or the service's.
fn answered<S, B>(
    shared: &Shared<S>,
    request: Request<Incoming>,
) -> impl Future<Output = Result<Response<Either<Full<Bytes>, B>>, S::Error>> + Send + use<S, B>
where
    S: Service<Request<Incoming>, Response = Response<B>>,
    S::Future: Send,
    S::Error: Send,
    B: Send,
{
    let place = match request::check(&request) {
        Err(answer) => Err(answer),
        Ok(()) if !upgrade::is_asked_for(&request) => Ok(None),
        Ok(()) => shared.in_flight.take().map(Some).ok_or_else(|| {
            Answer::unavailable("too many handshakes at the same time", std::time::Duration::from_secs(1))
        }),
    };
    let answer = place.map(|place| (place, shared.service.call(request)));
    async move {
        match answer {
            Ok((place, answer)) => {
                let response = answer.await?.map(Either::Right);
                drop(place);
                Ok(response)
            }
            Err(answer) => Ok(answer.into_response().map(Either::Left)),
        }
    }
}

/// 408, which hyper leaves to us.
async fn answer_late(socket: &mut Socket) {
    let answer =
        Answer::bad_request("the request took too long to arrive").with_status(StatusCode::REQUEST_TIMEOUT);
    let body = answer.json();
    let mut bytes = format!(
        "HTTP/1.1 408 Request Timeout\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
        body.len()
    )
    .into_bytes();
    bytes.extend_from_slice(&body);
    // Whoever is gone, or takes nothing, gets no answer.
    if let Ok(Err(error)) = tokio::time::timeout(LINGER, socket.write_all(&bytes)).await {
        tracing::debug!(%error, "could not answer 408");
    }
}

/// Closes so that the last answer arrives: our end first, then whatever still comes is thrown away, within limits.
async fn linger(mut socket: Socket) {
    let drained = async {
        socket.shutdown().await?;
        let mut thrown_away = 0;
        let mut buffer = [0; 2048];
        while thrown_away < LINGER_BYTES_MAX {
            match socket.read(&mut buffer).await? {
                0 => break,
                bytes => thrown_away += bytes,
            }
        }
        Ok::<(), std::io::Error>(())
    };
    if let Ok(Err(error)) = tokio::time::timeout(LINGER, drained).await {
        tracing::trace!(%error, "the client was gone before its connection was closed");
    }
}
