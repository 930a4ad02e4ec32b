//! Pieces of logs.
//!
//! A log has no holes, so a number of messages is a range of seqs; only the cut by bytes is left to the database.

use std::collections::{BTreeMap, BTreeSet};

use ports::store::{Denied, Page, PageQuery, Reader};
use sqlx::Error;
use wire::Message;
use wire::frame::Range;
use wire::id::{ConversationId, GroupId, Seq};

use crate::sql::link::{Link, integer};
use crate::sql::rosters::Rosters;
use crate::sql::rows::{self, Conversation, Place, PlaceKey, questions};

/// Reads pieces of logs, in the order asked.
pub(in crate::sql) async fn pages<L: Link>(
    link: &mut L,
    rosters: &Rosters,
    queries: &[PageQuery],
) -> Result<Vec<Result<Page, Denied>>, Error> {
    let names: BTreeSet<&ConversationId> = queries.iter().map(|query| &query.conversation).collect();
    let conversations = rows::conversations(link, names).await?;
    let keys: BTreeSet<PlaceKey> = queries.iter().filter_map(place_key).collect();
    let places = rows::places(link, &keys).await?;
    let open = conversations.iter().filter(|(_, conversation)| conversation.is_open);
    let versions: BTreeMap<GroupId, u64> = open
        .filter_map(|(name, conversation)| Some((name.group_id()?, conversation.version)))
        .filter(|(group, _)| !group.is_everyone())
        .collect();
    let mut known = rosters.at(link, &versions).await?;
    rosters.remember(known.values());

    let spans: Vec<Result<Span, Denied>> = queries
        .iter()
        .map(|query| Span::of(query, conversations.get(&query.conversation), &places))
        .collect();
    let mut found = messages(link, queries, &spans).await?;
    let pages = queries.iter().zip(spans).enumerate().map(|(index, (query, span))| {
        let roster = query.conversation.group_id().and_then(|group| known.get_mut(&group).cloned());
        span.map(|span| Page { roster, ..span.page(found.remove(&index).unwrap_or_default()) })
    });
    Ok(pages.collect())
}

fn place_key(query: &PageQuery) -> Option<PlaceKey> {
    match &query.reader {
        Reader::User(user) => Some((user.clone(), query.conversation.clone())),
        Reader::All => None,
    }
}

/// The seqs that a query is about.
struct Span {
    /// Where the log begins for the reader.
    first: Seq,
    head: Seq,
    low: Seq,
    high: Seq,
    is_forward: bool,
}

impl Span {
    fn of(
        query: &PageQuery,
        conversation: Option<&Conversation>,
        places: &BTreeMap<PlaceKey, Place>,
    ) -> Result<Span, Denied> {
        let place = place_key(query).and_then(|key| places.get(&key));
        let is_there = conversation.is_some_and(|conversation| conversation.is_open);
        let may_read = match (query.conversation.group_id(), &query.reader) {
            (Some(group), _) if group.is_everyone() => true,
            (Some(_), _) if !is_there => return Err(Denied::NotFound),
            (Some(_), Reader::User(_)) => place.is_some(),
            (None, Reader::User(user)) => query.conversation.is_between(user),
            (_, Reader::All) => true,
        };
        if !may_read {
            return Err(Denied::Forbidden);
        }
        let conversation = conversation.copied().unwrap_or_default();
        let first = conversation.first.max(place.map_or(0, |place| place.joined) + 1);
        let head = conversation.head;
        let items = query.items_max as u64;
        let below = |end: Seq| (first.max((end + 1).saturating_sub(items)), end);
        let (low, high) = match query.range {
            Range::Latest => below(head),
            Range::Before(seq) => below(seq.saturating_sub(1).min(head)),
            Range::After(seq) => {
                let low = first.max(seq.saturating_add(1));
                (low, head.min((low - 1).saturating_add(items)))
            }
        };
        Ok(Span { first, head, low, high, is_forward: matches!(query.range, Range::After(_)) })
    }

    fn page(&self, messages: Vec<Message>) -> Page {
        let more = if self.is_forward {
            messages.last().and_then(|message| message.seq).unwrap_or(self.low - 1) < self.head
        } else {
            messages.first().and_then(|message| message.seq).unwrap_or(self.high + 1) > self.first
        };
        Page { messages, first: self.first, more, head: self.head, roster: None }
    }
}

/// The messages of each query by its index.
async fn messages<L: Link>(
    link: &mut L,
    queries: &[PageQuery],
    spans: &[Result<Span, Denied>],
) -> Result<BTreeMap<usize, Vec<Message>>, Error> {
    let mut asked = Vec::new();
    let mut rows_of = Vec::new();
    for (index, (query, span)) in queries.iter().zip(spans).enumerate() {
        if let Ok(span) = span
            && span.low <= span.high
        {
            let direction = if span.is_forward { 1 } else { -1 };
            let bytes = integer(query.bytes_max as u64);
            asked.push((&query.conversation, span.low, span.high, direction, bytes));
            rows_of.push((index, &query.conversation));
        }
    }
    let mut messages: BTreeMap<usize, Vec<Message>> = BTreeMap::new();
    if asked.is_empty() {
        return Ok(messages);
    }
    for mut row in link.rows(L::STATEMENTS.pages, vec![questions(asked)?]).await? {
        if let Some((index, conversation)) = rows_of.get(row.index(0)?) {
            messages.entry(*index).or_default().push(rows::message(&mut row, conversation)?);
        }
    }
    Ok(messages)
}
