//! One small HTTP request to a Nacos server: what its gRPC interface does not offer.
//!
//! The caller limits the time. No redirects, no proxy, no TLS.

use std::pin::pin;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1;
use hyper::header::{CONNECTION, CONTENT_TYPE, HOST};
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

/// Answers of these calls have a few hundred bytes; whoever sends more is no Nacos.
const BODY_BYTES_MAX: usize = 64 * 1024;

/// What was answered.
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) body: Bytes,
}

/// Why there was no answer.
pub(super) type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Posts a form; nothing of it stands in the URL, which servers log.
pub(super) async fn post_form(server: &str, path: &str, fields: &[(&str, &str)]) -> Result<Answer, Failure> {
    let form = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
    let request = Request::post(path).header(CONTENT_TYPE, "application/x-www-form-urlencoded");
    exchange(server, request, form).await
}

/// Gets a path with its query.
pub(super) async fn get(server: &str, path: &str) -> Result<Answer, Failure> {
    exchange(server, Request::get(path), String::new()).await
}

async fn exchange(
    server: &str,
    request: hyper::http::request::Builder,
    body: String,
) -> Result<Answer, Failure> {
    let request =
        request.header(HOST, server).header(CONNECTION, "close").body(Full::new(Bytes::from(body)))?;
    let stream = TcpStream::connect(server).await?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    let mut answered = pin!(async move {
        let response = sender.send_request(request).await?;
        let status = response.status();
        let body = Limited::new(response.into_body(), BODY_BYTES_MAX).collect().await?.to_bytes();
        Ok(Answer { status, body })
    });
    // The connection may end before its last bytes were looked at.
    tokio::select! {
        biased;
        answer = &mut answered => answer,
        _ended = connection => answered.await,
    }
}
