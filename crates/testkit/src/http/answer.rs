//! An HTTP/1.1 answer as it came: status, headers in their order, body.

use serde_json::Value;
use tokio::time::Instant;

use crate::connection::{Connection, Ended};

/// An answer to an HTTP request, or to a WebSocket handshake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// 200 and so on.
    pub status: u16,
    /// The words behind the status.
    pub reason: String,
    /// Name and value of each header line, in their order.
    pub headers: Vec<(String, String)>,
    /// The body, without its transfer encoding; empty for 1xx, 204 and 304.
    pub body: Vec<u8>,
}

impl Answer {
    /// The value of a header, whatever the case of its name; the first if there are several.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers_named(name).first().copied()
    }

    /// The values of all header lines of that name.
    pub fn headers_named(&self, name: &str) -> Vec<&str> {
        let named = self.headers.iter().filter(|(n, _)| n.eq_ignore_ascii_case(name));
        named.map(|(_, value)| value.as_str()).collect()
    }

    /// The body as text.
    ///
    /// # Panics
    ///
    /// When it is no UTF-8.
    pub fn text(&self) -> String {
        String::from_utf8(self.body.clone()).unwrap_or_else(|_| panic!("the body is no UTF-8: {self:?}"))
    }

    /// The body as JSON.
    ///
    /// # Panics
    ///
    /// When it is none.
    pub fn json(&self) -> Value {
        let text = self.text();
        serde_json::from_str(&text)
            .unwrap_or_else(|error| panic!("the body of {} is no JSON ({error}): {text:?}", self.status))
    }

    /// Reads one answer.
    pub(crate) async fn read(connection: &mut Connection, end: Instant) -> Result<Self, Ended> {
        let line = connection.take_line(end).await?;
        let mut words = line.splitn(3, ' ');
        let version = words.next().unwrap_or_default();
        let status = words.next().and_then(|word| word.parse().ok());
        let (true, Some(status)) = (version.starts_with("HTTP/1."), status) else {
            return Err(Ended::Broken(format!("not a status line: {line:?}")));
        };
        let reason = words.next().unwrap_or_default().to_owned();
        let mut headers = Vec::new();
        loop {
            let line = connection.take_line(end).await?;
            if line.is_empty() {
                break;
            }
            let Some((name, value)) = line.split_once(':') else {
                return Err(Ended::Broken(format!("not a header line: {line:?}")));
            };
            headers.push((name.to_owned(), value.trim().to_owned()));
        }
        let mut answer = Self { status, reason, headers, body: Vec::new() };
        answer.body = answer.read_body(connection, end).await?;
        Ok(answer)
    }

    async fn read_body(&self, connection: &mut Connection, end: Instant) -> Result<Vec<u8>, Ended> {
        if self.status < 200 || self.status == 204 || self.status == 304 {
            return Ok(Vec::new());
        }
        if self.header("Transfer-Encoding").is_some_and(|coding| coding.eq_ignore_ascii_case("chunked")) {
            return read_chunks(connection, end).await;
        }
        match self.header("Content-Length") {
            Some(length) => {
                let length = length.parse();
                let length =
                    length.map_err(|_| Ended::Broken("a Content-Length that is no number".to_owned()))?;
                connection.take(length, end).await
            }
            None => connection.take_rest(end).await,
        }
    }
}

async fn read_chunks(connection: &mut Connection, end: Instant) -> Result<Vec<u8>, Ended> {
    let mut body = Vec::new();
    loop {
        let line = connection.take_line(end).await?;
        let length = usize::from_str_radix(line.split(';').next().unwrap_or_default().trim(), 16)
            .map_err(|_| Ended::Broken(format!("not a chunk length: {line:?}")))?;
        body.extend(connection.take(length, end).await?);
        // After the last chunk this is the empty line behind the (absent) trailer.
        if !connection.take_line(end).await?.is_empty() {
            return Err(Ended::Broken("no line end after a chunk".to_owned()));
        }
        if length == 0 {
            return Ok(body);
        }
    }
}
