//! Where sessions stand, and what has happened lately.

use std::collections::BTreeSet;

use ports::store::{COMMIT_LAG_MS_MAX, PositionQuery};
use sqlx::Error;
use wire::id::{ConversationId, GroupId, Seq, UserId};

use crate::sql::link::{Link, integer};
use crate::sql::rows::{self, PlaceKey, questions};

/// From where sessions are to be pushed, in the order asked.
pub(in crate::sql) async fn positions<L: Link>(
    link: &mut L,
    queries: &[PositionQuery],
) -> Result<Vec<Seq>, Error> {
    let names: BTreeSet<&ConversationId> = queries.iter().map(|query| &query.conversation).collect();
    let conversations = rows::conversations(link, names).await?;
    let key = |query: &PositionQuery| Some((query.user.clone()?, query.conversation.clone()));
    let keys: BTreeSet<PlaceKey> = queries.iter().filter_map(key).collect();
    let places = rows::places(link, &keys).await?;
    let asked = queries.iter().map(|query| {
        let head = conversations.get(&query.conversation).map_or(0, |conversation| conversation.head);
        let cursor = key(query).and_then(|key| places.get(&key)).map_or(head, |place| place.read);
        let lag_ms = if query.user.is_some() { COMMIT_LAG_MS_MAX } else { 0 };
        Search {
            conversation: query.conversation.clone(),
            before_ms: query.arrived_ms.saturating_sub(lag_ms),
            high: cursor.min(head),
        }
    });
    let found = said_before(link, asked.collect()).await?;
    Ok(found.into_iter().map(|(seq, _)| seq).collect())
}

/// A question for the latest message up to a seq that was said before a time.
pub(super) struct Search {
    pub(super) conversation: ConversationId,
    pub(super) before_ms: u64,
    pub(super) high: Seq,
}

/// The seq and the time of the latest message that was said before a time, in the order asked; zeros where there is none.
pub(super) async fn said_before<L: Link>(
    link: &mut L,
    searches: Vec<Search>,
) -> Result<Vec<(Seq, u64)>, Error> {
    let mut found = vec![(0, 0); searches.len()];
    if searches.is_empty() {
        return Ok(found);
    }
    let asked =
        searches.iter().map(|search| (&search.conversation, integer(search.before_ms), integer(search.high)));
    for row in link.rows(L::STATEMENTS.said_before, vec![questions(asked)?]).await? {
        if let Some(found) = found.get_mut(row.index(0)?) {
            *found = (row.number(1)?, row.maybe_number(2)?.unwrap_or(0));
        }
    }
    Ok(found)
}

/// The heads of the conversations of users in which something was said since a time.
pub(in crate::sql) async fn recent_heads<L: Link>(
    link: &mut L,
    users: &[UserId],
    since_ms: u64,
) -> Result<Vec<Vec<(ConversationId, Seq)>>, Error> {
    let asked = questions(users.iter().map(|user| [user]))?;
    let mut heads: Vec<Vec<(ConversationId, Seq)>> = vec![Vec::new(); users.len()];
    for row in link.rows(L::STATEMENTS.recent, vec![asked, since_ms.into()]).await? {
        if let Some(heads) = heads.get_mut(row.index(0)?) {
            heads.push((row.parsed(1)?, row.number(2)?));
        }
    }
    let name = ConversationId::group(&GroupId::everyone());
    let everyone = rows::conversations(link, [&name]).await?.remove(&name);
    if let Some(everyone) = everyone.filter(|everyone| everyone.head > 0 && everyone.last_ms >= since_ms) {
        // Who was never seen has no place there, but is told of it too.
        for heads in heads.iter_mut().filter(|heads| heads.iter().all(|(other, _)| *other != name)) {
            heads.push((name.clone(), everyone.head));
        }
    }
    Ok(heads)
}
