//! Rosters that were read before. A version names the members for ever, so what is remembered needs no invalidation, only a look at the version.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ports::store::Roster;
use sqlx::Error;
use wire::id::{ConversationId, GroupId, Seq, UserId};

use super::link::Link;
use super::rows::questions;

/// Members in all rosters that are remembered, some 100 bytes each; beyond it the memory starts anew.
const MEMBERS_REMEMBERED_MAX: usize = 200_000;

/// The rosters of the groups that were asked for.
#[derive(Debug, Default)]
pub(super) struct Rosters {
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    rosters: BTreeMap<GroupId, Arc<Roster>>,
    members: usize,
}

impl Rosters {
    /// The rosters of groups at the versions that `link` sees.
    pub(super) async fn at<L: Link>(
        &self,
        link: &mut L,
        versions: &BTreeMap<GroupId, u64>,
    ) -> Result<BTreeMap<GroupId, Arc<Roster>>, Error> {
        let mut found = self.remembered(versions);
        let missing: Vec<(&GroupId, &u64)> =
            versions.iter().filter(|(group, _)| !found.contains_key(*group)).collect();
        if missing.is_empty() {
            return Ok(found);
        }
        let mut members: BTreeMap<GroupId, BTreeMap<UserId, Seq>> = BTreeMap::new();
        let names = questions(missing.iter().map(|(group, _)| [ConversationId::group(group)]))?;
        for row in link.rows(L::STATEMENTS.members, vec![names]).await? {
            let conversation: ConversationId = row.parsed(0)?;
            if let Some(group) = conversation.group_id() {
                members.entry(group).or_default().insert(row.parsed(1)?, row.number(2)?);
            }
        }
        for (group, version) in missing {
            let members = members.remove(group).unwrap_or_default();
            let roster = Arc::new(Roster { group: group.clone(), version: *version, members });
            found.insert(group.clone(), roster);
        }
        Ok(found)
    }

    /// Remembers rosters that were committed.
    pub(super) fn remember<'a>(&self, rosters: impl IntoIterator<Item = &'a Arc<Roster>>) {
        let mut known = self.known();
        for roster in rosters {
            let older = known.rosters.get(&roster.group);
            if older.is_some_and(|older| older.version >= roster.version) {
                continue;
            }
            let forgotten = older.map_or(0, |older| weight(older));
            known.members = known.members + weight(roster) - forgotten;
            if known.members > MEMBERS_REMEMBERED_MAX {
                known.rosters.clear();
                known.members = weight(roster);
            }
            known.rosters.insert(roster.group.clone(), roster.clone());
        }
    }

    fn remembered(&self, versions: &BTreeMap<GroupId, u64>) -> BTreeMap<GroupId, Arc<Roster>> {
        let known = self.known();
        let current = |(group, version): (&GroupId, &u64)| {
            let roster = known.rosters.get(group).filter(|roster| roster.version == *version)?;
            Some((group.clone(), roster.clone()))
        };
        versions.iter().filter_map(current).collect()
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The members, and the group itself, so that empty groups are not free.
fn weight(roster: &Roster) -> usize {
    roster.members.len() + 1
}
