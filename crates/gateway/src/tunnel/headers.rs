//! Which headers pass, in both directions. The request to the node is built anew and never forwarded as it came.
//!
//! To the node goes what the client sent, without what concerns one connection only and without what only a proxy may say.
//! To the client goes what the node answered, without what concerns the other connection.

use bytes::Bytes;
use edge::client::{X_FORWARDED_FOR, X_FORWARDED_HOST, X_FORWARDED_PROTO};
use edge::{Peer, TrustedProxies, Upgrade};
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode, Uri, header};
use http_body_util::{Empty, Full};

use crate::balance::Address;

/// Who may say what about a client.
#[derive(Debug, Clone)]
pub(crate) struct Forwarding {
    pub(crate) trusted_proxies: TrustedProxies,
    pub(crate) identity_headers: Vec<HeaderName>,
}

impl Forwarding {
    /// The headers for the node, all but `Host`.
    pub(crate) fn to_node(&self, client: &HeaderMap, peer: Peer, upgrade: &Upgrade) -> HeaderMap {
        let peer = peer.remote.ip().to_canonical();
        let is_trusted = self.trusted_proxies.contains(peer);
        let nominated = nominated(client);
        let mut headers = HeaderMap::with_capacity(client.len() + 4);
        for (name, value) in client {
            let is_passed = !is_of_one_connection(name)
                && !nominated.contains(name)
                && !is_ours(name)
                && (is_trusted || !self.only_proxies_say(name));
            if is_passed {
                headers.append(name.clone(), value.clone());
            }
        }
        self.set_forwarded(&mut headers, client, &peer.to_string(), is_trusted);
        headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
        headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
        headers.insert(header::SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
        headers.insert(header::SEC_WEBSOCKET_KEY, upgrade.key.clone());
        if !upgrade.offered.is_empty()
            && let Ok(offered) = HeaderValue::try_from(upgrade.offered.join(", "))
        {
            headers.insert(header::SEC_WEBSOCKET_PROTOCOL, offered);
        }
        headers
    }

    fn set_forwarded(&self, headers: &mut HeaderMap, client: &HeaderMap, peer: &str, is_trusted: bool) {
        let mut trail: Vec<&str> = Vec::new();
        if is_trusted {
            trail.extend(client.get_all(X_FORWARDED_FOR).iter().filter_map(|line| line.to_str().ok()));
        }
        trail.push(peer);
        if let Ok(trail) = HeaderValue::try_from(trail.join(", ")) {
            headers.insert(X_FORWARDED_FOR, trail);
        }
        headers.entry(X_FORWARDED_PROTO).or_insert(HeaderValue::from_static("http"));
        if let Some(host) = client.get(header::HOST) {
            headers.entry(X_FORWARDED_HOST).or_insert(host.clone());
        }
    }

    fn only_proxies_say(&self, name: &HeaderName) -> bool {
        name == header::FORWARDED
            || name.as_str().starts_with("x-forwarded-")
            || self.identity_headers.contains(name)
    }
}

/// The request to one instance. `path` is the raw path with its query.
pub(crate) fn node_request(
    headers: &HeaderMap,
    path: &PathAndQuery,
    instance: &Address,
) -> Request<Empty<Bytes>> {
    let mut request = Request::new(Empty::new());
    *request.uri_mut() = Uri::from(path.clone());
    *request.headers_mut() = headers.clone();
    if let Ok(host) = HeaderValue::try_from(instance.to_string()) {
        request.headers_mut().insert(header::HOST, host);
    }
    request
}

/// The node's answer as the client gets it. Whatever is no 101 ends the connection, so that nothing behind the request is taken for another.
pub(crate) fn client_answer(node: Response<Bytes>) -> Response<Full<Bytes>> {
    let (parts, body) = node.into_parts();
    let nominated = nominated(&parts.headers);
    let mut response = Response::new(Full::new(body));
    *response.status_mut() = parts.status;
    for (name, value) in &parts.headers {
        let is_passed =
            !is_of_one_connection(name) && !nominated.contains(name) && name != header::CONTENT_LENGTH;
        if is_passed {
            response.headers_mut().append(name.clone(), value.clone());
        }
    }
    let (connection, upgrade) = match parts.status {
        StatusCode::SWITCHING_PROTOCOLS => ("upgrade", Some(HeaderValue::from_static("websocket"))),
        StatusCode::UPGRADE_REQUIRED => ("upgrade, close", parts.headers.get(header::UPGRADE).cloned()),
        _ => ("close", None),
    };
    response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static(connection));
    if let Some(upgrade) = upgrade {
        response.headers_mut().insert(header::UPGRADE, upgrade);
    }
    response
}

/// What `Connection` names concerns this connection only.
fn nominated(headers: &HeaderMap) -> Vec<HeaderName> {
    let lines = headers.get_all(header::CONNECTION).iter().filter_map(|line| line.to_str().ok());
    lines.flat_map(|line| line.split(',')).filter_map(|name| name.trim().parse().ok()).collect()
}

fn is_of_one_connection(name: &HeaderName) -> bool {
    const OTHERS: [&str; 2] = ["keep-alive", "proxy-connection"];
    [
        header::CONNECTION,
        header::UPGRADE,
        header::TE,
        header::TRAILER,
        header::TRANSFER_ENCODING,
        header::PROXY_AUTHENTICATE,
        header::PROXY_AUTHORIZATION,
    ]
    .contains(name)
        || OTHERS.contains(&name.as_str())
}

