//! A tiny HTTP/1.1 client: one request a connection, the answer as it came.
//!
//! For the HTTP interface, health and metrics. It follows no redirects and speaks no TLS.

mod answer;
mod metrics;

use std::time::Duration;

use serde_json::Value;

use crate::connection::{Connection, Ended};
use crate::url;

pub use answer::Answer;
pub use metrics::Metrics;

/// For a whole exchange; what takes longer on loopback hangs.
const EXCHANGE_DEADLINE: Duration = Duration::from_secs(20);

/// Asks one server, with the same headers each time.
#[derive(Clone, Debug)]
pub struct Http {
    host: String,
    headers: Vec<(String, String)>,
}

impl Http {
    /// A client of `http://host:port`.
    ///
    /// # Panics
    ///
    /// When the URL is none, or has a path.
    pub fn at(base: &str) -> Self {
        let (host, path) = url::split(base);
        assert_eq!(path, "/", "{base:?} must have no path");
        Self { host: host.to_owned(), headers: Vec::new() }
    }

    /// The same client with one more header on each request.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The same client with an API key.
    pub fn bearer(self, key: &str) -> Self {
        self.header("Authorization", &format!("Bearer {key}"))
    }

    /// `GET`.
    ///
    /// # Panics
    ///
    /// When there is no answer; so do the other verbs.
    pub async fn get(&self, path: &str) -> Answer {
        self.request("GET", path, None).await
    }

    /// `POST` with a JSON body.
    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        self.request("POST", path, Some(body)).await
    }

    /// `PUT` with a JSON body.
    pub async fn put(&self, path: &str, body: &Value) -> Answer {
        self.request("PUT", path, Some(body)).await
    }

    /// `DELETE`.
    pub async fn delete(&self, path: &str) -> Answer {
        self.request("DELETE", path, None).await
    }

    /// `GET /metrics`, read as Prometheus' text format.
    ///
    /// # Panics
    ///
    /// When the answer is not 200, or not that format.
    pub async fn metrics(&self) -> Metrics {
        let answer = self.get("/metrics").await;
        assert_eq!(answer.status, 200, "{answer:?}");
        Metrics::parse(&answer.text())
    }

    /// Any method, with a JSON body or without.
    pub async fn request(&self, method: &str, path: &str, body: Option<&Value>) -> Answer {
        let body = body.map(|body| ("application/json", body.to_string().into_bytes()));
        let answer =
            self.try_request(method, path, body.as_ref().map(|(kind, body)| (*kind, body.as_slice()))).await;
        answer.unwrap_or_else(|ended| panic!("{method} http://{}{path}: {ended}", self.host))
    }

    /// Any method with any body (content type and bytes); a server that cannot be reached or does not answer is an `Err`.
    pub async fn try_request(
        &self,
        method: &str,
        path: &str,
        body: Option<(&str, &[u8])>,
    ) -> Result<Answer, Ended> {
        let mut request = format!("{method} {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n", self.host);
        for (name, value) in &self.headers {
            request.push_str(&format!("{name}: {value}\r\n"));
        }
        if let Some((kind, body)) = body {
            request.push_str(&format!("Content-Type: {kind}\r\nContent-Length: {}\r\n", body.len()));
        }
        request.push_str("\r\n");
        let mut bytes = request.into_bytes();
        bytes.extend_from_slice(body.map_or(&[], |(_, body)| body));
        let mut connection = Connection::open(&self.host, None).await?;
        connection.write(&bytes).await?;
        connection.answer(EXCHANGE_DEADLINE).await
    }
}
