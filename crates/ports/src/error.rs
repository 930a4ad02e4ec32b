//! Why a back end said no, and how the seam to it is.

use std::{error::Error, fmt, time::Duration};

/// The four seams.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Seam {
    /// Where nodes say that they are here.
    Registry,
    /// Which session holds which user.
    Directory,
    /// What nodes say to each other.
    Bus,
    /// What was said.
    Store,
}

impl Seam {
    /// The word in configuration, logs and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Seam::Registry => "registry",
            Seam::Directory => "directory",
            Seam::Bus => "bus",
            Seam::Store => "store",
        }
    }
}

impl fmt::Display for Seam {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Whether the same call can succeed later.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retry {
    /// At once.
    Now,
    /// After this long.
    After(Duration),
    /// Only after a person has changed something: a refused password, a missing topic.
    Never,
}

/// The only error that crosses a seam. A server that answers with an error is as much an outage as one that is gone.
#[derive(Debug)]
pub struct PortError {
    /// Which seam.
    pub seam: Seam,
    /// What was being done, as in "claim a slot".
    pub during: &'static str,
    /// Whether to try again.
    pub retry: Retry,
    /// What the client library or the server said; never holds a password.
    pub source: Option<Box<dyn Error + Send + Sync>>,
}

impl PortError {
    /// An outage that may be over by `after`.
    pub fn outage(
        seam: Seam,
        during: &'static str,
        source: impl Into<Box<dyn Error + Send + Sync>>,
    ) -> PortError {
        PortError { seam, during, retry: Retry::After(OUTAGE_RETRY), source: Some(source.into()) }
    }

    /// No answer within the limit of the call.
    pub fn timed_out(seam: Seam, during: &'static str, limit: Duration) -> PortError {
        PortError::outage(seam, during, format!("no answer within {limit:?}"))
    }

    /// Something that only a person can mend.
    pub fn refused(
        seam: Seam,
        during: &'static str,
        source: impl Into<Box<dyn Error + Send + Sync>>,
    ) -> PortError {
        PortError { seam, during, retry: Retry::Never, source: Some(source.into()) }
    }

    /// The error and all that caused it, in one line.
    pub fn chain(&self) -> String {
        let mut line = self.to_string();
        let mut cause = self.source();
        while let Some(error) = cause {
            line.push_str(": ");
            line.push_str(&error.to_string());
            cause = error.source();
        }
        line
    }
}

/// Half a second: the pace of a client's retry while a back end is away.
const OUTAGE_RETRY: Duration = Duration::from_millis(500);

impl fmt::Display for PortError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: could not {}", self.seam, self.during)
    }
}

impl Error for PortError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref().map(|source| source as &(dyn Error + 'static))
    }
}

/// How a seam is at the moment, for `/readyz` and for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeamState {
    /// False while its calls fail.
    pub up: bool,
    /// What is wrong, or what to know; in one line.
    pub note: Option<String>,
}

impl SeamState {
    /// All is well.
    pub fn up() -> SeamState {
        SeamState { up: true, note: None }
    }

    /// Calls fail, because of `note`.
    pub fn down(note: impl Into<String>) -> SeamState {
        SeamState { up: false, note: Some(note.into()) }
    }

    /// Calls succeed, but a person should know `note`.
    pub fn warning(note: impl Into<String>) -> SeamState {
        SeamState { up: true, note: Some(note.into()) }
    }
}
