//! Is this request a proper WebSocket upgrade, and if not, what does the client have to change?
//!
//! The check is the same at the gateway and at the node, so neither forwards or accepts what the other would refuse.

use base64::{
    Engine,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Version, header};

use crate::{Answer, accept_key::accept_key, request::has_token};

/// A request that may be answered with 101.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upgrade {
    /// The client's `Sec-WebSocket-Key`, as written.
    pub key: HeaderValue,
    /// The subprotocols that the client offers, in its order, from all header lines together.
    pub offered: Vec<String>,
}

/// Says what the request asks for, or how it has to be answered.
pub fn check<B>(request: &Request<B>) -> Result<Upgrade, Answer> {
    let headers = request.headers();
    if request.version() != Version::HTTP_11 {
        return Err(upgrade_required("a WebSocket needs HTTP/1.1"));
    }
    if !has_token(headers, header::UPGRADE, "websocket") {
        return Err(upgrade_required("this path is a WebSocket: ask for it with `Upgrade: websocket`"));
    }
    if !has_token(headers, header::CONNECTION, "upgrade") {
        return Err(upgrade_required(
            "`Connection: upgrade` is missing; a proxy in between has to hand it on with `Upgrade`",
        ));
    }
    if request.method() != Method::GET {
        return Err(Answer::bad_request("a WebSocket is opened with GET")
            .with_status(StatusCode::METHOD_NOT_ALLOWED)
            .with_header(header::ALLOW, HeaderValue::from_static("GET")));
    }
    if has_body(headers) {
        return Err(Answer::bad_request("a request that opens a WebSocket has no body"));
    }
    if !is_one(headers, header::SEC_WEBSOCKET_VERSION, b"13") {
        return Err(Answer::bad_request("only `Sec-WebSocket-Version: 13` is spoken here")
            .with_status(StatusCode::UPGRADE_REQUIRED)
            .with_header(header::SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13")));
    }
    let key = key(headers)
        .ok_or_else(|| Answer::bad_request("`Sec-WebSocket-Key` must be 16 bytes in base64, once"))?;
    let offered = offered(headers)
        .ok_or_else(|| Answer::bad_request("`Sec-WebSocket-Protocol` must be a list of words"))?;
    Ok(Upgrade { key, offered })
}

/// True when the request asks for a WebSocket, properly or not.
pub fn is_asked_for<B>(request: &Request<B>) -> bool {
    has_token(request.headers(), header::UPGRADE, "websocket")
}

impl Upgrade {
    /// The `Sec-WebSocket-Accept` that answers this request.
    pub fn accept(&self) -> String {
        accept_key(self.key.as_bytes())
    }

    /// The 101. `protocol` must be one that was offered.
    pub fn response<B: Default>(&self, protocol: Option<&str>) -> Response<B> {
        let mut response = Response::new(B::default());
        *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
        let headers = response.headers_mut();
        headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
        headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
        if let Ok(accept) = HeaderValue::try_from(self.accept()) {
            headers.insert(header::SEC_WEBSOCKET_ACCEPT, accept);
        }
        if let Some(protocol) = protocol.and_then(|protocol| HeaderValue::try_from(protocol).ok()) {
            headers.insert(header::SEC_WEBSOCKET_PROTOCOL, protocol);
        }
        response
    }
}

/// 426: this can be had, but as a WebSocket.
fn upgrade_required(reason: &str) -> Answer {
    Answer::bad_request(reason)
        .with_status(StatusCode::UPGRADE_REQUIRED)
        .with_header(header::UPGRADE, HeaderValue::from_static("websocket"))
}

/// `Content-Length: 0` is what some proxies add to every request, and no body.
fn has_body(headers: &HeaderMap) -> bool {
    headers.contains_key(header::TRANSFER_ENCODING)
        || headers
            .get_all(header::CONTENT_LENGTH)
            .iter()
            .any(|length| !length.as_bytes().iter().all(|digit| *digit == b'0'))
}

/// True when there is one such line, and it says `value`.
fn is_one(headers: &HeaderMap, name: header::HeaderName, value: &[u8]) -> bool {
    let mut lines = headers.get_all(name).iter();
    lines.next().is_some_and(|line| line.as_bytes().trim_ascii() == value) && lines.next().is_none()
}

fn key(headers: &HeaderMap) -> Option<HeaderValue> {
    let mut lines = headers.get_all(header::SEC_WEBSOCKET_KEY).iter();
    let key = lines.next()?;
    let bytes = KEY.decode(key.as_bytes()).ok()?;
    (bytes.len() == KEY_BYTES && lines.next().is_none()).then(|| key.clone())
}

/// The offered subprotocols; `None` when one of them holds what no header list can hold.
fn offered(headers: &HeaderMap) -> Option<Vec<String>> {
    let mut offered = Vec::new();
    for line in headers.get_all(header::SEC_WEBSOCKET_PROTOCOL) {
        let words = line.to_str().ok()?.split(',').map(|word| word.trim_matches([' ', '\t']));
        for word in words.filter(|word| !word.is_empty()) {
            if !word.bytes().all(|byte| byte.is_ascii_graphic()) {
                return None;
            }
            offered.push(word.to_owned());
        }
    }
    Some(offered)
}

/// The nonce of RFC 6455, 4.1. Its last character may carry bits that no byte uses; some clients leave them set.
const KEY_BYTES: usize = 16;
const KEY: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::RequireCanonical)
        .with_decode_allow_trailing_bits(true),
);

