//! What is wrong with a configuration, a line each.
//!
//! Promises: every problem prints as one line, `trunkline.yml:2:9: ws.port: "90000000" is not a port (1 to 65535)`, and never holds the
//! value of a secret: whoever makes one quotes only what can be none.

use std::fmt;

use super::place::Place;

/// One thing that is wrong, or worth a warning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Where it was written; a thing that is missing has no place.
    pub at: Option<Place>,
    /// The setting concerned, `ws.port`.
    pub key: Option<String>,
    /// What is wrong, and what to do about it.
    pub message: String,
}

impl Problem {
    /// A problem of the setting `key`.
    pub fn of(key: &str, at: Option<&Place>, message: impl Into<String>) -> Problem {
        Problem { at: at.cloned(), key: Some(key.to_owned()), message: message.into() }
    }

    /// A problem that belongs to no single setting.
    pub fn general(message: impl Into<String>) -> Problem {
        Problem { at: None, key: None, message: message.into() }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(at) = &self.at {
            write!(f, "{at}: ")?;
        }
        if let Some(key) = &self.key {
            write!(f, "{key}: ")?;
        }
        // One problem is one line, whatever a library put into its message.
        f.write_str(&self.message.replace(['\n', '\r'], " "))
    }
}

/// Everything that is wrong; never empty where it is returned as an error.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Problems(Vec<Problem>);

impl Problems {
    /// Adds one.
    pub fn push(&mut self, problem: Problem) {
        self.0.push(problem);
    }

    /// Nothing is wrong so far.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether something was found wrong with this setting, or inside it.
    pub fn touch(&self, key: &str) -> bool {
        self.0.iter().filter_map(|problem| problem.key.as_deref()).any(|touched| {
            touched == key || touched.strip_prefix(key).is_some_and(|rest| rest.starts_with(['.', '[']))
        })
    }

    /// All of them, in the order found.
    pub fn iter(&self) -> impl Iterator<Item = &Problem> {
        self.0.iter()
    }
}

impl From<Problem> for Problems {
    fn from(problem: Problem) -> Problems {
        Problems(vec![problem])
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.0.iter().enumerate() {
            if index > 0 {
                writeln!(f)?;
            }
            write!(f, "{problem}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Problems {}
