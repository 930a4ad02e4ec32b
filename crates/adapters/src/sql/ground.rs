//! What the questions of one transaction stand on: their conversations, locked before anything else is done, and the places in them.
//!
//! Whoever writes in a conversation holds its row until the commit, so what is read of it afterwards stays true, and no one else gives the same seq.
//! Nobody waits in a circle: every transaction first adds the rows that are missing, then locks all of its rows, each time in the order of their names,
//! and takes no such lock later. `docs/decisions/0015-one-order-of-locks.md` has the whole argument.
//!
//! Where nobody else writes, what was true at a commit is true when the next transaction begins, so it is not read again.
//! Whoever owns a ground drops it with a transaction that is not committed.

use std::collections::{BTreeMap, HashMap};

use sqlx::Error;
use wire::id::ConversationId;

use super::link::Link;
use super::rows::{self, Conversation, Place, PlaceKey};

/// Conversations, and places, that are remembered from one transaction to the next, some 200 bytes each; beyond it the memory starts anew.
const REMEMBERED_MAX: usize = 32_768;

/// Conversations and places, as they are now in a transaction.
#[derive(Debug, Default)]
pub(super) struct Ground {
    conversations: HashMap<ConversationId, Conversation>,
    /// `None` for one that is known not to be there.
    places: HashMap<PlaceKey, Option<Place>>,
    /// Whether the transaction that is to stand on it was begun when the last one was committed.
    pub(super) is_begun: bool,
    /// Whether sends are taken for fresh ones, which nearly all are, until the insert says otherwise.
    pub(super) sends_are_fresh: bool,
}

impl Ground {
    /// Begins a transaction and locks these conversations. Those with `true` are made where they are not there.
    pub(super) async fn take<L: Link>(
        &mut self,
        link: &mut L,
        names: &BTreeMap<ConversationId, bool>,
    ) -> Result<(), Error> {
        if !std::mem::take(&mut self.is_begun) {
            link.run(L::BEGIN, vec![]).await?;
        }
        if L::IS_SHARED || self.conversations.len() > REMEMBERED_MAX {
            self.conversations.clear();
        }
        if L::IS_SHARED || self.places.len() > REMEMBERED_MAX {
            self.places.clear();
        }
        self.lock(link, names).await?;
        let is_missing =
            |(name, makes): &(&ConversationId, &bool)| **makes && !self.conversations.contains_key(*name);
        let missing: Vec<(ConversationId, Conversation)> = names
            .iter()
            .filter(is_missing)
            .map(|(name, _)| (name.clone(), Conversation::unsaid(name)))
            .collect();
        if missing.is_empty() {
            return Ok(());
        }
        if L::IS_SHARED {
            // Rows are held by now, and to wait for others behind them would break the order.
            link.run("ROLLBACK", vec![]).await?;
            link.run(L::BEGIN, vec![]).await?;
        }
        let added = missing.iter().map(|(name, conversation)| (name, conversation));
        link.insert(vec![rows::conversation_values(L::STATEMENTS.add_conversations, added)]).await?;
        if L::IS_SHARED {
            // Somebody else may have added one meanwhile, and said something in it.
            self.conversations.clear();
            return self.lock(link, names).await;
        }
        self.conversations.extend(missing);
        Ok(())
    }

    async fn lock<L: Link>(
        &mut self,
        link: &mut L,
        names: &BTreeMap<ConversationId, bool>,
    ) -> Result<(), Error> {
        let unknown: Vec<&ConversationId> =
            names.keys().filter(|name| !self.conversations.contains_key(*name)).collect();
        if !unknown.is_empty() {
            self.conversations.extend(rows::conversations_to_write(link, unknown).await?);
        }
        Ok(())
    }

    /// A conversation, if it is there.
    pub(super) fn get(&self, name: &ConversationId) -> Option<Conversation> {
        self.conversations.get(name).copied()
    }

    /// What a conversation is from now on.
    pub(super) fn put(&mut self, name: &ConversationId, conversation: Conversation) {
        self.conversations.insert(name.clone(), conversation);
    }

    /// Reads those of some places that are not known yet.
    pub(super) async fn find_places<L: Link>(
        &mut self,
        link: &mut L,
        keys: impl IntoIterator<Item = PlaceKey>,
    ) -> Result<(), Error> {
        let unknown: Vec<PlaceKey> = keys.into_iter().filter(|key| !self.places.contains_key(key)).collect();
        if unknown.is_empty() {
            return Ok(());
        }
        let mut found = rows::places(link, &unknown).await?;
        self.places.extend(unknown.into_iter().map(|key| {
            let place = found.remove(&key);
            (key, place)
        }));
        Ok(())
    }

    /// A place that was looked for, if it is there.
    pub(super) fn place(&self, key: &PlaceKey) -> Option<Place> {
        self.places.get(key).copied().flatten()
    }

    /// What a place is from now on.
    pub(super) fn put_place(&mut self, key: &PlaceKey, place: Place) {
        self.places.insert(key.clone(), Some(place));
    }

    /// A place was added or removed, or may have been: it is to be read before it is used again.
    pub(super) fn forget_place(&mut self, key: &PlaceKey) {
        self.places.remove(key);
    }

    /// Takes back what a question has done to its conversation.
    pub(super) fn restore(&mut self, name: &ConversationId, before: Option<Conversation>) {
        match before {
            Some(conversation) => self.put(name, conversation),
            None => drop(self.conversations.remove(name)),
        }
        self.places.clear();
    }
}
