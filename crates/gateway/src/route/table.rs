//! The routes that decide about requests, in the order in which they are asked.

use std::collections::BTreeSet;

use super::{Filter, Pattern, RequestPath, Target};

/// All routes of a gateway.
#[derive(Debug, Clone, Default)]
pub struct Routes {
    pub(super) routes: Vec<Route>,
}

/// One route.
#[derive(Debug, Clone)]
pub struct Route {
    /// Its name.
    pub id: String,
    /// Where it leads.
    pub target: Target,
    /// Of each `Path` predicate one pattern must match.
    pub(super) paths: Vec<Vec<Pattern>>,
    pub(super) filters: Vec<Filter>,
}

impl Routes {
    /// The first route that takes the path.
    pub fn find(&self, path: &RequestPath) -> Option<&Route> {
        self.routes.iter().find(|route| route.takes(path))
    }

    /// The services that the routes lead to.
    pub fn services(&self) -> BTreeSet<&str> {
        self.routes.iter().filter_map(|route| route.target.service()).collect()
    }

    /// The routes in the order in which they are asked.
    pub fn iter(&self) -> impl Iterator<Item = &Route> {
        self.routes.iter()
    }

    /// Where the routes lead.
    pub fn targets(&self) -> BTreeSet<&Target> {
        self.routes.iter().map(|route| &route.target).collect()
    }
}

impl Route {
    fn takes(&self, path: &RequestPath) -> bool {
        self.paths.iter().all(|patterns| patterns.iter().any(|pattern| pattern.matches(path)))
    }

    /// The path that the node sees for the raw path `raw`.
    pub fn path(&self, raw: &str) -> String {
        self.filters.iter().fold(raw.to_owned(), |path, filter| filter.apply(&path))
    }
}
