//! A node: holds the sockets, keeps the bindings true, sends messages on their way.
//!
//! It knows the seams, never the servers behind them, and never the gateway in front.
//! Reading order: [`node`] assembles the rooms; [`admission`] lets a client in; [`session`] is one client; [`arrive`] logs it in;
//! [`requests`] works off what it asks for; [`dispatch`] sends a message on its way; [`inbox`] takes in what other nodes sent;
//! [`arrivals`] brings both to sessions; [`catchup`] and [`sweep`] close gaps; [`heartbeat`] keeps the lease.

// A simulation is repeated to the byte: nothing happens in the order of a hasher with secret keys.
#![warn(clippy::iter_over_hash_type)]

pub mod admission;
pub mod api;
pub mod arrivals;
pub mod arrive;
pub mod bindings;
pub mod catchup;
pub mod config;
mod crew;
pub mod delivery;
pub mod dispatch;
pub mod events;
pub mod fault;
pub mod groups;
pub mod health;
pub mod heartbeat;
pub mod hub;
pub mod inbox;
pub mod launch;
pub mod lease;
pub mod node;
pub mod order;
mod pace;
pub mod parcel;
pub mod post;
pub mod requests;
mod rooms;
pub mod sabotage;
pub mod seams;
pub mod session;
mod shard;
pub mod start;
pub mod sweep;
pub mod token;
pub mod trial;
mod turn;
pub mod watch;
pub mod wheel;

pub use config::Config;
pub use launch::{Doors, Launch};
pub use node::Node;
pub use seams::Seams;
pub use start::StartError;
pub use watch::Watch;
