//! Which pages and programs may ask at all: the rules about `Host` and `Origin`.
//!
//! In development mode nobody proves who he is, so a page elsewhere must not reach the cluster through a developer's browser,
//! neither directly nor by a name that it makes point at loopback. With keys (or where the operator chose to go without), the rules
//! apply where a list of origins is configured.
//! Tokens are not looked at here.

use http::{HeaderMap, Request, header};
use tokio::time::Instant;

use crate::{Answer, Client, Host, LogThrottle, Origin, TrustedProxies, client::X_FORWARDED_HOST};

static HOST_LINES: LogThrottle = LogThrottle::new();
static ORIGIN_LINES: LogThrottle = LogThrottle::new();

/// The rules of one listener.
#[derive(Debug, Clone)]
pub struct Policy {
    /// Development mode without `--insecure`: `Host` and `Origin` are always checked, and clients are on loopback.
    pub development: bool,
    /// The addresses at which this node is known (`node.advertise` and its port). An `Origin` that names one counts as none,
    /// because Spring Cloud Gateway invents it.
    pub own: Vec<Host>,
    /// `ws.origins`.
    pub origins: Vec<Origin>,
    /// The proxies whose `X-Forwarded-Host` is believed.
    pub proxies: TrustedProxies,
}

/// Who asks, as far as one can tell before a token is looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Asker {
    /// A page in a browser: it cannot see a status, only a Close.
    Browser {
        /// Its origin.
        origin: String,
    },
    /// Anything else.
    Program,
}

impl Policy {
    /// Lets everybody ask.
    pub fn open() -> Policy {
        Policy { development: false, own: Vec::new(), origins: Vec::new(), proxies: TrustedProxies::none() }
    }

    /// All rules at once; `peer` is the other end of the socket, `client` is who is behind it.
    pub fn check<B>(
        &self,
        request: &Request<B>,
        peer: std::net::IpAddr,
        client: &Client,
    ) -> Result<Asker, Answer> {
        if self.development && !client.address.is_loopback() {
            return Err(Answer::forbidden(
                "development mode serves this machine only; configure keys, or start with --insecure",
            ));
        }
        self.check_host(request.headers())?;
        self.check_origin(request.headers(), self.proxies.contains(peer))
    }

    /// The rule about `Host` alone, for listeners that open no WebSocket.
    pub fn check_host(&self, headers: &HeaderMap) -> Result<(), Answer> {
        if !self.is_checked() {
            return Ok(());
        }
        let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
        if host.and_then(|host| host.parse().ok()).is_some_and(|host: Host| self.is_our_name(&host)) {
            return Ok(());
        }
        if let Some(lines_left_out) = HOST_LINES.take(Instant::now()) {
            tracing::warn!(
                host,
                lines_left_out,
                "refused a Host that is none of ours; see ws.origins and node.advertise"
            );
        }
        Err(Answer::forbidden("this Host is not served here"))
    }

    fn check_origin(&self, headers: &HeaderMap, by_trusted: bool) -> Result<Asker, Answer> {
        let mut lines = headers.get_all(header::ORIGIN).iter();
        let Some(line) = lines.next() else { return Ok(Asker::Program) };
        let text = line.to_str().ok().filter(|_| lines.next().is_none());
        let origin: Option<Origin> = text.and_then(|text| text.parse().ok());
        if origin.as_ref().is_some_and(|origin| self.own.iter().any(|own| origin.is_at(own))) {
            return Ok(Asker::Program);
        }
        let allowed = match &origin {
            _ if !self.is_checked() => true,
            None => false,
            Some(origin) => self.origins.contains(origin) || self.is_at_home(origin, headers, by_trusted),
        };
        if allowed {
            return Ok(Asker::Browser { origin: text.unwrap_or_default().to_owned() });
        }
        if let Some(lines_left_out) = ORIGIN_LINES.take(Instant::now()) {
            tracing::warn!(
                origin = text,
                lines_left_out,
                "refused a page of this origin; to let it in, add it to ws.origins"
            );
        }
        Err(Answer::forbidden("pages of this origin may not connect here"))
    }

    fn is_checked(&self) -> bool {
        self.development || !self.origins.is_empty()
    }

    fn is_our_name(&self, host: &Host) -> bool {
        host.is_literal()
            || self.own.iter().any(|own| own.name == host.name)
            || self.origins.iter().any(|origin| origin.host().name == host.name)
    }

