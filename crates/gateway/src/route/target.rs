//! Where a route leads.

use std::fmt;

/// A service whose instances the registry knows, or one address.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Target {
    /// `lb:ws://name` or `lb://name`.
    Service(String),
    /// `ws://host:port`.
    Address {
        /// A name or address, without brackets.
        host: String,
        /// The port.
        port: u16,
    },
}

impl Target {
    /// Reads the `uri` of a route. A path in it is ignored, as Spring ignores it.
    pub fn parse(uri: &str) -> Result<Target, String> {
        let (scheme, rest) = uri.split_once("://").ok_or_else(|| without_scheme(uri))?;
        let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
        let scheme = scheme.to_ascii_lowercase();
        match scheme.as_str() {
            "lb" | "lb:ws" => service(host).map_err(|reason| format!("uri `{uri}`: {reason}")),
            "ws" => address(host).ok_or_else(|| format!("uri `{uri}` must be `ws://host:port`")),
            "wss" | "lb:wss" | "https" | "lb:https" => Err(format!(
                "uri `{uri}`: `{scheme}` (TLS to a node) is not supported; write `lb:ws://` or `ws://`"
            )),
            "http" | "lb:http" => Err(format!(
                "uri `{uri}`: `{scheme}` (plain HTTP) is not supported; this gateway routes WebSockets"
            )),
            _ => {
                Err(format!("uri `{uri}`: `{scheme}` is not supported; write `lb:ws://`, `lb://` or `ws://`"))
            }
        }
    }

    /// The service, where it is one.
    pub fn service(&self) -> Option<&str> {
        match self {
            Target::Service(name) => Some(name),
            Target::Address { .. } => None,
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Target::Service(name) => write!(f, "lb:ws://{name}"),
            Target::Address { host, port } => write!(f, "ws://{}", edge::Host::new(host, *port)),
        }
    }
}

/// `lb:ws//name` is in a document that many have copied.
fn without_scheme(uri: &str) -> String {
    match uri.split_once("//") {
        Some((scheme, name)) if !scheme.is_empty() => {
            format!("uri `{uri}` lacks a colon: write `{}://{name}`", scheme.trim_end_matches(':'))
        }
        _ => format!("uri `{uri}` must be `lb:ws://name`, `lb://name` or `ws://host:port`"),
    }
}

fn service(name: &str) -> Result<Target, String> {
    if name.is_empty() {
        return Err("the name of the service is missing".to_owned());
    }
    if name.contains(':') {
        return Err("a service has no port; the registry knows the ports of its instances".to_owned());
    }
    Ok(Target::Service(name.to_owned()))
}

fn address(text: &str) -> Option<Target> {
    let host: edge::Host = text.parse().ok()?;
    Some(Target::Address { port: host.port.unwrap_or(80), host: host.name })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn service(name: &str) -> Result<Target, String> {
        Ok(Target::Service(name.to_owned()))
    }

    #[test]
    fn services_and_addresses_are_read() {
        assert_eq!(Target::parse("lb:ws://websocket-demo"), service("websocket-demo"));
        assert_eq!(Target::parse("lb://Web_Socket.demo"), service("Web_Socket.demo"));
        assert_eq!(Target::parse("LB:WS://demo/ignored?x=1"), service("demo"));
        let address = Target::parse("ws://10.0.0.5:19998");
        assert_eq!(address, Ok(Target::Address { host: "10.0.0.5".to_owned(), port: 19998 }));
        assert_eq!(
            Target::parse("ws://[::1]:1").map(|target| target.to_string()).as_deref(),
            Ok("ws://[::1]:1")
        );
        assert_eq!(
            Target::parse("ws://node").map(|target| target.to_string()).as_deref(),
            Ok("ws://node:80")
        );
    }

    #[test]
    fn what_leads_nowhere_is_named() {
        for (uri, word) in [
            ("lb:ws//websocket-demo", "write `lb:ws://websocket-demo`"),
            ("lb//demo", "write `lb://demo`"),
            ("websocket-demo", "must be"),
            ("", "must be"),
            ("//demo", "must be"),
            ("lb://", "missing"),
            ("lb:ws://demo:80", "no port"),
            ("ws://", "ws://host:port"),
            ("ws://host:port", "ws://host:port"),
            ("lb:wss://demo", "TLS"),
            ("https://example.org", "TLS"),
            ("http://example.org", "plain HTTP"),
            ("forward://x", "`forward`"),
        ] {
            let error = Target::parse(uri).expect_err(uri);
            assert!(error.contains(word), "{uri}: {error}");
        }
    }
}
