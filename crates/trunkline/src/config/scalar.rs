//! The kinds of values that a setting may have: how each is written, read and named in an error.
//!
//! Promises: a kind says in words what it takes, and that sentence ends the error of whatever it does not take.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    str::FromStr,
    time::Duration,
};

use ipnet::IpNet;
use wire::{
    id::NodeName,
    policy::{DevicePolicy, DialectChoice},
};

use super::secret::Secret;

/// What the pages call a kind of value.
pub trait Kind {
    /// `duration`, `port`, `list of addresses`.
    fn kind() -> String;
}

impl<T: Kind> Kind for Option<T> {
    fn kind() -> String {
        T::kind()
    }
}

impl<T: Kind> Kind for Vec<T> {
    fn kind() -> String {
        format!("list: {}", T::kind())
    }
}

impl Kind for bool {
    fn kind() -> String {
        "`true` or `false`".to_owned()
    }
}

impl Kind for Secret {
    fn kind() -> String {
        "secret".to_owned()
    }
}

/// Declares a kind: its name on the pages, what it takes in words, and how its text is parsed.
macro_rules! scalar {
    ($(#[doc = $doc:literal])+ $name:ident($inner:ty), $kind:literal, $expected:literal, $parse:expr) => {
        $(#[doc = $doc])+
        #[derive(Debug, Clone, PartialEq)]
        pub struct $name(pub $inner);

        impl Kind for $name {
            fn kind() -> String {
                $kind.to_owned()
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct FromText;
                impl serde::de::Visitor<'_> for FromText {
                    type Value = $name;
                    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                        f.write_str($expected)
                    }
                    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<$name, E> {
                        let parse: fn(&str) -> Option<$inner> = $parse;
                        parse(text).map($name).ok_or_else(|| E::invalid_value(serde::de::Unexpected::Str(text), &self))
                    }
                }
                deserializer.deserialize_str(FromText)
            }
        }
    };
}

scalar!(/// Any text but none at all.
    Text(String), "text", "text", |text| (!text.is_empty()).then(|| text.to_owned()));
scalar!(/// A URL of a back end; it may hold a password, so nothing about its text is judged here.
    UrlText(Secret), "URL", "a URL", |text| Some(Secret::new(text)));
scalar!(/// A port.
    Port(u16), "port", "a port (1 to 65535)", |text| text.parse().ok().filter(|port| *port != 0));
scalar!(/// A span of time.
    Span(Duration), "duration", "a duration (such as 10s, 5m, 1h30m or 500ms)", parse_span);
scalar!(/// A number of bytes.
    Size(u64), "size", "a size (bytes, or such as 64KiB or 1MiB)", parse_size);
scalar!(/// A number of things.
    Count(u32), "number", "a whole number (0 to 4294967295)", |text| text.parse().ok());
scalar!(/// How strongly a node is preferred.
    Weight(f64), "number", "a weight (0 to 10000)",
    |text| text.parse().ok().filter(|weight| (0.0..=10_000.0).contains(weight)));
scalar!(/// The name of a node.
    Name(NodeName), "name", "a node name (1 to 64 letters, digits, - and _)", |text| text.parse().ok());
scalar!(/// The name of a service in the registry; it is also part of paths and keys.
    ServiceName(String), "name", "a service name (1 to 64 letters, digits, - _ and .)", parse_service_name);
scalar!(/// Where paths begin.
    Path(String), "path", "a path (such as /ws; no ? # * { or % and no / at its end)", parse_path);
scalar!(/// An address to listen at.
    Host(IpAddr), "address", "an IP address to listen at (such as 127.0.0.1 or 0.0.0.0)", parse_host);
scalar!(/// An address that others connect to.
    Address(IpAddr), "address", "an IP address that others can connect to, without a port",
    |text| parse_host(text).filter(|address| !address.is_unspecified()));
scalar!(/// An address and a port to listen at.
    Listen(SocketAddr), "address:port", "an address and a port to listen at (such as 127.0.0.1:8080)", parse_listen);
scalar!(/// Where a page may come from.
    Origin(edge::Origin), "origin", "an origin (such as https://app.example or http://localhost:3000, without a path)", |text| text.parse().ok());
scalar!(/// An address, or a network of them.
    Net(IpNet), "network", "a network (such as 10.0.0.0/8, or one address)", parse_net);
scalar!(/// A header's name.
    HeaderName(String), "name", "the name of a header (such as X-User-Id)", parse_header_name);
scalar!(/// A file or a folder.
    FilePath(std::path::PathBuf), "path", "a path", |text| (!text.is_empty()).then(|| text.into()));
scalar!(/// Which dialects are spoken.
    Dialects(DialectChoice), "`trunkline`, `classic` or `both`", "trunkline, classic or both", |text| text.parse().ok());
scalar!(/// Who is ended by a new login.
    Devices(DevicePolicy), "`single`, `per_device` or `many`", "single, per_device or many", |text| text.parse().ok());

