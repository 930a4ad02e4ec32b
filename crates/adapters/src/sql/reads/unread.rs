//! What users have not read.

use std::collections::BTreeSet;

use ports::store::UnreadList;
use sqlx::Error;
use wire::frame::Unread;
use wire::id::{ConversationId, GroupId, UserId};

use crate::sql::link::Link;
use crate::sql::rows::{self, PlaceKey, questions};

/// What users have not read, in the order asked, and which of them have never been seen.
pub(in crate::sql) async fn unread<L: Link>(
    link: &mut L,
    users: &[UserId],
    items_max: usize,
) -> Result<(Vec<UnreadList>, Vec<UserId>), Error> {
    let asked = questions(users.iter().map(|user| [user]))?;
    // One more than asked for tells that there are more.
    let lines_max = (items_max as u64).saturating_add(1);
    let mut lists = vec![UnreadList::default(); users.len()];
    for row in link.rows(L::STATEMENTS.unread, vec![asked, lines_max.into()]).await? {
        let Some(list) = lists.get_mut(row.index(0)?) else { continue };
        if list.items.len() == items_max {
            list.more = true;
            continue;
        }
        list.items.push(Unread {
            conversation: row.parsed(1)?,
            unread: row.number(2)?,
            head: row.number(3)?,
        });
    }
    let everyone = ConversationId::group(&GroupId::everyone());
    let keys: BTreeSet<PlaceKey> = users.iter().map(|user| (user.clone(), everyone.clone())).collect();
    let seen = rows::places(link, &keys).await?;
    let unseen = keys.into_iter().filter(|key| !seen.contains_key(key)).map(|(user, _)| user).collect();
    Ok((lists, unseen))
}
