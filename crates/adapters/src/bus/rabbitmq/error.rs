//! What goes wrong between us and a broker.

use std::time::Duration;

/// Why a request failed, or a connection ended. After any of them but [`Error::ChannelClosed`] the connection is of no more use.
#[derive(Debug, Clone, thiserror::Error)]
pub(super) enum Error {
    /// The connection could not be made, or was lost.
    #[error("{address}: {why}")]
    Lost { address: String, why: String },
    /// The broker did not answer in time, or said nothing for two heartbeats.
    #[error("{address}: no answer within {after:?}")]
    TimedOut { address: String, after: Duration },
    /// The broker closed the connection; a refused login is one such.
    #[error("{address}: {text} ({code})")]
    ConnectionClosed { address: String, code: u16, text: String },
    /// The broker refused a request and closed the channel.
    #[error("{address}: {text} ({code})")]
    ChannelClosed { address: String, code: u16, text: String },
}

/// The user may not do this, or the password is wrong.
const ACCESS_REFUSED: u16 = 403;
/// There is no such queue or exchange.
const NOT_FOUND: u16 = 404;
/// Something of this name is there, and is otherwise.
const PRECONDITION_FAILED: u16 = 406;
/// There is no such virtual host, or the user may not enter it; also when a limit of connections is reached.
const NOT_ALLOWED: u16 = 530;

impl Error {
    /// Whether only a person can mend it: another try ends in the same way.
    pub(super) fn is_final(&self) -> bool {
        match self {
            Error::ConnectionClosed { code, text, .. } | Error::ChannelClosed { code, text, .. } => {
                matches!(*code, ACCESS_REFUSED | PRECONDITION_FAILED | NOT_ALLOWED) && !is_of_the_moment(text)
            }
            Error::Lost { .. } | Error::TimedOut { .. } => false,
        }
    }

    /// Whether the broker knows nothing of that name.
    pub(super) fn is_not_found(&self) -> bool {
        matches!(self, Error::ChannelClosed { code: NOT_FOUND, .. })
    }

    /// Whether something of that name is declared otherwise.
    pub(super) fn is_declared_otherwise(&self) -> bool {
        matches!(self, Error::ChannelClosed { code: PRECONDITION_FAILED, .. })
    }

    /// Whether the queue has a reader that wants to be the only one.
    pub(super) fn is_read_by_another(&self) -> bool {
        matches!(self, Error::ChannelClosed { code: ACCESS_REFUSED, text, .. } if text.contains("exclusive use"))
    }
}

/// A refusal whose cause goes by: connections over a limit, and a queue in another reader's hands.
fn is_of_the_moment(text: &str) -> bool {
    text.contains("limit") || text.contains("exclusive use")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn closed(code: u16, text: &str) -> Error {
        Error::ChannelClosed { address: "h:1".to_owned(), code, text: text.to_owned() }
    }

    #[test]
    fn what_a_person_must_mend_is_told_from_what_goes_by() {
        let refused = closed(403, "ACCESS_REFUSED - access to exchange 'x' refused");
        let in_use = closed(403, "ACCESS_REFUSED - queue 'q' in vhost '/' in exclusive use");
        let full = closed(530, "NOT_ALLOWED - access to vhost '/' refused: connection limit (1) is reached");
        let finals =
            [refused, closed(406, "PRECONDITION_FAILED"), closed(530, "NOT_ALLOWED - vhost x not found")];
        assert!(finals.iter().all(Error::is_final));
        assert!(
            ![in_use.clone(), full, closed(404, "NOT_FOUND"), closed(541, "INTERNAL_ERROR")]
                .iter()
                .any(Error::is_final)
        );
        assert!(in_use.is_read_by_another());
    }
}
