//! Choices that all nodes of one cluster must share, or that a client's dialect depends on.

use std::{fmt, str::FromStr};

/// How many live sessions a user may have, and which of them a new login ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum DevicePolicy {
    /// One session a user: a new login ends the old one, wherever it is.
    Single,
    /// One session a device of the user.
    #[default]
    PerDevice,
    /// Any sessions, up to the limit; then the oldest login goes.
    Many,
}

impl DevicePolicy {
    /// The word in the configuration and in fingerprints.
    pub fn as_str(self) -> &'static str {
        match self {
            DevicePolicy::Single => "single",
            DevicePolicy::PerDevice => "per_device",
            DevicePolicy::Many => "many",
        }
    }
}

impl fmt::Display for DevicePolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for DevicePolicy {
    type Err = UnknownWord;
    fn from_str(text: &str) -> Result<Self, UnknownWord> {
        [DevicePolicy::Single, DevicePolicy::PerDevice, DevicePolicy::Many]
            .into_iter()
            .find(|policy| policy.as_str() == text)
            .ok_or(UnknownWord { known: "single, per_device or many" })
    }
}

/// What a session speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Dialect {
    /// `trunkline.v1`.
    #[default]
    V1,
    /// The frames of the older Java service.
    Classic,
}

/// Which dialects a deployment speaks, and which when the client does not say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum DialectChoice {
    /// `trunkline.v1` and nothing else.
    #[default]
    Trunkline,
    /// Classic, unless `trunkline.v1` is offered.
    Classic,
    /// `trunkline.v1`, unless `classic` is offered.
    Both,
}

impl DialectChoice {
    /// The word in the configuration.
    pub fn as_str(self) -> &'static str {
        match self {
            DialectChoice::Trunkline => "trunkline",
            DialectChoice::Classic => "classic",
            DialectChoice::Both => "both",
        }
    }
}

impl FromStr for DialectChoice {
    type Err = UnknownWord;
    fn from_str(text: &str) -> Result<Self, UnknownWord> {
        [DialectChoice::Trunkline, DialectChoice::Classic, DialectChoice::Both]
            .into_iter()
            .find(|choice| choice.as_str() == text)
            .ok_or(UnknownWord { known: "trunkline, classic or both" })
    }
}

/// A word that is none of the few that are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be {known}")]
pub struct UnknownWord {
    /// The words that would do.
    pub known: &'static str,
}
