//! One question to RocketMQ in its remoting protocol, on a connection of its own.
//!
//! For what an operator would ask or order with `mqadmin`; the project's RocketMQ client is what the tests test, so it is not used here.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// The end of a queue.
pub(super) const MAX_OFFSET: u32 = 30;
/// Create a topic, or change it.
pub(super) const CREATE_TOPIC: u32 = 17;

/// For one question; a broker that was paused is not asked.
const ANSWER_DEADLINE: Duration = Duration::from_secs(10);
/// Larger than any answer to the questions above.
const FRAME_BYTES_MAX: u32 = 1024 * 1024;

/// Asks, and returns the header of the answer: `code`, `remark`, `extFields`.
pub(super) async fn ask(address: SocketAddr, code: u32, fields: &Value) -> io::Result<Value> {
    timeout(ANSWER_DEADLINE, exchange(address, code, fields)).await.map_err(|_| io::ErrorKind::TimedOut)?
}

async fn exchange(address: SocketAddr, code: u32, fields: &Value) -> io::Result<Value> {
    let header = json!({
        "code": code, "language": "OTHER", "version": 475, "opaque": 1, "flag": 0,
        "serializeTypeCurrentRPC": "JSON", "extFields": fields,
    });
    let header = header.to_string();
    let length = u32::try_from(header.len()).map_err(io::Error::other)?;
    let mut stream = TcpStream::connect(address).await?;
    stream
        .write_all(&[&(length + 4).to_be_bytes(), &length.to_be_bytes(), header.as_bytes()].concat())
        .await?;
    let frame_length = stream.read_u32().await?;
    // The high byte says how the header is written: 0 is JSON.
    let header_length = stream.read_u32().await?;
    if frame_length > FRAME_BYTES_MAX || header_length + 4 > frame_length {
        return Err(io::Error::other(format!(
            "a frame of {frame_length} with a header of {header_length} bytes"
        )));
    }
    let mut header = vec![0; header_length as usize];
    stream.read_exact(&mut header).await?;
    serde_json::from_slice(&header).map_err(io::Error::other)
}
