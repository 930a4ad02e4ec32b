//! Why a socket was closed, as the number that the client sees.
//!
//! The range says what to do: after 45xx a client does not come back by itself; after every other code it does, with jitter.

use std::fmt;

/// A WebSocket close code that a node sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u16)]
pub enum CloseCode {
    /// The client said goodbye, and so do we.
    Normal = 1000,
    /// The node drains.
    Draining = 1001,
    /// A framing fault (RFC 6455 section 7.4.1).
    Protocol = 1002,
    /// A binary frame.
    Unsupported = 1003,
    /// Text that is not UTF-8.
    NotUtf8 = 1007,
    /// A frame or message over the limit.
    TooBig = 1009,
    /// Something failed on our side.
    ServerError = 4000,
    /// The client does not read what is written to it.
    Slow = 4001,
    /// No pong, or no `hello`, in time.
    Silent = 4002,
    /// Too many refused requests.
    TooManyRequests = 4003,
    /// The node lost its lease.
    LeaseLost = 4004,
    /// The token has expired.
    TokenExpired = 4005,
    /// Another login took the slot.
    Replaced = 4500,
    /// The token is not accepted.
    BadToken = 4501,
    /// Not a frame of this protocol.
    BadFrame = 4502,
    /// An administrator ended the session.
    Removed = 4503,
}

impl CloseCode {
    /// Every code, in ascending order.
    pub const ALL: [CloseCode; 16] = [
        CloseCode::Normal,
        CloseCode::Draining,
        CloseCode::Protocol,
        CloseCode::Unsupported,
        CloseCode::NotUtf8,
        CloseCode::TooBig,
        CloseCode::ServerError,
        CloseCode::Slow,
        CloseCode::Silent,
        CloseCode::TooManyRequests,
        CloseCode::LeaseLost,
        CloseCode::TokenExpired,
        CloseCode::Replaced,
        CloseCode::BadToken,
        CloseCode::BadFrame,
        CloseCode::Removed,
    ];

    /// The number on the wire.
    pub fn number(self) -> u16 {
        self as u16
    }

    /// The reason that goes with it on the wire, and into logs and metrics.
    pub fn reason(self) -> &'static str {
        match self {
            CloseCode::Normal => "bye",
            CloseCode::Draining => "draining",
            CloseCode::Protocol => "protocol error",
            CloseCode::Unsupported => "text frames only",
            CloseCode::NotUtf8 => "not UTF-8",
            CloseCode::TooBig => "too big",
            CloseCode::ServerError => "server error",
            CloseCode::Slow => "slow",
            CloseCode::Silent => "no answer",
            CloseCode::TooManyRequests => "too many requests",
            CloseCode::LeaseLost => "lease lost",
            CloseCode::TokenExpired => "token expired",
            CloseCode::Replaced => "replaced",
            CloseCode::BadToken => "bad token",
            CloseCode::BadFrame => "bad frame",
            CloseCode::Removed => "removed",
        }
    }

    /// True when the client should come back by itself.
    pub fn reconnect(self) -> bool {
        !(4500..4600).contains(&self.number())
    }
}

impl fmt::Display for CloseCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.number(), self.reason())
    }
}