/// Declares a setting that is one of a few words.
macro_rules! words {
    ($(#[doc = $doc:literal])+ $name:ident, $kind:literal, $expected:literal { $($(#[doc = $said:literal])+ $variant:ident = $word:literal,)+ }) => {
        $(#[doc = $doc])+
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum $name {
            $($(#[doc = $said])+ $variant,)+
        }

        impl $name {
            /// The word in the file.
            pub fn as_str(self) -> &'static str {
                match self {
                    $($name::$variant => $word,)+
                }
            }
        }

        impl FromStr for $name {
            type Err = ();
            fn from_str(text: &str) -> Result<Self, ()> {
                match text {
                    $($word => Ok($name::$variant),)+
                    _ => Err(()),
                }
            }
        }

        impl Kind for $name {
            fn kind() -> String {
                $kind.to_owned()
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct FromText;
                impl serde::de::Visitor<'_> for FromText {
                    type Value = $name;
                    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                        f.write_str($expected)
                    }
                    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<$name, E> {
                        text.parse().map_err(|()| E::invalid_value(serde::de::Unexpected::Str(text), &self))
                    }
                }
                deserializer.deserialize_str(FromText)
            }
        }
    };
}

words!(/// How a message to a group reaches the other nodes.
    FanOut, "`interest` or `broadcast`", "interest or broadcast" {
    /// One envelope for each node that holds a member.
    Interest = "interest",
    /// One broadcast that every node filters.
    Broadcast = "broadcast",
});
words!(/// Who may write to everyone.
    EveryoneSend, "`api` or `clients`", "api or clients" {
    /// Only the HTTP interface.
    Api = "api",
    /// Clients too.
    Clients = "clients",
});
words!(/// Whom a group message of the classic dialect reaches.
    ClassicGroup, "`everyone` or `members`", "everyone or members" {
    /// Everybody on every node, as in the Java original.
    Everyone = "everyone",
    /// The members of the group that `to` names.
    Members = "members",
});
words!(/// How log lines look.
    LogFormat, "`auto`, `text` or `json`", "auto, text or json" {
    /// Text on a terminal, JSON elsewhere.
    Auto = "auto",
    /// Text.
    Text = "text",
    /// One JSON object a line.
    Json = "json",
});
words!(/// The least grave lines that are logged.
    LogLevel, "`error`, `warn`, `info`, `debug` or `trace`", "error, warn, info, debug or trace" {
    /// Only what went wrong.
    Error = "error",
    /// Also what may go wrong.
    Warn = "warn",
    /// Also what happened.
    Info = "info",
    /// Also what it was made of.
    Debug = "debug",
    /// Everything.
    Trace = "trace",
});
words!(/// How a token is signed; fixed here, never taken from the token.
    Algorithm, "`HS256`, `HS384`, `HS512`, `RS256`, `RS512`, `ES256` or `EdDSA`", "HS256, HS384, HS512, RS256, RS512, ES256 or EdDSA" {
    /// HMAC with SHA-256.
    Hs256 = "HS256",
    /// HMAC with SHA-384.
    Hs384 = "HS384",
    /// HMAC with SHA-512.
    Hs512 = "HS512",
    /// RSA with SHA-256.
    Rs256 = "RS256",
    /// RSA with SHA-512.
    Rs512 = "RS512",
    /// ECDSA on P-256 with SHA-256.
    Es256 = "ES256",
    /// Ed25519.
    EdDsa = "EdDSA",
});

impl Algorithm {
    /// Whether one key both signs and verifies.
    pub fn is_symmetric(self) -> bool {
        matches!(self, Algorithm::Hs256 | Algorithm::Hs384 | Algorithm::Hs512)
    }
}

/// Longer than any deployment lives; longer spans would overflow a clock.
const SPAN_MAX: Duration = Duration::from_secs(100 * 365 * 24 * 3600);

/// A span of time as it is written: `1h30m`; nothing where it is none.
pub fn parse_span(text: &str) -> Option<Duration> {
    if text == "0" {
        return Some(Duration::ZERO);
    }
    let mut rest = text;
    let mut total = Duration::ZERO;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit())?;
        let amount: u64 = rest[..digits].parse().ok()?;
        let unit_end =
            rest[digits..].find(|c: char| c.is_ascii_digit()).map_or(rest.len(), |end| digits + end);
        let millis = match &rest[digits..unit_end] {
            "ms" => 1,
            "s" => 1_000,
            "m" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            _ => return None,
        };
        total = total.checked_add(Duration::from_millis(amount.checked_mul(millis)?))?;
        rest = &rest[unit_end..];
    }
    (!text.is_empty() && total <= SPAN_MAX).then_some(total)
}

fn parse_size(text: &str) -> Option<u64> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let factor: u64 = match text[digits..].trim_start() {
        "" | "B" => 1,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        _ => return None,
    };
    text[..digits].parse::<u64>().ok()?.checked_mul(factor)
}

fn parse_service_name(text: &str) -> Option<String> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    ((1..=64).contains(&text.len()) && text.chars().all(allowed)).then(|| text.to_owned())
}

fn parse_path(text: &str) -> Option<String> {
    let plain = |c: char| c.is_ascii_graphic() && !matches!(c, '?' | '#' | '*' | '{' | '}' | '%');
    let rooted = text.starts_with('/') && !text.ends_with('/') && !text.contains("//");
    (rooted && text.chars().all(plain)).then(|| text.to_owned())
}

fn parse_host(text: &str) -> Option<IpAddr> {
    match text {
        "localhost" => Some(Ipv4Addr::LOCALHOST.into()),
        text => text.trim_start_matches('[').trim_end_matches(']').parse().ok(),
    }
}

fn parse_listen(text: &str) -> Option<SocketAddr> {
    let (host, port) = text.rsplit_once(':')?;
    // 0 picks a free port, which tests and a second gateway on one machine want.
    Some(SocketAddr::new(parse_host(host)?, port.parse().ok()?))
}

fn parse_net(text: &str) -> Option<IpNet> {
    text.parse().ok().or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from))
}

fn parse_header_name(text: &str) -> Option<String> {
    http::HeaderName::from_str(text).ok().map(|_| text.to_owned())
}

/// A span as the file would have it.
pub fn span_text(span: Duration) -> String {
    let millis = span.as_millis();
    match millis {
        0 => "0".to_owned(),
        _ if millis.is_multiple_of(60_000) => format!("{}m", millis / 60_000),
        _ if millis.is_multiple_of(1_000) => format!("{}s", millis / 1_000),
        _ => format!("{millis}ms"),
    }
}
