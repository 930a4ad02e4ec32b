//! How the process ends, for scripts and supervisors.

use std::process::ExitCode;

/// Why the process ended; each has one number and, before it, one clear line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Drained, or done.
    Done,
    /// A defect of ours.
    Defect,
    /// A bad configuration or argument: starting again without changing it is in vain.
    Usage,
    /// Something that is needed never came up, or a port is taken: starting again may help.
    Unavailable,
    /// Ended at once by a second signal.
    Interrupted,
}

impl Exit {
    /// The number.
    pub fn code(self) -> u8 {
        match self {
            Exit::Done => 0,
            Exit::Defect => 1,
            Exit::Usage => 64,
            Exit::Unavailable => 69,
            Exit::Interrupted => 130,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(exit.code())
    }
}
