//! The one error of this crate.
//!
//! It promises to answer three questions: whose fault, may I try again, what do I do now.
//! It never holds a message's content.

use std::{io, sync::Arc, time::Duration};

use crate::codes::response;

/// Why a call failed.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// An argument or a setting is wrong; nothing was sent.
    #[error("{what}")]
    Invalid {
        /// What is wrong, in one sentence.
        what: String,
    },
    /// Something exceeds a limit of [`crate::Config`] or of the protocol; nothing was sent.
    #[error("{what} has {bytes} bytes; {bytes_max} are allowed")]
    TooLarge {
        /// What is too large.
        what: &'static str,
        /// How large it is.
        bytes: usize,
        /// How large it may be.
        bytes_max: usize,
    },
    /// The name servers know no broker that has this topic.
    /// They forget a topic while its only broker is away, so this may pass.
    #[error(
        "topic {topic} is not known to the name server: create it (mqadmin updateTopic -c CLUSTER -t {topic}), or start its broker"
    )]
    NoSuchTopic {
        /// The topic.
        topic: String,
    },
    /// The broker has no such consumer group and does not create groups by itself.
    #[error(
        "consumer group {group} does not exist on the broker at {address}: create it (mqadmin updateSubGroup -c CLUSTER -g {group})"
    )]
    NoSuchGroup {
        /// The group.
        group: String,
        /// The broker that was asked.
        address: String,
    },
    /// No route has named this broker yet, so its address is not known; nothing was sent.
    #[error("no route names broker {broker}, or it has no master: ask for the topic's route again")]
    NoSuchBroker {
        /// The broker's name.
        broker: String,
    },
    /// No connection could be opened; nothing was sent.
    #[error("cannot connect to {address}: {source}")]
    Unreachable {
        /// Where to.
        address: String,
        /// What the system said.
        source: Arc<io::Error>,
    },
    /// The connection was lost after the request may have been sent.
    #[error("the connection to {address} was lost before the answer")]
    ConnectionLost {
        /// Where to.
        address: String,
    },
    /// No answer came in time to a request that may have been sent.
    #[error("{address} did not answer within {after:?}")]
    TimedOut {
        /// Where to.
        address: String,
        /// How long was waited.
        after: Duration,
    },
    /// `in_flight_max` requests were already waiting for answers during the whole time-out; nothing was sent.
    #[error("too many requests to {address} wait for an answer")]
    Overloaded {
        /// Where to.
        address: String,
    },
    /// The server answered no.
    #[error("{address} refused: code {code}, {remark}")]
    Refused {
        /// Who refused.
        address: String,
        /// The protocol's response code.
        code: i32,
        /// The server's own words, cut to their first line.
        remark: String,
    },
    /// The server answered with something that is not the protocol.
    #[error("{address} answered with {what}")]
    Malformed {
        /// Who answered.
        address: String,
        /// What is wrong with the answer.
        what: String,
    },
    /// The client was closed.
    #[error("the client is closed")]
    Closed,
}

/// Where the cause of an [`Error`] lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// In the call or the settings.
    Caller,
    /// In how the servers are set up: a topic, a group or a permission is missing.
    Setup,
    /// In a server: broken, busy or stopping.
    Server,
    /// In the way to it.
    Network,
}

/// Whether the same call may succeed later.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retry {
    /// At once.
    Now,
    /// After a pause; 100 ms to a few seconds are fine.
    After,
    /// Not before somebody changes something.
    Never,
}

impl Error {
    /// Whose fault it is.
    pub fn fault(&self) -> Fault {
        match self {
            Self::Invalid { .. } | Self::TooLarge { .. } | Self::Closed => Fault::Caller,
            Self::NoSuchTopic { .. } | Self::NoSuchGroup { .. } => Fault::Setup,
            Self::Refused { code: response::NO_PERMISSION, .. } => Fault::Setup,
            Self::Refused { .. } | Self::Malformed { .. } | Self::NoSuchBroker { .. } => Fault::Server,
            Self::Unreachable { .. } | Self::ConnectionLost { .. } | Self::TimedOut { .. } => Fault::Network,
            Self::Overloaded { .. } => Fault::Caller,
        }
    }

    /// Whether to try again.
    pub fn retry(&self) -> Retry {
        match self {
            Self::ConnectionLost { .. } | Self::TimedOut { .. } => Retry::Now,
            Self::Unreachable { .. }
            | Self::Overloaded { .. }
            | Self::NoSuchBroker { .. }
            | Self::NoSuchTopic { .. }
            | Self::Malformed { .. } => Retry::After,
            Self::Refused { code, .. } => match *code {
                response::REQUEST_CODE_NOT_SUPPORTED
                | response::MESSAGE_ILLEGAL
                | response::SUBSCRIPTION_PARSE_FAILED
                | response::INVALID_PARAMETER => Retry::Never,
                // Busy, stopping, short of disk, not writable for now: brokers have many words for it, and new ones.
                _ => Retry::After,
            },
            Self::Invalid { .. } | Self::TooLarge { .. } | Self::NoSuchGroup { .. } | Self::Closed => {
                Retry::Never
            }
        }
    }

    /// Whether the request may have been carried out although no answer says so.
    pub fn may_have_happened(&self) -> bool {
        matches!(self, Self::ConnectionLost { .. } | Self::TimedOut { .. } | Self::Malformed { .. })
    }

    pub(crate) fn invalid(what: impl Into<String>) -> Self {
        Self::Invalid { what: what.into() }
    }

    /// The server's remark may be a whole stack trace: only its first line helps, and log lines stay lines.
    pub(crate) fn refused(address: &str, code: i32, remark: &str) -> Self {
        const REMARK_CHARS_MAX: usize = 200;
        let line = remark.lines().next().unwrap_or_default();
        Self::Refused {
            address: address.to_owned(),
            code,
            remark: line.chars().take(REMARK_CHARS_MAX).collect(),
        }
    }

    pub(crate) fn malformed(address: &str, what: impl Into<String>) -> Self {
        Self::Malformed { address: address.to_owned(), what: what.into() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_errors_after_which_the_request_may_have_been_sent_are_uncertain() {
        let address = || "broker:10911".to_owned();
        let lost = Error::ConnectionLost { address: address() };
        let refused = Error::refused("broker:10911", 2, "[TIMEOUT_CLEAN_QUEUE]broker busy\nat Foo.java");
        let source = Arc::new(io::Error::from(io::ErrorKind::ConnectionRefused));
        let unreachable = Error::Unreachable { address: address(), source };
        assert!(lost.may_have_happened());
        assert!(!refused.may_have_happened());
        assert!(!unreachable.may_have_happened());
        assert_eq!(
            (lost.retry(), refused.retry(), unreachable.retry()),
            (Retry::Now, Retry::After, Retry::After)
        );
        assert_eq!(refused.to_string(), "broker:10911 refused: code 2, [TIMEOUT_CLEAN_QUEUE]broker busy");
    }

    #[test]
    fn a_missing_topic_and_a_missing_group_name_the_command_that_helps() {
        let topic = Error::NoSuchTopic { topic: "ORDERS".to_owned() };
        assert!(topic.to_string().contains("mqadmin updateTopic -c CLUSTER -t ORDERS"), "{topic}");
        let group = Error::NoSuchGroup { group: "g1".to_owned(), address: "b:1".to_owned() };
        assert!(group.to_string().contains("mqadmin updateSubGroup -c CLUSTER -g g1"), "{group}");
        assert_eq!((topic.fault(), group.fault()), (Fault::Setup, Fault::Setup));
    }
}
