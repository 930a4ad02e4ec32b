//! Where a value was written, so that whoever must change it finds the line.
//!
//! Promises: cheap to clone; prints as `file:line:column` for what stands in a file, and as the name of a variable or flag otherwise.

use std::{fmt, sync::Arc};

/// A position in a file, or the name of what a value came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    origin: Arc<str>,
    /// Line and column, both from 1; a variable or a flag has none.
    position: Option<(u32, u32)>,
}

impl Place {
    /// A position in the file called `origin`, line and column from 1.
    pub fn in_file(origin: &Arc<str>, line: usize, column: usize) -> Place {
        let small = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        Place { origin: origin.clone(), position: Some((small(line), small(column))) }
    }

    /// An environment variable, a flag, or the built-in defaults.
    pub fn named(origin: &str) -> Place {
        Place { origin: origin.into(), position: None }
    }

    /// The line, where there is one.
    pub fn line(&self) -> Option<u32> {
        self.position.map(|(line, _)| line)
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.origin)?;
        match self.position {
            Some((line, column)) => write!(f, ":{line}:{column}"),
            None => Ok(()),
        }
    }
}
