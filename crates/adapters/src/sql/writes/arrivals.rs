//! Users who are seen for the first time: their cursor for everyone starts at the head.

use std::collections::BTreeMap;

use ports::store::Denied;
use sqlx::Error;
use wire::id::{ConversationId, GroupId, UserId};

use super::Question;
use crate::sql::ground::Ground;
use crate::sql::link::Link;
use crate::sql::rosters::Rosters;
use crate::sql::rows::{Place, PlaceKey, place_values};

/// Users who have no place in everyone's conversation yet, or have got one meanwhile.
pub(in crate::sql) struct FirstArrivals(pub(in crate::sql) Vec<UserId>);

impl Question for FirstArrivals {
    type Answer = ();

    fn conversation(&self) -> ConversationId {
        ConversationId::group(&GroupId::everyone())
    }

    fn makes_it(&self) -> bool {
        true
    }

    async fn apply<L: Link>(
        link: &mut L,
        _rosters: &Rosters,
        ground: &mut Ground,
        arrivals: &[&FirstArrivals],
    ) -> Result<Vec<Result<(), Denied>>, Error> {
        let name = ConversationId::group(&GroupId::everyone());
        let head = ground.get(&name).map_or(0, |everyone| everyone.head);
        // All of its history is open, so the place begins at the start of the log.
        let place = Place { joined: 0, ..Place::at(head) };
        let users = arrivals.iter().flat_map(|arrivals| &arrivals.0);
        let places: BTreeMap<PlaceKey, Place> =
            users.map(|user| ((user.clone(), name.clone()), place)).collect();
        link.insert(vec![place_values(L::STATEMENTS.add_places, &places)]).await?;
        places.keys().for_each(|key| ground.forget_place(key));
        Ok(arrivals.iter().map(|_| Ok(())).collect())
    }
}
