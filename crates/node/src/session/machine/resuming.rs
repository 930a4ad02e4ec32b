//! The way back of a client that was here before: its gaps first, then `ready`, then what came meanwhile.

use tokio::time::Instant;
use wire::frame;
use wire::id::{ClientId, ConversationId, Seq};

use super::{Machine, Phase, push};
use crate::session::event::Effects;

/// A `hello` that is answered once nothing is being read for it.
#[derive(Debug)]
pub(super) struct ReadyOwed {
    id: Option<ClientId>,
    expires: Option<(Instant, u64)>,
}

impl Machine {
    pub(super) fn resume(
        &mut self,
        have: &[(ConversationId, Seq)],
        id: Option<ClientId>,
        expires: Option<(Instant, u64)>,
    ) -> Effects {
        self.hello_due = None;
        if let Some((at, _)) = expires {
            // A gap may take longer than the older token lasts.
            self.expires = Some(at);
        }
        if self.ready_owed.is_some() {
            // A newer token while the gaps are pushed: it asks for nothing else.
            return push(&frame::ready(id.as_ref(), expires.map(|(_, ms)| ms)));
        }
        self.ready_owed = Some(Box::new(ReadyOwed { id, expires }));
        let effects = self.tracks.hold(have);
        self.or_ready(effects)
    }

    /// Answers the `hello` that is owed an answer, once nothing is being read for it.
    pub(super) fn or_ready(&mut self, mut effects: Effects) -> Effects {
        if self.phase != Phase::Resuming || self.tracks.is_reading() {
            return effects;
        }
        if let Some(owed) = self.ready_owed.take() {
            effects.extend(self.ready(owed.id.as_ref(), owed.expires));
        }
        effects
    }

    pub(super) fn ready(&mut self, id: Option<&ClientId>, expires: Option<(Instant, u64)>) -> Effects {
        if let Some((at, _)) = expires {
            self.expires = Some(at);
        }
        let mut effects = push(&frame::ready(id, expires.map(|(_, ms)| ms)));
        if self.phase == Phase::Resuming {
            effects.extend(self.go_live());
        }
        effects
    }
}