/// What is set anew on every request to a node; `Content-Length` could only be 0.
fn is_ours(name: &HeaderName) -> bool {
    [
        header::HOST,
        header::CONTENT_LENGTH,
        header::EXPECT,
        header::SEC_WEBSOCKET_KEY,
        header::SEC_WEBSOCKET_VERSION,
        header::SEC_WEBSOCKET_PROTOCOL,
        header::SEC_WEBSOCKET_ACCEPT,
    ]
    .contains(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";

    fn to_node(peer: &str, lines: &[(&str, &str)]) -> Vec<String> {
        let forwarding = Forwarding {
            trusted_proxies: TrustedProxies::new(vec!["10.0.0.0/8".parse().expect("a network")]),
            identity_headers: vec![HeaderName::from_static("x-user-id")],
        };
        let mut client = HeaderMap::new();
        for (name, value) in lines {
            let name: HeaderName = name.parse().expect("a name");
            client.append(name, value.parse().expect("a value"));
        }
        let peer = Peer {
            remote: peer.parse().expect("an address"),
            local: "127.0.0.1:1".parse().expect("an address"),
        };
        let upgrade =
            Upgrade { key: HeaderValue::from_static(KEY), offered: vec!["a".to_owned(), "b".to_owned()] };
        let headers = forwarding.to_node(&client, peer, &upgrade);
        let mut lines: Vec<String> = headers
            .iter()
            .map(|(name, value)| format!("{name}: {}", value.to_str().expect("text")))
            .filter(|line| {
                !line.starts_with("sec-websocket-")
                    && line != "connection: Upgrade"
                    && line != "upgrade: websocket"
            })
            .collect();
        lines.sort();
        lines
    }

    #[test]
    fn what_the_client_says_passes_and_what_concerns_its_connection_does_not() {
        let lines = to_node(
            "192.0.2.1:5000",
            &[
                ("host", "app.example"),
                ("authorization", "Bearer x"),
                ("cookie", "a=1"),
                ("cookie", "b=2"),
                ("origin", "https://app.example"),
                ("user-agent", "test"),
                ("connection", "Upgrade, X-Hop"),
                ("x-hop", "1"),
                ("keep-alive", "timeout=5"),
                ("te", "trailers"),
                ("proxy-authorization", "Basic x"),
                ("content-length", "0"),
                ("expect", "100-continue"),
                ("upgrade", "websocket"),
            ],
        );
        assert_eq!(
            lines,
            [
                "authorization: Bearer x",
                "cookie: a=1",
                "cookie: b=2",
                "origin: https://app.example",
                "user-agent: test",
                "x-forwarded-for: 192.0.2.1",
                "x-forwarded-host: app.example",
                "x-forwarded-proto: http",
            ]
        );
    }

    const CLAIMS: [(&str, &str); 7] = [
        ("host", "gateway"),
        ("x-forwarded-for", "198.51.100.7"),
        ("x-forwarded-host", "app.example"),
        ("x-forwarded-proto", "https"),
        ("x-forwarded-prefix", "/x"),
        ("forwarded", "for=198.51.100.7"),
        ("x-user-id", "7"),
    ];

    #[test]
    fn what_only_a_proxy_may_say_is_dropped_when_a_stranger_says_it() {
        let lines = to_node("192.0.2.1:5000", &CLAIMS);
        assert_eq!(
            lines,
            ["x-forwarded-for: 192.0.2.1", "x-forwarded-host: gateway", "x-forwarded-proto: http"]
        );
    }

    #[test]
    fn a_trusted_proxy_is_believed_and_joins_the_trail() {
        let lines = to_node("[::ffff:10.0.0.9]:5000", &CLAIMS);
        assert_eq!(
            lines,
            [
                "forwarded: for=198.51.100.7",
                "x-forwarded-for: 198.51.100.7, 10.0.0.9",
                "x-forwarded-host: app.example",
                "x-forwarded-prefix: /x",
                "x-forwarded-proto: https",
                "x-user-id: 7",
            ]
        );
    }

    #[test]
    fn lengths_and_encodings_of_a_nodes_101_do_not_reach_the_client() {
        let node = Response::builder()
            .status(101)
            .header("connection", "Upgrade, X-Hop")
            .header("upgrade", "WebSocket")
            .header("x-hop", "1")
            .header("sec-websocket-accept", "x")
            .header("sec-websocket-protocol", "b")
            .header("content-length", "0")
            .header("transfer-encoding", "chunked")
            .header("set-cookie", "a=1")
            .body(Bytes::new())
            .expect("a response");
        let answer = client_answer(node);
        let mut names: Vec<&str> = answer.headers().keys().map(HeaderName::as_str).collect();
        names.sort_unstable();
        assert_eq!(
            names,
            ["connection", "sec-websocket-accept", "sec-websocket-protocol", "set-cookie", "upgrade"]
        );
        assert_eq!(answer.headers()["connection"], "upgrade");
    }

    #[test]
    fn a_nodes_426_still_says_what_to_upgrade_to() {
        let node = Response::builder().status(426).header("upgrade", "websocket").header("retry-after", "1");
        let answer = client_answer(node.body(Bytes::from_static(b"x")).expect("a response"));
        assert_eq!(answer.headers()["upgrade"], "websocket");
        assert_eq!(answer.headers()["connection"], "upgrade, close");
        assert_eq!(answer.headers()["retry-after"], "1");
    }
}
