//! How many files and sockets a process may have open: as many as the system allows it, not the 1,024 that a shell or a service begins with.
//!
//! A session is a socket, and a tunnel is two.
//! Where even the hard limit is reached, the listeners say so, wait, and accept again when some are closed.

use rustix::process::{Resource, getrlimit, setrlimit};

/// Raises the soft limit to the hard one.
pub(super) fn allow_all() {
    let limit = getrlimit(Resource::Nofile);
    let raised = rustix::process::Rlimit { current: limit.maximum, maximum: limit.maximum };
    if let Err(error) = setrlimit(Resource::Nofile, raised) {
        tracing::warn!(%error, "cannot have more files and sockets open than {:?}", limit.current);
    }
}
