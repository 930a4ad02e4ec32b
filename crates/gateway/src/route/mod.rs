//! Routes: from what the configuration says to what decides about a request.
//!
//! What is written means what it means to Spring Cloud Gateway; what is not understood is an error that names the route and the word,
//! never something that is quietly left out.

mod compile;
mod filter;
mod java_regex;
mod pattern;
pub mod spec;
mod table;
mod target;

pub use compile::{RouteProblem, built_in, compile};
pub use filter::Filter;
pub use pattern::{Pattern, RequestPath};
pub use spec::{Named, RouteSpec, RoutesSpec};
pub use table::{Route, Routes};
pub use target::Target;
