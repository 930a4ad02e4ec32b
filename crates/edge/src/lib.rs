//! Listening and shaking hands: what a node and a gateway have in common before a WebSocket exists.
//!
//! It accepts sockets, reads a request head under limits, says whether it is a proper WebSocket upgrade and who asks, and hands the raw
//! socket over together with every byte that came with the handshake. It reads no WebSocket frame, knows no user, no token and no route,
//! and decides nothing that a node or a gateway could see differently.

// A simulation is repeated to the byte: nothing happens in the order of a hasher with secret keys.
#![warn(clippy::iter_over_hash_type)]

pub mod accept_key;
pub mod answer;
pub mod client;
mod connection;
pub mod dialer;
pub mod host;
pub mod life;
pub mod limits;
pub mod listener;
pub mod log_throttle;
pub mod memory;
pub mod origin;
pub mod path;
pub mod peer;
pub mod places;
pub mod policy;
pub mod proxies;
pub mod query;
pub mod quota;
mod request;
pub mod socket;
pub mod tasks;
pub mod upgrade;
pub mod upgraded;

pub use answer::Answer;
pub use client::Client;
pub use dialer::Dialer;
pub use host::Host;
pub use life::Life;
pub use limits::HandshakeLimits;
pub use listener::Listener;
pub use log_throttle::LogThrottle;
pub use memory::MemorySocket;
pub use origin::Origin;
pub use peer::Peer;
pub use places::{Place, Places};
pub use policy::{Asker, Policy};
pub use proxies::TrustedProxies;
pub use quota::{AddressPlace, AddressQuota};
pub use socket::Socket;
pub use tasks::Tasks;
pub use upgrade::Upgrade;
pub use upgraded::upgraded;
