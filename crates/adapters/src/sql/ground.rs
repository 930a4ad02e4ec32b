//! What the questions of one transaction stand on: their conversations, locked before anything else is done.
//!
//! Whoever writes in a conversation holds its row until the commit, so what is read of it afterwards stays true, and no one else gives the same seq.
//! Nobody waits in a circle: every transaction first adds the rows that are missing, then locks all of its rows, each time in the order of their names,
//! and takes no such lock later. `docs/decisions/0015-one-order-of-locks.md` has the whole argument.

use std::collections::BTreeMap;

use sqlx::Error;
use wire::id::ConversationId;

use super::link::Link;
use super::rows::{self, Conversation};

/// The conversations of a transaction, as they are now in it.
#[derive(Debug, Default)]
pub(super) struct Ground {
    conversations: BTreeMap<ConversationId, Conversation>,
}

impl Ground {
    /// Begins a transaction and locks these conversations. Those with `true` are made where they are not there.
    pub(super) async fn take<L: Link>(
        link: &mut L,
        names: &BTreeMap<ConversationId, bool>,
    ) -> Result<Ground, Error> {
        link.run(L::BEGIN, vec![]).await?;
        if names.is_empty() {
            return Ok(Ground::default());
        }
        let mut ground = Ground::lock(link, names).await?;
        let is_missing =
            |(name, makes): &(&ConversationId, &bool)| **makes && !ground.conversations.contains_key(*name);
        let missing: Vec<(ConversationId, Conversation)> = names
            .iter()
            .filter(is_missing)
            .map(|(name, _)| (name.clone(), Conversation::unsaid(name)))
            .collect();
        if missing.is_empty() {
            return Ok(ground);
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
            return Ground::lock(link, names).await;
        }
        ground.conversations.extend(missing);
        Ok(ground)
    }

    async fn lock<L: Link>(link: &mut L, names: &BTreeMap<ConversationId, bool>) -> Result<Ground, Error> {
        Ok(Ground { conversations: rows::conversations_to_write(link, names.keys()).await? })
    }

    /// A conversation, if it is there.
    pub(super) fn get(&self, name: &ConversationId) -> Option<Conversation> {
        self.conversations.get(name).copied()
    }

    /// What a conversation is from now on.
    pub(super) fn put(&mut self, name: &ConversationId, conversation: Conversation) {
        self.conversations.insert(name.clone(), conversation);
    }

    /// Takes back what a question has done to its conversation.
    pub(super) fn restore(&mut self, name: &ConversationId, before: Option<Conversation>) {
        match before {
            Some(conversation) => self.put(name, conversation),
            None => drop(self.conversations.remove(name)),
        }
    }
}