    /// A page's own host, and in development mode any page of this machine.
    fn is_at_home(&self, origin: &Origin, headers: &HeaderMap, by_trusted: bool) -> bool {
        if self.development && origin.host().is_loopback() {
            return true;
        }
        let forwarded = if by_trusted { headers.get(X_FORWARDED_HOST) } else { None };
        let asked = forwarded.or_else(|| headers.get(header::HOST)).and_then(|host| host.to_str().ok());
        // Of several proxies, the first was the one that the page called.
        let asked = asked.and_then(|hosts| hosts.split(',').next()).and_then(|host| host.trim().parse().ok());
        asked.is_some_and(|host: Host| origin.is_at(&host))
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::*;

    fn development() -> Policy {
        Policy {
            development: true,
            own: vec![Host::new("node.local", 19998), Host::new("127.0.0.1", 19998)],
            origins: vec!["https://app.example".parse().expect("an origin")],
            proxies: TrustedProxies::neighbours(),
        }
    }

    fn listed() -> Policy {
        Policy { development: false, ..development() }
    }

    fn asked_from(policy: &Policy, peer: &str, headers: &[(&str, &str)]) -> Result<Asker, u16> {
        let mut request = Request::get("/ws/1");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(()).expect("a request");
        let peer: IpAddr = peer.parse().expect("an address");
        let client = Client::of(peer, request.headers(), &policy.proxies);
        policy.check(&request, peer, &client).map_err(|answer| answer.status().as_u16())
    }

    fn asked(policy: &Policy, headers: &[(&str, &str)]) -> Result<Asker, u16> {
        asked_from(policy, "127.0.0.1", headers)
    }

    fn browser(origin: &str) -> Result<Asker, u16> {
        Ok(Asker::Browser { origin: origin.to_owned() })
    }

    #[test]
    fn in_development_a_name_that_points_at_loopback_is_refused() {
        for host in ["evil.example", "evil.example:19998", "127.0.0.1.evil.example", "", "a b"] {
            assert_eq!(asked(&development(), &[("host", host)]), Err(403), "{host}");
        }
        assert_eq!(asked(&development(), &[]), Err(403));
        for host in ["127.0.0.1:19998", "localhost:8080", "[::1]", "10.0.0.5", "node.local", "NODE.local:1"] {
            assert_eq!(asked(&development(), &[("host", host)]), Ok(Asker::Program), "{host}");
        }
    }

    #[test]
    fn in_development_a_page_is_at_home_on_this_machine_or_on_the_list() {
        let from = |origin: &str| asked(&development(), &[("host", "127.0.0.1:19998"), ("origin", origin)]);
        for origin in
            ["http://localhost:3000", "http://127.0.0.1", "http://[::1]:5173", "https://app.example"]
        {
            assert_eq!(from(origin), browser(origin), "{origin}");
        }
        let strange = [
            "null",
            "http://evil.example",
            "https://app.example.evil.example",
            "http://app.example",
            "",
            "junk",
        ];
        for origin in strange {
            assert_eq!(from(origin), Err(403), "{origin}");
        }
    }

    #[test]
    fn a_page_is_at_home_at_the_host_that_a_trusted_proxy_names() {
        let headers = [
            ("host", "127.0.0.1:19998"),
            ("origin", "https://dev.example"),
            ("x-forwarded-host", "dev.example"),
        ];
        assert_eq!(asked(&development(), &headers), browser("https://dev.example"));
        let strict = Policy { proxies: TrustedProxies::none(), ..development() };
        assert_eq!(asked(&strict, &headers), Err(403));
        let elsewhere = [
            ("host", "10.0.0.9:8080"),
            ("origin", "http://10.0.0.9:8080"),
            ("x-forwarded-host", "dev.example"),
        ];
        assert_eq!(asked(&development(), &elsewhere), Err(403), "what the proxy names comes before Host");
        assert_eq!(asked(&development(), &elsewhere[..2]), browser("http://10.0.0.9:8080"));
    }

    #[test]
    fn an_origin_that_names_the_nodes_own_address_counts_as_none() {
        for policy in [development(), listed(), Policy { origins: Vec::new(), ..listed() }] {
            let headers = [("host", "127.0.0.1:19998"), ("origin", "http://127.0.0.1:19998")];
            assert_eq!(asked(&policy, &headers), Ok(Asker::Program));
        }
    }

    #[test]
    fn in_development_only_this_machine_is_served() {
        let host = ("host", "127.0.0.1:19998");
        assert_eq!(asked_from(&development(), "192.0.2.1", &[host]), Err(403));
        assert_eq!(asked(&development(), &[host, ("x-forwarded-for", "192.0.2.1")]), Err(403));
        assert_eq!(asked(&development(), &[host, ("x-forwarded-for", "10.0.0.9")]), Err(403));
        assert_eq!(asked_from(&development(), "::1", &[host]), Ok(Asker::Program));
    }

    #[test]
    fn with_keys_and_a_list_only_the_list_may_come() {
        let host = ("host", "10.0.0.5:19998");
        assert_eq!(
            asked(&listed(), &[host, ("origin", "https://app.example")]),
            browser("https://app.example")
        );
        assert_eq!(asked(&listed(), &[host, ("origin", "http://localhost:3000")]), Err(403));
        assert_eq!(asked(&listed(), &[host, ("origin", "null")]), Err(403));
        assert_eq!(asked(&listed(), &[("host", "evil.example")]), Err(403));
        assert_eq!(asked(&listed(), &[("host", "app.example")]), Ok(Asker::Program));
        let twice = [host, ("origin", "https://app.example"), ("origin", "https://app.example")];
        assert_eq!(asked(&listed(), &twice), Err(403));
    }

    #[test]
    fn with_keys_and_no_list_anybody_may_ask() {
        let open = Policy { origins: Vec::new(), ..listed() };
        assert_eq!(asked_from(&open, "192.0.2.1", &[("host", "any.example")]), Ok(Asker::Program));
        let headers = [("host", "any.example"), ("origin", "http://evil.example")];
        assert_eq!(asked(&open, &headers), browser("http://evil.example"));
        assert_eq!(asked(&open, &[("origin", "null")]), browser("null"));
    }
}
