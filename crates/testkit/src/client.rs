//! WebSocket clients that use no WebSocket library, and so are an independent oracle of what the servers do.
//!
//! [`RawClient`] sends any bytes and any frames and shows what comes back; [`V1Client`] and [`ClassicClient`] speak the two dialects on top of it.
//! All of them hold what a server sends against RFC 6455 and fail where it breaks a rule.

mod classic;
mod frame;
mod handshake;
mod message;
mod raw;
mod v1;

use std::time::Duration;

pub use crate::connection::Ended;
pub use crate::http::Answer;
pub use classic::{ClassicClient, ClassicMessage};
pub use frame::Frame;
pub use handshake::Handshake;
pub use message::{Close, Message};
pub use raw::RawClient;
pub use v1::V1Client;

/// How long the clients wait where they are not told: far beyond what a healthy server needs on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(15);
