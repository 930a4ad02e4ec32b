//! Changing who is a member of a group.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use ports::store::{Denied, Roster, RosterChange};
use sqlx::Error;
use wire::id::{ConversationId, GroupId, UserId};

use super::Question;
use crate::sql::ground::Ground;
use crate::sql::link::Link;
use crate::sql::rosters::Rosters;
use crate::sql::rows::{Conversation, Place, PlaceKey, conversation_values, place_values, questions};

/// A change that is asked for.
pub(in crate::sql) struct GroupChange {
    pub(in crate::sql) group: GroupId,
    pub(in crate::sql) members: NewMembers,
}

/// Who is to be a member.
pub(in crate::sql) enum NewMembers {
    /// These and nobody else; makes the group.
    Exactly(Vec<UserId>),
    /// Whoever is; makes the group.
    Same,
    /// These too; makes the group where `create` is set.
    With { users: Vec<UserId>, create: bool },
    /// These not.
    Without(Vec<UserId>),
    /// Nobody; ends the group.
    None,
}

impl Question for GroupChange {
    type Answer = RosterChange;

    fn conversation(&self) -> ConversationId {
        ConversationId::group(&self.group)
    }

    fn makes_it(&self) -> bool {
        !self.group.is_everyone() && self.members.makes_the_group()
    }

    async fn apply<L: Link>(
        link: &mut L,
        rosters: &Rosters,
        ground: &mut Ground,
        changes: &[&GroupChange],
    ) -> Result<Vec<Result<RosterChange, Denied>>, Error> {
        let mut answers = Vec::with_capacity(changes.len());
        for change in changes {
            answers.push(change.apply_alone(link, rosters, ground).await?);
        }
        Ok(answers)
    }
}

impl GroupChange {
    async fn apply_alone<L: Link>(
        &self,
        link: &mut L,
        rosters: &Rosters,
        ground: &mut Ground,
    ) -> Result<Result<RosterChange, Denied>, Error> {
        if self.group.is_everyone() {
            return Ok(Err(Denied::Forbidden));
        }
        let name = ConversationId::group(&self.group);
        let known = ground.get(&name);
        let open = known.filter(|known| known.is_open);
        if open.is_none() && !self.members.makes_the_group() {
            return Ok(Err(Denied::NotFound));
        }
        let before = match open {
            Some(open) => {
                let versions = BTreeMap::from([(self.group.clone(), open.version)]);
                rosters.at(link, &versions).await?.remove(&self.group)
            }
            None => None,
        };
        let before = before.map(|roster| roster.members.clone()).unwrap_or_default();
        let wanted = self.members.after(before.keys());
        let joined: Vec<UserId> = wanted.iter().filter(|user| !before.contains_key(*user)).cloned().collect();
        let left: Vec<UserId> = before.keys().filter(|user| !wanted.contains(*user)).cloned().collect();

        let is_over = matches!(self.members, NewMembers::None);
        let mut after = known.unwrap_or_default();
        let changed = open.is_none() || is_over || !joined.is_empty() || !left.is_empty();
        if changed {
            after.version += 1;
            after.is_open = !is_over;
            after.first = if is_over { after.head + 1 } else { after.first };
            link.insert(vec![conversation_values(L::STATEMENTS.put_conversations, [(&name, &after)])])
                .await?;
            ground.put(&name, after);
        }
        remove(link, &name, &left).await?;
        add(link, &name, &after, &joined).await?;
        left.iter().chain(&joined).for_each(|user| ground.forget_place(&(user.clone(), name.clone())));

        let mut members = before;
        members.retain(|user, _| wanted.contains(user));
        members.extend(joined.iter().map(|user| (user.clone(), after.head)));
        let roster = Arc::new(Roster { group: self.group.clone(), version: after.version, members });
        Ok(Ok(RosterChange { version: after.version, joined, left, roster }))
    }
}

impl NewMembers {
    fn makes_the_group(&self) -> bool {
        match self {
            NewMembers::Exactly(_) | NewMembers::Same => true,
            NewMembers::With { create, .. } => *create,
            NewMembers::Without(_) | NewMembers::None => false,
        }
    }

    fn after<'a>(&'a self, before: impl Iterator<Item = &'a UserId>) -> BTreeSet<UserId> {
        match self {
            NewMembers::Exactly(users) => users.iter().cloned().collect(),
            NewMembers::Same => before.cloned().collect(),
            NewMembers::With { users, .. } => before.chain(users).cloned().collect(),
            NewMembers::Without(users) => {
                let users: BTreeSet<&UserId> = users.iter().collect();
                before.filter(|user| !users.contains(user)).cloned().collect()
            }
            NewMembers::None => BTreeSet::new(),
        }
    }
}

async fn add<L: Link>(
    link: &mut L,
    name: &ConversationId,
    conversation: &Conversation,
    users: &[UserId],
) -> Result<(), Error> {
    let place = Place::at(conversation.head);
    let places: BTreeMap<PlaceKey, Place> =
        users.iter().map(|user| ((user.clone(), name.clone()), place)).collect();
    link.insert(vec![place_values(L::STATEMENTS.add_places, &places)]).await?;
    Ok(())
}

async fn remove<L: Link>(link: &mut L, name: &ConversationId, users: &[UserId]) -> Result<(), Error> {
    if users.is_empty() {
        return Ok(());
    }
    let places = questions(users.iter().map(|user| (user, name)))?;
    for statement in [L::STATEMENTS.remove_own_messages, L::STATEMENTS.remove_places] {
        link.run(statement, vec![places.clone()]).await?;
    }
    Ok(())
}
