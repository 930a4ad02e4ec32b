//! The list of a user's conversations, page by page.

use std::cmp::Reverse;

use ports::bookmark::{Bookmark, Rank};
use ports::store::{ConversationSummary, ConversationsPage};
use sqlx::Error;
use wire::id::{ConversationId, GroupId, UserId};

use super::heads::{Search, said_before};
use crate::sql::link::Link;
use crate::sql::rows::{self, Conversation, Place, questions};

/// A conversation of the user.
struct Line {
    name: ConversationId,
    conversation: Conversation,
    place: Place,
}

/// One page of a user's conversations.
pub(in crate::sql) async fn conversations<L: Link>(
    link: &mut L,
    user: &UserId,
    items_max: usize,
    after: Option<Bookmark>,
) -> Result<ConversationsPage, Error> {
    let lines = lines(link, user).await?;
    let latest_ms = lines.iter().map(|line| line.conversation.last_ms).max().unwrap_or(0);
    let as_of_ms = after.as_ref().map_or(latest_ms, |after| after.as_of_ms);
    let mut ranked: Vec<(Rank, Line)> = ranked(link, lines, as_of_ms)
        .await?
        .into_iter()
        .filter(|(rank, _)| after.as_ref().is_none_or(|after| *rank > after.shown))
        .collect();
    ranked.sort_by(|one, other| one.0.cmp(&other.0));
    let is_cut = ranked.len() > items_max;
    ranked.truncate(items_max);
    let next = ranked.last().filter(|_| is_cut);
    let next = next.map(|(rank, _)| Bookmark { as_of_ms, shown: rank.clone() }.to_string());
    let items = summaries(link, ranked.into_iter().map(|(_, line)| line).collect()).await?;
    Ok(ConversationsPage { items, next })
}

/// All conversations of a user; everyone's once something was said there.
async fn lines<L: Link>(link: &mut L, user: &UserId) -> Result<Vec<Line>, Error> {
    let everyone = ConversationId::group(&GroupId::everyone());
    let mut lines = Vec::new();
    for row in link.rows(L::STATEMENTS.listing, vec![user.as_str().into()]).await? {
        let conversation = Conversation {
            head: row.number(1)?,
            last_ms: row.number(2)?,
            first: row.number(3)?,
            ..Conversation::default()
        };
        let place = Place { joined: row.number(4)?, read: row.number(5)?, own_above: row.number(6)? };
        lines.push(Line { name: row.parsed(0)?, conversation, place });
    }
    if lines.iter().all(|line| line.name != everyone)
        && let Some(conversation) = rows::conversations(link, [&everyone]).await?.remove(&everyone)
    {
        // One who was not seen yet has read all of it.
        let place = Place { joined: 0, ..Place::at(conversation.head) };
        lines.push(Line { name: everyone.clone(), conversation, place });
    }
    lines.retain(|line| line.name != everyone || line.conversation.head > 0);
    Ok(lines)
}

/// The conversations in the order that they had at a time: only those in which something was said since need a look into the log.
async fn ranked<L: Link>(link: &mut L, lines: Vec<Line>, as_of_ms: u64) -> Result<Vec<(Rank, Line)>, Error> {
    let (moved, mut same): (Vec<Line>, Vec<Line>) =
        lines.into_iter().partition(|line| line.conversation.last_ms > as_of_ms);
    let searches = moved.iter().map(|line| Search {
        conversation: line.name.clone(),
        before_ms: as_of_ms.saturating_add(1),
        high: line.conversation.head,
    });
    let found = said_before(link, searches.collect()).await?;
    let moved = moved
        .into_iter()
        .zip(found)
        .map(|(line, (_, time_ms))| ((Reverse(time_ms), line.name.clone()), line));
    let same = same.drain(..).map(|line| ((Reverse(line.conversation.last_ms), line.name.clone()), line));
    Ok(same.chain(moved).collect())
}

/// The lines with their latest messages, where the user may see them.
async fn summaries<L: Link>(link: &mut L, lines: Vec<Line>) -> Result<Vec<ConversationSummary>, Error> {
    let asked = questions(lines.iter().map(|line| (&line.name, line.conversation.head)))?;
    let rows = link.rows(L::STATEMENTS.messages, vec![asked]).await?;
    let mut items: Vec<ConversationSummary> = lines
        .iter()
        .map(|line| ConversationSummary {
            conversation: line.name.clone(),
            head: line.conversation.head,
            unread: line.place.unread(line.conversation.head),
            read: line.place.read,
            last: None,
        })
        .collect();
    for mut row in rows {
        let index = row.index(0)?;
        if let (Some(item), Some(line)) = (items.get_mut(index), lines.get(index))
            && line.conversation.head >= line.conversation.first.max(line.place.joined + 1)
        {
            item.last = Some(rows::message(&mut row, &line.name)?);
        }
    }
    Ok(items)
}
