//! The back ends that a configuration may name, one typed URL for each seam.
//!
//! Promises: an error names the seam and what is known there, and never holds a password or what may be part of one.
//! Knows nothing of how a back end is reached.

mod bus;
mod directory;
mod registry;
mod store;
mod url;

pub use bus::{BusBackend, RabbitMq, RocketMq};
pub use directory::{DirectoryBackend, Redis};
pub use registry::{FixedService, Nacos, RegistryBackend};
pub use store::{Postgres, StoreBackend};
pub use url::{BackendUrl, HostPort, parse_hosts};

/// The part before the `:` of a back end, and the rest; a word alone has no rest.
fn split_scheme(text: &str) -> (&str, &str) {
    text.split_once(':').unwrap_or((text, ""))
}

/// The error for a scheme that this seam does not know, or does not know yet.
fn unknown_scheme(text: &str, known: &str, later: &[&str]) -> String {
    let (scheme, _) = split_scheme(text);
    // What is no URL at all may be anything, a password too.
    let may_be_secret = !text.contains(':') || (text.contains('@') && !text.contains("://"));
    if may_be_secret
        || scheme.is_empty()
        || !scheme.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'))
    {
        return format!("is no back end; write {known}");
    }
    if later.contains(&scheme) {
        return format!("{scheme}: is not supported yet; write {known}");
    }
    format!("unknown scheme `{scheme}:`; write {known}")
}
