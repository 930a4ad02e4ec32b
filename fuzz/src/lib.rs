//! What strangers can send, and what must hold of every answer to it: a module a target.
//!
//! Each `check` takes any bytes at all. It panics when a property does not hold; what panics below it is a defect too.
//! Where somebody else has solved the same problem, that one is asked as well.

pub mod client_frame;
pub mod envelope;
mod json;
mod names;
pub mod remoting;
pub mod route;
pub mod token;
pub mod websocket;
