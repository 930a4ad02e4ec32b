//! Users who are seen for the first time: their cursor for everyone starts at the head.

use std::collections::BTreeMap;

use ports::store::Denied;
use sqlx::Error;
use wire::id::{ConversationId, GroupId, UserId};

use super::Question;
use crate::sql::link::Link;
use crate::sql::rosters::Rosters;
use crate::sql::rows::{self, Conversation, Place, PlaceKey};

/// Users who have no place in everyone's conversation yet, or have got one meanwhile.
pub(in crate::sql) struct FirstArrivals(pub(in crate::sql) Vec<UserId>);

impl Question for FirstArrivals {
    type Answer = ();

    async fn apply<L: Link>(
        link: &mut L,
        _rosters: &Rosters,
        arrivals: &[&FirstArrivals],
    ) -> Result<Vec<Result<(), Denied>>, Error> {
        let name = ConversationId::group(&GroupId::everyone());
        let known = rows::conversations_to_write(link, [&name]).await?.get(&name).copied();
        let everyone = known.unwrap_or_else(Conversation::default);
        if known.is_none() {
            rows::put_conversations(link, [(&name, &everyone)]).await?;
        }
        // All of its history is open, so the place begins at the start of the log.
        let place = Place { joined: 0, ..Place::at(everyone.head) };
        let users = arrivals.iter().flat_map(|arrivals| &arrivals.0);
        let places: BTreeMap<PlaceKey, Place> =
            users.map(|user| ((user.clone(), name.clone()), place)).collect();
        rows::write_places(link, L::STATEMENTS.add_places, &places).await?;
        Ok(arrivals.iter().map(|_| Ok(())).collect())
    }
}
