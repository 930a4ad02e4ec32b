//! Moving read cursors.

use std::collections::{BTreeMap, BTreeSet};

use ports::store::Denied;
use sqlx::Error;
use wire::id::{ConversationId, Seq, UserId};

use super::Question;
use crate::sql::ground::Ground;
use crate::sql::link::Link;
use crate::sql::rosters::Rosters;
use crate::sql::rows::{Place, PlaceKey, place_values};

/// A user has seen a conversation up to a message.
pub(in crate::sql) struct Mark {
    pub(in crate::sql) user: UserId,
    pub(in crate::sql) conversation: ConversationId,
    pub(in crate::sql) seq: Seq,
}

impl Question for Mark {
    type Answer = Option<Seq>;

    fn conversation(&self) -> ConversationId {
        self.conversation.clone()
    }

    fn makes_it(&self) -> bool {
        false
    }

    async fn apply<L: Link>(
        link: &mut L,
        _rosters: &Rosters,
        ground: &mut Ground,
        marks: &[&Mark],
    ) -> Result<Vec<Result<Option<Seq>, Denied>>, Error> {
        let keys: BTreeSet<PlaceKey> = marks.iter().map(|mark| mark.key()).collect();
        ground.find_places(link, keys).await?;
        let mut moved = BTreeMap::new();
        let mut answers = Vec::with_capacity(marks.len());
        for mark in marks {
            let conversation = ground.get(&mark.conversation).filter(|conversation| conversation.is_open);
            let place = ground.place(&mark.key());
            if let Err(denied) = mark.admit(conversation.is_some(), place.is_some()) {
                answers.push(Err(denied));
                continue;
            }
            let seq = mark.seq.min(conversation.map_or(0, |conversation| conversation.head));
            let Some(place) = place.filter(|place| place.read < seq) else {
                answers.push(Ok(None));
                continue;
            };
            let passed = if place.own_above > 0 { mark.pass_own(link, seq).await? } else { 0 };
            let place = Place { read: seq, own_above: place.own_above.saturating_sub(passed), ..place };
            ground.put_place(&mark.key(), place);
            moved.insert(mark.key(), place);
            answers.push(Ok(Some(seq)));
        }
        link.insert(vec![place_values(L::STATEMENTS.put_places, &moved)]).await?;
        Ok(answers)
    }
}

impl Mark {
    fn key(&self) -> PlaceKey {
        (self.user.clone(), self.conversation.clone())
    }

    fn admit(&self, is_there: bool, has_place: bool) -> Result<(), Denied> {
        match self.conversation.group_id() {
            None if self.conversation.is_between(&self.user) => Ok(()),
            Some(group) if group.is_everyone() || (is_there && has_place) => Ok(()),
            Some(_) if !is_there => Err(Denied::NotFound),
            _ => Err(Denied::Forbidden),
        }
    }

    /// The cursor passes own messages; returns how many.
    async fn pass_own<L: Link>(&self, link: &mut L, up_to: Seq) -> Result<u64, Error> {
        let values = vec![self.user.as_str().into(), self.conversation.as_str().into(), up_to.into()];
        link.run(L::STATEMENTS.read_own_messages, values).await
    }
}
