//! Where environment variables come from, so that a test can pass a map.

use std::collections::BTreeMap;

/// Names and values beside the file.
pub trait Environment {
    /// The value of a variable.
    fn get(&self, name: &str) -> Option<String>;
    /// All variables whose name begins with `prefix`, by name.
    fn starting_with(&self, prefix: &str) -> Vec<(String, String)>;
}

/// The variables of this process. What is not Unicode counts as not set.
#[derive(Debug, Clone, Copy)]
pub struct ProcessEnvironment;

impl Environment for ProcessEnvironment {
    #[allow(clippy::disallowed_methods, reason = "this is the one place that reads the environment")]
    fn get(&self, name: &str) -> Option<String> {
        std::env::var(name).ok()
    }

    fn starting_with(&self, prefix: &str) -> Vec<(String, String)> {
        let unicode = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
        let mut found: Vec<_> = unicode.filter(|(name, _)| name.starts_with(prefix)).collect();
        found.sort();
        found
    }
}

impl Environment for BTreeMap<String, String> {
    fn get(&self, name: &str) -> Option<String> {
        BTreeMap::get(self, name).cloned()
    }

    fn starting_with(&self, prefix: &str) -> Vec<(String, String)> {
        self.iter()
            .filter(|(name, _)| name.starts_with(prefix))
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect()
    }
}
