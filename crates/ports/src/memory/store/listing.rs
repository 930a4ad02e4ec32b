//! The list of a user's conversations, page by page.
//!
//! The order of the whole list is that of the moment when its first page was read, so that what is said meanwhile neither hides a conversation nor shows one twice.

use std::cmp::Reverse;
use std::str::FromStr;

use wire::id::{ConversationId, GroupId, UserId};

use super::State;
use super::log::{Log, Place};
use crate::store::{ConversationSummary, ConversationsPage, Denied};

/// Where a list goes on, written `as_of.time.conversation`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Bookmark {
    /// The time of the latest message when the first page was read.
    as_of_ms: u64,
    /// The order of the last conversation shown.
    shown: Order,
}

/// The latest first; what was said in the same millisecond by name.
type Order = (Reverse<u64>, ConversationId);

impl FromStr for Bookmark {
    type Err = Denied;
    fn from_str(text: &str) -> Result<Bookmark, Denied> {
        let mut parts = text.splitn(3, '.');
        let mut number = || parts.next()?.parse().ok();
        let (as_of_ms, time_ms) =
            (number().ok_or(Denied::Unacceptable)?, number().ok_or(Denied::Unacceptable)?);
        let conversation = parts.next().and_then(|name| name.parse().ok()).ok_or(Denied::Unacceptable)?;
        Ok(Bookmark { as_of_ms, shown: (Reverse(time_ms), conversation) })
    }
}

impl State {
    pub(super) fn conversations(
        &self,
        user: &UserId,
        items_max: usize,
        after: Option<Bookmark>,
    ) -> ConversationsPage {
        let everyone = ConversationId::group(&GroupId::everyone());
        let logs = self.listed(user).into_iter().filter_map(|name| Some((self.logs.get(&name)?, name)));
        let logs: Vec<(&Log, ConversationId)> =
            logs.filter(|(log, name)| *name != everyone || log.head() > 0).collect();
        let latest_ms = logs.iter().map(|(log, _)| log.last_ms()).max().unwrap_or(0);
        let as_of_ms = after.as_ref().map_or(latest_ms, |after| after.as_of_ms);
        let mut lines: Vec<(Order, &Log)> = logs
            .into_iter()
            .map(|(log, name)| {
                let time_ms = log
                    .said(log.head_before(as_of_ms.saturating_add(1)))
                    .map_or(0, |said| said.message.time_ms);
                ((Reverse(time_ms), name), log)
            })
            .filter(|(order, _)| after.as_ref().is_none_or(|after| *order > after.shown))
            .collect();
        lines.sort_by(|one, other| one.0.cmp(&other.0));
        let is_cut = lines.len() > items_max;
        lines.truncate(items_max);
        let next = lines
            .last()
            .filter(|_| is_cut)
            .map(|((Reverse(time_ms), name), _)| format!("{as_of_ms}.{time_ms}.{name}"));
        let items = lines.into_iter().map(|((_, name), log)| summary(user, name, log)).collect();
        ConversationsPage { items, next }
    }
}

fn summary(user: &UserId, conversation: ConversationId, log: &Log) -> ConversationSummary {
    // Only in everyone's can a user have no place: one who has not been seen yet has read all of it.
    let place = log.places.get(user).copied().unwrap_or(Place { joined: 0, read: log.head() });
    ConversationSummary {
        conversation,
        head: log.head(),
        unread: log.unread(user),
        read: place.read,
        last: log.last(place).cloned(),
    }
}
