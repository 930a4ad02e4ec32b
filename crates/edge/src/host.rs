//! A host and perhaps a port, as in a `Host` header.

use std::net::IpAddr;
use std::{fmt, str::FromStr};

/// `localhost`, `10.0.0.5:19998`, `[::1]:8080`. Names are kept in lower case.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Host {
    /// The name or address, without brackets.
    pub name: String,
    /// The port, where one is given.
    pub port: Option<u16>,
}

impl Host {
    /// A name or address without brackets, and a port.
    pub fn new(name: &str, port: u16) -> Host {
        Host { name: name.to_ascii_lowercase(), port: Some(port) }
    }

    /// The address, where the host is one.
    pub fn address(&self) -> Option<IpAddr> {
        self.name.parse().ok().map(|address: IpAddr| address.to_canonical())
    }

    /// True for `localhost` and for loopback addresses.
    pub fn is_loopback(&self) -> bool {
        is_localhost(&self.name) || self.address().is_some_and(|address| address.is_loopback())
    }

    /// True for `localhost` and any IP address: what no page elsewhere can make a browser call its own host.
    pub fn is_literal(&self) -> bool {
        is_localhost(&self.name) || self.address().is_some()
    }
}

fn is_localhost(name: &str) -> bool {
    name == "localhost" || name == "localhost."
}

/// A text that is no host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a host name or address, with or without a port")]
pub struct BadHost;

impl FromStr for Host {
    type Err = BadHost;

    fn from_str(text: &str) -> Result<Self, BadHost> {
        let (name, port) = match text.strip_prefix('[') {
            Some(rest) => {
                let (name, port) = rest.split_once(']').ok_or(BadHost)?;
                name.parse::<std::net::Ipv6Addr>().map_err(|_| BadHost)?;
                (name, if port.is_empty() { None } else { Some(port.strip_prefix(':').ok_or(BadHost)?) })
            }
            None => match text.split_once(':') {
                Some((name, port)) => (name, Some(port)),
                None => (text, None),
            },
        };
        let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~:%".contains(&byte);
        if name.is_empty() || !name.bytes().all(is_name) {
            return Err(BadHost);
        }
        let digits = |port: &str| !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
        let port = match port {
            Some(port) if digits(port) => Some(port.parse().map_err(|_| BadHost)?),
            Some(_) => return Err(BadHost),
            None => None,
        };
        Ok(Host { name: name.to_ascii_lowercase(), port })
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (open, close) = if self.name.contains(':') { ("[", "]") } else { ("", "") };
        write!(f, "{open}{}{close}", self.name)?;
        self.port.map_or(Ok(()), |port| write!(f, ":{port}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_read_and_written_alike() {
        for text in ["localhost", "app.example:8443", "10.0.0.5:19998", "[::1]:8080", "[::1]", "my_service"] {
            assert_eq!(text.parse::<Host>().map(|host| host.to_string()).as_deref(), Ok(text));
        }
        assert_eq!("APP.Example".parse(), Ok(Host { name: "app.example".to_owned(), port: None }));
        for text in [
            "",
            ":80",
            "a:",
            "a:b",
            "a:99999",
            "a:+1",
            "[::1",
            "[x]",
            "[::1]80",
            "a b",
            "user@host",
            "a/b",
            "a:1:2",
        ] {
            assert_eq!(text.parse::<Host>(), Err(BadHost), "{text}");
        }
    }

    #[test]
    fn literals_are_addresses_and_localhost() {
        let host = |text: &str| text.parse::<Host>().expect("a host");
        assert!(
            host("127.0.0.1:1").is_loopback()
                && host("[::1]").is_loopback()
                && host("localhost").is_loopback()
        );
        assert!(host("10.0.0.1").is_literal() && !host("10.0.0.1").is_loopback());
        assert!(!host("localhost.evil.example").is_literal() && !host("10.0.0.1.evil.example").is_literal());
    }
}
