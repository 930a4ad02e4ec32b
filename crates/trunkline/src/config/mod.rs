//! The configuration: one YAML file for both roles, variables and flags over it, and Spring's own keys where ours are silent.
//!
//! ```text
//! file --yaml, dotted--> tree <--overlay-- TRUNKLINE__..., --set, --registry ...
//!                         | placeholder: ${VAR:default}
//!                         v
//!      unknown keys, sections (typed), back ends, keys, routes  --settle, checks-->  Config
//! ```
//!
//! Promises: whatever is wrong is a `Problem` of one line that names the place and the setting; the value of a secret is in none of them.
//! The sections declare each setting once (`sections/`); the pages, the defaults and the nearest known key all come from there.
//! Deliberately does not connect to anything: a server that is away is the business of whoever starts.

pub mod backend;
mod checks;
#[allow(clippy::module_inception, reason = "the type that the module is about")]
mod config;
mod de;
mod dotted;
mod environment;
mod key;
mod load;
mod nearest;
mod overlay;
mod page;
mod place;
mod placeholder;
mod problem;
mod role;
mod routes;
pub mod scalar;
mod secret;
pub mod sections;
pub mod settings;
mod settle;
mod spring;
mod tree;
mod unknown;
mod yaml;

#[cfg(test)]
mod tests;

pub use config::{Backends, Config};
pub use environment::{Environment, ProcessEnvironment};
pub use key::{TokenKey, inspect, resolve};
pub use load::{Loaded, Request, Spelled, load, understand};
pub use overlay::Flags;
pub use page::{configuration_page, settings_list};
pub use place::Place;
pub use problem::{Problem, Problems};
pub use role::Role;
pub use secret::Secret;
