//! From a request to a tunnel: the node is asked first, and only its 101 becomes the client's.

mod dial;
mod headers;
mod limits;
mod open;
mod relay;

pub(crate) use dial::Question;
pub(crate) use headers::{Forwarding, client_answer};
pub use limits::TunnelLimits;
pub(crate) use open::{Opened, Outcome, open};
pub(crate) use relay::Relay;
