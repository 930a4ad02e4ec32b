//! What a client is shown: every kept message of its conversations once and in order, and what is not kept while it is there.

use smallvec::smallvec;
use wire::frame;
use wire::id::{ConversationId, Seq};
use wire::policy::Dialect;

use super::{Machine, Phase, push};
use crate::parcel::Parcel;
use crate::session::event::{CaughtUp, Effect, Effects};
use crate::session::tracks::Arrival;

/// Messages that wait for `welcome` where nothing is kept, at most: half of what a send queue holds by default.
const EARLY_MAX: usize = 128;

impl Machine {
    pub(super) fn kept(&mut self, parcel: &Parcel) -> Effects {
        let (Some(conversation), Some(seq)) = (parcel.conversation(), parcel.seq()) else {
            return self.unkept(parcel);
        };
        #[cfg(feature = "sabotage")]
        if self.is_shown_wrongly(conversation, seq) {
            self.tracks.begin_at(conversation, seq);
            return self.show(parcel).into_iter().collect();
        }
        match self.tracks.arrived(conversation, seq, self.phase == Phase::Live) {
            Arrival::Next => self.show(parcel).into_iter().collect(),
            Arrival::Nothing => Effects::new(),
            Arrival::Read(effect) => smallvec![effect],
        }
    }

    /// What a session shows that breaks a rule, where it should not, or not yet.
    #[cfg(feature = "sabotage")]
    fn is_shown_wrongly(&self, conversation: &ConversationId, seq: Seq) -> bool {
        use crate::sabotage::Sabotage;
        let sabotaged = self.profile.sabotaged;
        let Some(position) = self.tracks.position(conversation).filter(|_| self.phase == Phase::Live) else {
            return false;
        };
        sabotaged.is(Sabotage::NoOrderCheck) && seq != position
            || sabotaged.is(Sabotage::NoDeduplication) && seq <= position
            || sabotaged.is(Sabotage::PostWithoutCatchUp) && seq > position + 1
    }

    pub(super) fn unkept(&mut self, parcel: &Parcel) -> Effects {
        match self.phase {
            Phase::Live => self.show(parcel).into_iter().collect(),
            // Nobody can read it later: it waits for `welcome`.
            Phase::Arriving if !self.profile.keeps => {
                if self.early.len() < EARLY_MAX.min(self.profile.limits.send_queue_frames_max / 2) {
                    self.early.extend(self.show(parcel));
                }
                Effects::new()
            }
            _ => Effects::new(),
        }
    }

    fn show(&self, parcel: &Parcel) -> Option<Effect> {
        match self.profile.dialect {
            Dialect::V1 => Some(Effect::Push(parcel.v1_for(&self.profile.user).clone())),
            Dialect::Classic => parcel.classic().cloned().map(Effect::Push),
        }
    }

    /// True for what this session is sending: it was kept, and its receipt is under way.
    fn is_being_sent(&self, parcel: &Parcel) -> bool {
        let sent = parcel.as_message().filter(|message| message.from.as_ref() == Some(&self.profile.user));
        self.sending.is_some() && sent.is_some_and(|message| message.id == self.sending)
    }

    pub(super) fn page(&mut self, page: &CaughtUp) -> Effects {
        // It has left meanwhile.
        let Some(position) = self.tracks.position(&page.conversation) else { return Effects::new() };
        if position > page.head && self.phase == Phase::Resuming {
            // The client holds what the store does not: a restored database. A live session's page may only be late.
            return self.behind(&page.conversation, 0, page.head);
        }
        let floor = position.max(page.first.saturating_sub(1));
        if page.head.saturating_sub(floor) > self.profile.limits.behind_after {
            return match self.profile.dialect {
                Dialect::V1 => self.behind(&page.conversation, position, page.head),
                Dialect::Classic => {
                    let live = self.phase == Phase::Live;
                    self.tracks.reset(&page.conversation, page.head, live).into_iter().collect()
                }
            };
        }
        let mut effects = Effects::new();
        for parcel in &page.parcels {
            let Some(seq) = parcel.seq() else { continue };
            if self.tracks.caught_up(&page.conversation, seq) && !self.is_being_sent(parcel) {
                effects.extend(self.show(parcel));
            }
        }
        let last = page.parcels.last().and_then(|parcel| parcel.seq());
        let end = match (page.more, last) {
            (false, _) => page.head,
            (true, Some(last)) => last,
            // All of it was said before the user could see it: go on where that begins.
            (true, None) if floor > position => floor,
            (true, None) => page.head,
        };
        effects.extend(self.tracks.page_ended(&page.conversation, end, page.more, self.phase == Phase::Live));
        effects
    }

    pub(super) fn behind(&mut self, conversation: &ConversationId, after: Seq, head: Seq) -> Effects {
        let mut effects = push(&frame::behind(conversation, after, head));
        effects.extend(self.tracks.reset(conversation, head, self.phase == Phase::Live));
        effects
    }
}
