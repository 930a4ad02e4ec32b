//! The list of a user's conversations, page by page.

use std::cmp::Reverse;

use wire::id::{ConversationId, GroupId, UserId};

use super::State;
use super::log::{Log, Place};
use crate::bookmark::{Bookmark, Rank};
use crate::store::{ConversationSummary, ConversationsPage};

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
        let mut lines: Vec<(Rank, &Log)> = logs
            .into_iter()
            .map(|(log, name)| {
                let time_ms = log
                    .said(log.head_before(as_of_ms.saturating_add(1)))
                    .map_or(0, |said| said.message.time_ms);
                ((Reverse(time_ms), name), log)
            })
            .filter(|(rank, _)| after.as_ref().is_none_or(|after| *rank > after.shown))
            .collect();
        lines.sort_by(|one, other| one.0.cmp(&other.0));
        let is_cut = lines.len() > items_max;
        lines.truncate(items_max);
        let next = lines.last().filter(|_| is_cut);
        let next = next.map(|(rank, _)| Bookmark { as_of_ms, shown: rank.clone() }.to_string());
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
