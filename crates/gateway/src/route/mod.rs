//! Routes: from what the configuration says to what decides about a request.

pub mod spec;

pub use spec::{Named, RouteSpec, RoutesSpec};
