//! The `Origin` of a page, as a browser sends it.

use std::{fmt, str::FromStr};

use crate::{Host, host::BadHost};

/// `https://app.example`, `http://localhost:3000`. A port that the scheme implies is left out, so that both spellings are one.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Origin {
    scheme: String,
    host: Host,
}

impl Origin {
    /// The host, with the port where it is not the scheme's own.
    pub fn host(&self) -> &Host {
        &self.host
    }

    /// True when a page of this origin is at home at `host`. Where `host` names no port, it means the scheme's own.
    pub fn is_at(&self, host: &Host) -> bool {
        let implied = implied_port(&self.scheme);
        self.host.name == host.name && self.host.port.or(implied) == host.port.or(implied)
    }
}

fn implied_port(scheme: &str) -> Option<u16> {
    match scheme {
        "http" | "ws" => Some(80),
        "https" | "wss" => Some(443),
        _ => None,
    }
}

impl FromStr for Origin {
    type Err = BadHost;

    fn from_str(text: &str) -> Result<Self, BadHost> {
        let (scheme, host) = text.split_once("://").ok_or(BadHost)?;
        if scheme.is_empty()
            || !scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
        {
            return Err(BadHost);
        }
        let scheme = scheme.to_ascii_lowercase();
        let mut host: Host = host.parse()?;
        host.port = host.port.filter(|port| Some(*port) != implied_port(&scheme));
        Ok(Origin { scheme, host })
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.scheme, self.host)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origin(text: &str) -> Origin {
        text.parse().expect("an origin")
    }

    #[test]
    fn a_port_that_the_scheme_implies_makes_no_difference() {
        assert_eq!(origin("https://App.example:443"), origin("https://app.example"));
        assert_ne!(origin("https://app.example"), origin("http://app.example"));
        assert_ne!(origin("https://app.example"), origin("https://app.example:8443"));
        for text in
            ["null", "", "https://", "//app.example", "https://app.example/path", "https://good@evil.example"]
        {
            assert_eq!(text.parse::<Origin>(), Err(BadHost), "{text}");
        }
    }

    #[test]
    fn a_page_is_at_home_where_it_came_from() {
        let host = |text: &str| text.parse::<Host>().expect("a host");
        assert!(origin("https://app.example").is_at(&host("app.example")));
        assert!(origin("http://127.0.0.1:8080").is_at(&host("127.0.0.1:8080")));
        assert!(!origin("http://127.0.0.1:8081").is_at(&host("127.0.0.1:8080")));
        assert!(!origin("http://evil.example").is_at(&host("app.example")));
    }
}