#[cfg(test)]
mod tests {
    use http_body_util::Empty;

    use super::*;

    const KEY_TEXT: &str = "dGhlIHNhbXBsZSBub25jZQ==";

    fn request(change: impl FnOnce(&mut Request<()>)) -> Request<()> {
        let mut request = Request::get("/ws/1")
            .header("host", "127.0.0.1")
            .header("connection", "keep-alive, Upgrade")
            .header("upgrade", "WebSocket")
            .header("sec-websocket-version", "13")
            .header("sec-websocket-key", KEY_TEXT)
            .body(())
            .expect("a request");
        change(&mut request);
        request
    }

    fn set(name: &'static str, value: &'static str) -> impl FnOnce(&mut Request<()>) {
        move |request| {
            request.headers_mut().insert(name, HeaderValue::from_static(value));
        }
    }

    fn add(name: &'static str, value: &'static str) -> impl FnOnce(&mut Request<()>) {
        move |request| {
            request.headers_mut().append(name, HeaderValue::from_static(value));
        }
    }

    fn remove(name: &'static str) -> impl FnOnce(&mut Request<()>) {
        move |request| {
            request.headers_mut().remove(name);
        }
    }

    #[test]
    fn a_browsers_request_is_accepted() {
        let upgrade = check(&request(|_| ())).expect("an upgrade");
        assert_eq!(upgrade.accept(), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
        assert!(upgrade.offered.is_empty());
        let response: Response<Empty<bytes::Bytes>> = upgrade.response(Some("trunkline.v1"));
        assert_eq!(response.status(), 101);
        assert_eq!(response.headers()["sec-websocket-protocol"], "trunkline.v1");
        let response: Response<Empty<bytes::Bytes>> = upgrade.response(None);
        assert!(!response.headers().contains_key("sec-websocket-protocol"));
    }

    #[test]
    fn several_protocol_lines_count_as_one_list() {
        let request = request(|request| {
            add("sec-websocket-protocol", "trunkline.v1 ,bearer.a-b_c.d")(request);
            add("sec-websocket-protocol", ",, classic")(request);
        });
        let offered = check(&request).expect("an upgrade").offered;
        assert_eq!(offered, ["trunkline.v1", "bearer.a-b_c.d", "classic"]);
    }

    #[test]
    fn an_empty_body_is_no_body_and_any_other_is_refused() {
        assert!(check(&request(set("content-length", "0"))).is_ok());
        assert!(check(&request(set("content-length", "00"))).is_ok());
        for body in [set("content-length", "1"), set("transfer-encoding", "chunked")] {
            assert_eq!(check(&request(body)).expect_err("a body").status(), 400);
        }
    }

    #[test]
    fn what_asks_for_no_websocket_is_told_to() {
        let cases: [Request<()>; 5] = [
            request(remove("upgrade")),
            request(set("upgrade", "h2c")),
            request(remove("connection")),
            request(set("connection", "close")),
            request(|request| *request.version_mut() = Version::HTTP_10),
        ];
        for request in cases {
            let answer = check(&request).expect_err("no upgrade").into_response();
            assert_eq!(answer.status(), 426, "{request:?}");
            assert_eq!(answer.headers()["upgrade"], "websocket");
        }
    }

    #[test]
    fn another_version_is_told_ours() {
        let cases = [
            request(set("sec-websocket-version", "8")),
            request(remove("sec-websocket-version")),
            request(add("sec-websocket-version", "13")),
        ];
        for request in cases {
            let answer = check(&request).expect_err("a wrong version").into_response();
            assert_eq!(answer.status(), 426);
            assert_eq!(answer.headers()["sec-websocket-version"], "13");
        }
    }

    #[test]
    fn a_key_is_sixteen_bytes_once() {
        let cases = [
            request(remove("sec-websocket-key")),
            request(set("sec-websocket-key", "")),
            request(set("sec-websocket-key", "c2hvcnQ=")),
            request(set("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZSE=")),
            request(set("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ")),
            request(set("sec-websocket-key", "not base64 at all!!!!!==")),
            request(add("sec-websocket-key", KEY_TEXT)),
        ];
        for request in cases {
            assert_eq!(check(&request).expect_err("a wrong key").status(), 400, "{request:?}");
        }
        assert!(check(&request(set("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZR=="))).is_ok());
    }

    #[test]
    fn only_get_opens_a_websocket() {
        let answer = check(&request(|request| *request.method_mut() = Method::POST)).expect_err("a POST");
        assert_eq!(answer.into_response().headers()["allow"], "GET");
    }
}
