//! Where a list of conversations goes on: what every store writes as [`crate::store::ConversationsPage::next`].
//!
//! The order of the whole list is that of the moment when its first page was read, so that what is said meanwhile neither hides a conversation nor shows one twice.
//! So a bookmark holds that moment, told by the time of the latest message, and the place of the last conversation shown.

use std::cmp::Reverse;
use std::fmt;
use std::str::FromStr;

use wire::id::ConversationId;

use crate::store::Denied;

/// Written `as_of.time.conversation`; opaque to everyone but stores.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bookmark {
    /// The time of the latest message when the first page was read.
    pub as_of_ms: u64,
    /// The last conversation shown.
    pub shown: Rank,
}

/// The place of a conversation in a list: by the time of its latest message, 0 where there is none, the latest first; then by name.
pub type Rank = (Reverse<u64>, ConversationId);

impl FromStr for Bookmark {
    type Err = Denied;
    fn from_str(text: &str) -> Result<Bookmark, Denied> {
        let mut parts = text.splitn(3, '.');
        let mut number = || parts.next()?.parse().ok();
        let as_of_ms = number().ok_or(Denied::Unacceptable)?;
        let time_ms = number().ok_or(Denied::Unacceptable)?;
        let conversation = parts.next().and_then(|name| name.parse().ok()).ok_or(Denied::Unacceptable)?;
        Ok(Bookmark { as_of_ms, shown: (Reverse(time_ms), conversation) })
    }
}

impl fmt::Display for Bookmark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Reverse(time_ms), conversation) = &self.shown;
        write!(f, "{}.{time_ms}.{conversation}", self.as_of_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bookmark_is_read_as_it_was_written_whatever_the_name() {
        for name in ["g:a.b.c", "d:1.2:3", "g:everyone"] {
            let bookmark = Bookmark { as_of_ms: 7, shown: (Reverse(5), name.parse().unwrap()) };
            assert_eq!(bookmark.to_string().parse(), Ok(bookmark));
        }
    }
}
