//! Whose request this is: the peer's, or, where the peer is a proxy that is trusted, the client's that it names.

use std::net::{IpAddr, SocketAddr};

use http::{HeaderMap, HeaderName};

use crate::TrustedProxies;

/// Where the client is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Client {
    /// The client's address, or the farthest that is known.
    pub address: IpAddr,
    /// Whether limits per address apply. They do not where a trusted proxy names no client: everybody behind it would share one limit.
    pub counted: bool,
}

impl Client {
    /// The right-most address of `X-Forwarded-For` that is not itself trusted, if `peer` is; else `peer`.
    pub fn of(peer: IpAddr, headers: &HeaderMap, proxies: &TrustedProxies) -> Client {
        let peer = peer.to_canonical();
        if !proxies.contains(peer) {
            return Client { address: peer, counted: true };
        }
        let mut farthest = peer;
        for address in forwarded_for(headers).iter().rev() {
            // What a trusted proxy could not name ends the trail: anything to the left of it may be invented.
            let Some(address) = address else { break };
            farthest = *address;
            if !proxies.contains(*address) {
                return Client { address: *address, counted: true };
            }
        }
        Client { address: farthest, counted: false }
    }
}

/// The header that names the client and the proxies on the way, the nearest last.
pub const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
/// The header that names the host that the client asked for.
pub const X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
/// The header that names the scheme that the client used.
pub const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// All lines as one list; `None` for what is no address.
fn forwarded_for(headers: &HeaderMap) -> Vec<Option<IpAddr>> {
    let lines = headers.get_all(X_FORWARDED_FOR).iter();
    lines
        .flat_map(|line| line.as_bytes().split(|byte| *byte == b',').map(address).collect::<Vec<_>>())
        .collect()
}

/// `192.0.2.1`, `192.0.2.1:80`, `2001:db8::1`, `[2001:db8::1]`, `[2001:db8::1]:80`.
fn address(text: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(text).ok()?.trim_matches([' ', '\t']);
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    let address = bare.parse().or_else(|_| text.parse::<SocketAddr>().map(|socket| socket.ip())).ok()?;
    Some(address.to_canonical())
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn client(peer: &str, lines: &[&'static str]) -> (String, bool) {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(X_FORWARDED_FOR, HeaderValue::from_static(line));
        }
        let peer = peer.parse().expect("an address");
        let client = Client::of(peer, &headers, &TrustedProxies::neighbours());
        (client.address.to_string(), client.counted)
    }

    #[test]
    fn a_stranger_is_not_believed() {
        assert_eq!(client("203.0.113.9", &["198.51.100.1"]), ("203.0.113.9".to_owned(), true));
    }

    #[test]
    fn the_right_most_address_that_is_not_trusted_counts() {
        let lines = ["192.0.2.66, 198.51.100.1", "10.0.0.7"];
        assert_eq!(client("127.0.0.1", &lines), ("198.51.100.1".to_owned(), true));
        assert_eq!(client("::ffff:10.0.0.1", &["[2001:db8::5]:4711"]), ("2001:db8::5".to_owned(), true));
        assert_eq!(client("10.0.0.1", &["198.51.100.1:4711"]), ("198.51.100.1".to_owned(), true));
    }

    #[test]
    fn a_proxy_that_names_no_client_is_not_counted() {
        assert_eq!(client("10.0.0.1", &[]), ("10.0.0.1".to_owned(), false));
        assert_eq!(client("10.0.0.1", &["192.168.0.9, 10.0.0.2"]), ("192.168.0.9".to_owned(), false));
        assert_eq!(client("10.0.0.1", &["198.51.100.1, unknown"]), ("10.0.0.1".to_owned(), false));
    }
}
