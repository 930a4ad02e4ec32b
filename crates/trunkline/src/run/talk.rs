//! `trunkline send` and `trunkline tail`: talking to a cluster from a terminal, as any client would.
//!
//! What a program may want to read goes to standard output: the receipt, and one frame a line.

use std::io::{self, Write};
use std::net::TcpStream;
use std::time::Duration;

use ports::Chance;
use serde::Deserialize;
use serde_json::json;
use tungstenite::client::IntoClientRequest;
use tungstenite::handshake::client::Request;
use tungstenite::{HandshakeError, Message, WebSocket};
use url::Url;

use super::Failure;
use crate::cli::{SendArgs, TailArgs, Target};
use crate::exit::Exit;

/// How long a connect, and the answer to a send, may take.
const ANSWER_LIMIT: Duration = Duration::from_secs(10);
/// What to do where a token is missing or not accepted.
const TOKEN_ADVICE: &str = "; give --token, which `trunkline token` makes";

/// Sends one message, and prints what became of it.
pub fn send(arguments: &SendArgs) -> Exit {
    ended(send_one(arguments))
}

/// Prints a user's messages until it is interrupted.
pub fn tail(arguments: &TailArgs) -> Exit {
    ended(follow(arguments))
}

fn ended(result: Result<(), Failure>) -> Exit {
    match result {
        Ok(()) => Exit::Done,
        Err(failure) => failure.print(),
    }
}

fn send_one(arguments: &SendArgs) -> Result<(), Failure> {
    let to = match (&arguments.to, &arguments.group) {
        (Some(user), _) => json!({ "user": user_id("--to", user)? }),
        (None, Some(group)) => json!({ "group": group }),
        (None, None) => return Err(Failure::usage("--to USER or --group GROUP is needed")),
    };
    let mut socket = connect(&arguments.target, &arguments.user, &device("send"))?;
    let id = format!("{:032x}", Chance::System.bits());
    let frame = json!({ "type": "send", "id": id, "to": to, "content": { "text": arguments.text } });
    socket.send(Message::text(frame.to_string())).map_err(|error| lost(&error))?;
    loop {
        let text = read(&mut socket)?;
        let frame: Frame = serde_json::from_str(&text)
            .map_err(|_| Failure::unavailable("what answers there does not speak trunkline.v1"))?;
        match (frame.kind.as_str(), frame.id.as_deref()) {
            ("receipt" | "sent", Some(answered)) if answered == id => {
                print(&text)?;
                // Whatever the server still says, the message has its answer.
                drop(socket.close(None));
                return Ok(());
            }
            ("error", _) => {
                let code = frame.code.as_ref().and_then(serde_json::Value::as_str).unwrap_or_default();
                let reason = frame.reason.unwrap_or_default();
                let advice = if code == "unauthorized" { TOKEN_ADVICE } else { "" };
                return Err(Failure::unavailable(format!("refused, {code}: {reason}{advice}")));
            }
            ("bye", _) => return Err(Failure::unavailable(format!("the server ended the session: {text}"))),
            _ => {}
        }
    }
}

fn follow(arguments: &TailArgs) -> Result<(), Failure> {
    let mut socket = connect(&arguments.target, &arguments.user, &device("tail"))?;
    set_read_limit(&socket, None)?;
    loop {
        let text = read(&mut socket)?;
        print(&text)?;
    }
}

/// A device that nobody else has, so that nobody is replaced, not even another one of the same.
fn device(name: &str) -> String {
    format!("{name}-{:08x}", Chance::System.bits() as u32)
}

fn print(text: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    let printed = writeln!(out, "{text}").and_then(|()| out.flush());
    printed.map_err(|error| Failure::defect(format!("cannot print: {error}")))
}

/// The fields of a frame that matter here.
#[derive(Deserialize)]
struct Frame {
    #[serde(rename = "type")]
    kind: String,
    id: Option<String>,
    code: Option<serde_json::Value>,
    reason: Option<String>,
}

