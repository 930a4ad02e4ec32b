//! A URL with several hosts: `scheme://user:password@host:port,host:port/path?key=value`.
//!
//! Promises: user and password are percent-decoded, and no error quotes anything that may be part of them.

use percent_encoding::percent_decode_str;

use crate::config::secret::Secret;

/// A host and a port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostPort {
    /// A name or an address; an IPv6 address without its brackets.
    pub host: String,
    /// The port.
    pub port: u16,
}

impl std::fmt::Display for HostPort {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

/// The parts of a back end's URL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BackendUrl {
    /// The user, decoded.
    pub user: Option<String>,
    /// The password, decoded.
    pub password: Option<Secret>,
    /// At least one.
    pub hosts: Vec<HostPort>,
    /// What follows the hosts, without its first `/`.
    pub path: String,
    /// The parameters, decoded, in order.
    pub parameters: Vec<(String, String)>,
}

impl BackendUrl {
    /// Parses what follows `scheme:`. Only the parameters of `known` may be there, each once.
    pub fn parse(rest: &str, port: u16, known: &[&str]) -> Result<BackendUrl, String> {
        let rest = rest.strip_prefix("//").ok_or("// is missing behind the scheme")?;
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, tail) = rest.split_at(end);
        // A password with a raw `/`, `?` or `#` would otherwise be taken for a host, and show up in errors.
        if tail.contains('@') {
            return Err(
                "an @ stands behind the hosts; percent-encode / ? # and @ in user and password".to_owned()
            );
        }
        if tail.contains('#') {
            return Err("a # has no meaning here".to_owned());
        }
        let (login, hosts) =
            authority.rsplit_once('@').map_or((None, authority), |(login, hosts)| (Some(login), hosts));
        let (path, query) = tail.split_once('?').unwrap_or((tail, ""));
        let (user, password) = match login {
            Some(login) => decode_login(login)?,
            None => (None, None),
        };
        Ok(BackendUrl {
            user,
            password,
            hosts: parse_hosts(hosts, port)?,
            path: path.strip_prefix('/').unwrap_or(path).to_owned(),
            parameters: parse_parameters(query, known)?,
        })
    }

    /// The value of a parameter; an empty one is as good as none.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
            .filter(|value| !value.is_empty())
    }

    /// The value of a parameter that is `true` or `false`.
    pub fn flag(&self, name: &str) -> Result<Option<bool>, String> {
        match self.parameter(name) {
            None => Ok(None),
            Some("true") => Ok(Some(true)),
            Some("false") => Ok(Some(false)),
            Some(_) => Err(format!("parameter `{name}` is not true or false")),
        }
    }
}

/// Hosts with commas (or, as RocketMQ's clients write them, semicolons) between them.
pub fn parse_hosts(text: &str, port: u16) -> Result<Vec<HostPort>, String> {
    if text.is_empty() {
        return Err("a host is missing".to_owned());
    }
    text.split([',', ';']).map(|part| parse_host(part.trim(), port)).collect()
}

fn parse_host(text: &str, default_port: u16) -> Result<HostPort, String> {
    let (host, port) = match text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((host, rest)) => (host, rest.strip_prefix(':').or((!rest.is_empty()).then_some("?"))),
        None => text.split_once(':').map_or((text, None), |(host, port)| (host, Some(port))),
    };
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | ':');
    if host.is_empty() || !host.chars().all(plain) {
        return Err("a host is missing, or no name or address".to_owned());
    }
    let port = match port {
        None => default_port,
        Some(port) => {
            port.parse().ok().filter(|port| *port != 0).ok_or("a port is not a number from 1 to 65535")?
        }
    };
    Ok(HostPort { host: host.to_owned(), port })
}

fn decode_login(login: &str) -> Result<(Option<String>, Option<Secret>), String> {
    let decode = |text: &str| {
        let decoded = percent_decode_str(text)
            .decode_utf8()
            .map_err(|_| "user or password is not UTF-8 when decoded".to_owned())?;
        Ok::<_, String>((!decoded.is_empty()).then(|| decoded.into_owned()))
    };
    let (user, password) = login.split_once(':').unwrap_or((login, ""));
    Ok((decode(user)?, decode(password)?.map(Secret::new)))
}

fn parse_parameters(query: &str, known: &[&str]) -> Result<Vec<(String, String)>, String> {
    let mut found: Vec<(String, String)> = Vec::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let value =
            percent_decode_str(value).decode_utf8().map_err(|_| "a parameter is not UTF-8 when decoded")?;
        if !known.contains(&name) {
            let known = if known.is_empty() {
                "none is known here".to_owned()
            } else {
                format!("known are {}", known.join(", "))
            };
            return Err(format!("unknown parameter `{name}`; {known}"));
        }
        if found.iter().any(|(key, _)| key == name) {
            return Err(format!("parameter `{name}` is given twice"));
        }
        found.push((name.to_owned(), value.into_owned()));
    }
    Ok(found)
}
