//! A gateway: one address for many nodes.
//!
//! It finds the route of a request, chooses a node, asks it, answers the client with what the node answered, and from then on carries
//! bytes. It reads no frame, knows no user and no token, and keeps nothing but the last good lists of instances.

mod balance;
mod config;
mod drain;
pub mod events;
mod front;
mod gateway;
mod health;
mod page;
pub mod route;
mod tunnel;

pub use balance::{Address, BalanceLimits, Change};
pub use config::{Config, Metrics};
pub use drain::Drained;
pub use gateway::{Addresses, Gateway, StartError};
pub use page::{Page, Pages};
pub use tunnel::TunnelLimits;
