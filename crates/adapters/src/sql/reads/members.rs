//! Who is in which group.

use std::collections::BTreeMap;
use std::sync::Arc;

use ports::store::Roster;
use sqlx::Error;
use wire::id::{ConversationId, GroupId, UserId};

use crate::sql::link::Link;
use crate::sql::rosters::Rosters;
use crate::sql::rows::{self, questions};

/// The members of groups, in the order asked; `None` where there is no such group.
pub(in crate::sql) async fn rosters<L: Link>(
    link: &mut L,
    rosters: &Rosters,
    groups: &[GroupId],
) -> Result<Vec<Option<Arc<Roster>>>, Error> {
    let names: Vec<ConversationId> =
        groups.iter().filter(|group| !group.is_everyone()).map(ConversationId::group).collect();
    let conversations = rows::conversations(link, &names).await?;
    let open = conversations.iter().filter(|(_, conversation)| conversation.is_open);
    let versions: BTreeMap<GroupId, u64> =
        open.filter_map(|(name, conversation)| Some((name.group_id()?, conversation.version))).collect();
    let known = rosters.at(link, &versions).await?;
    rosters.remember(known.values());
    Ok(groups.iter().map(|group| known.get(group).cloned()).collect())
}

/// Names of groups' conversations begin with `g:`, so they lie between these two.
const BEFORE_GROUPS: &str = "g:";
const BEHIND_GROUPS: &str = "g;";

/// The groups of users, in the order asked.
pub(in crate::sql) async fn groups_of<L: Link>(
    link: &mut L,
    users: &[UserId],
) -> Result<Vec<Vec<GroupId>>, Error> {
    let asked = questions(users.iter().map(|user| (user, BEFORE_GROUPS, BEHIND_GROUPS)))?;
    let mut groups: Vec<Vec<GroupId>> = vec![Vec::new(); users.len()];
    for row in link.rows(L::STATEMENTS.groups, vec![asked]).await? {
        let conversation: ConversationId = row.parsed(1)?;
        if let (Some(groups), Some(group)) = (groups.get_mut(row.index(0)?), conversation.group_id()) {
            groups.push(group);
        }
    }
    Ok(groups)
}