fn connect(target: &Target, user: &str, device: &str) -> Result<WebSocket<TcpStream>, Failure> {
    let user = user_id("--user", user)?;
    if !target.url.starts_with("ws://") {
        return Err(Failure::usage("--url: must begin with ws:// (wss:// is not supported yet)"));
    }
    let url = Url::parse(&target.url).map_err(|error| Failure::usage(format!("--url: {error}")))?;
    let host = url.host_str().ok_or_else(|| Failure::usage("--url: names no host"))?;
    let port = url.port_or_known_default().unwrap_or(80);
    let at = format!("{host}:{port}");
    let stream = TcpStream::connect((host.trim_matches(['[', ']']), port));
    let stream = stream.map_err(|error| {
        Failure::unavailable(format!(
            "nobody answers at {at}: {error}; is `trunkline up` running, and --url right?"
        ))
    })?;
    let limited = stream.set_read_timeout(Some(ANSWER_LIMIT)).and_then(|()| stream.set_nodelay(true));
    limited.map_err(|error| Failure::unavailable(format!("{at}: {error}")))?;
    let request = request(&url, &user, device, target)?;
    match tungstenite::client(request, stream) {
        Ok((socket, _response)) => Ok(socket),
        Err(HandshakeError::Failure(tungstenite::Error::Http(answer))) => {
            let body = answer.body().as_deref().map(String::from_utf8_lossy).unwrap_or_default();
            let advice = match answer.status() {
                http::StatusCode::NOT_FOUND => "; --url ends with the path before the user, such as /ws",
                http::StatusCode::UNAUTHORIZED => TOKEN_ADVICE,
                _ => "",
            };
            Err(Failure::unavailable(format!("{at} answered {}: {body}{advice}", answer.status())))
        }
        Err(HandshakeError::Failure(error)) => Err(Failure::unavailable(format!("{at}: {error}"))),
        Err(HandshakeError::Interrupted(_)) => {
            Err(Failure::unavailable(format!("{at} did not answer in time")))
        }
    }
}

fn user_id(flag: &str, text: &str) -> Result<wire::id::UserId, Failure> {
    text.parse().map_err(|error| {
        Failure::usage(format!("{flag}: {error}; of another name the chat page makes an id, and shows it"))
    })
}

fn request(url: &Url, user: &wire::id::UserId, device: &str, target: &Target) -> Result<Request, Failure> {
    let address = format!("{}/{user}?device={device}", url.as_str().trim_end_matches('/'));
    let mut request =
        address.into_client_request().map_err(|error| Failure::usage(format!("--url: {error}")))?;
    let v1 = http::HeaderValue::from_static("trunkline.v1");
    request.headers_mut().insert(http::header::SEC_WEBSOCKET_PROTOCOL, v1);
    if let Some(token) = target.token.as_ref().and_then(|token| token.expose_text()) {
        let value = http::HeaderValue::try_from(format!("Bearer {token}"));
        let mut value = value.map_err(|_| Failure::usage("--token: is not a token"))?;
        value.set_sensitive(true);
        request.headers_mut().insert(http::header::AUTHORIZATION, value);
    }
    Ok(request)
}

/// The next text frame; pings are answered on the way.
fn read(socket: &mut WebSocket<TcpStream>) -> Result<String, Failure> {
    loop {
        match socket.read().map_err(|error| lost(&error))? {
            Message::Text(text) => return Ok(text.to_string()),
            Message::Close(close) => {
                let why =
                    close.map_or_else(String::new, |close| format!(": {} {}", close.code, close.reason));
                return Err(Failure::unavailable(format!("the server closed the session{why}")));
            }
            _ => {}
        }
    }
}

fn set_read_limit(socket: &WebSocket<TcpStream>, limit: Option<Duration>) -> Result<(), Failure> {
    let set = socket.get_ref().set_read_timeout(limit);
    set.map_err(|error| Failure::defect(format!("cannot set a time-out: {error}")))
}

fn lost(error: &tungstenite::Error) -> Failure {
    Failure::unavailable(format!("the connection was lost: {error}"))
}
