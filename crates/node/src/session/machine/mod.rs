//! The decisions of a session, as a pure state machine: `step(event, now)` gives effects. No I/O, no clock, no randomness, and it cannot fail.
//!
//! It promises that a session is pushed every kept message of its conversations once and in order (`position`), that nothing but `welcome` comes
//! before it is live, and that what reaches it on its way there is read from the store later.
//! It does not know the directory, the bus or the store: whoever performs the effects does.

mod requests;
mod resuming;
mod showing;

use std::sync::Arc;

use bytes::Bytes;
use smallvec::smallvec;
use tokio::time::Instant;
use wire::CloseCode;
use wire::frame::{self, Unread};
use wire::id::{ClientId, ConversationId, Seq, UserId};
use wire::limits::Limits;
use wire::policy::Dialect;

use self::resuming::ReadyOwed;
use super::codec::{close_frame, ping_frame, text_frame};
use super::event::{Effect, Effects, Event};
use super::rate::Rate;
use super::refusals::Refusals;
use super::tracks::Tracks;
use crate::sabotage::Sabotaged;

/// What a session is, for the whole of its life.
#[derive(Debug)]
pub struct Profile {
    /// Whose.
    pub user: UserId,
    /// What it speaks.
    pub dialect: Dialect,
    /// The limits of the node.
    pub limits: Arc<Limits>,
    /// False where nothing is kept.
    pub keeps: bool,
    /// True when the client asked to resume.
    pub resume: bool,
    /// Whether a classic client is told of errors.
    pub classic_errors: bool,
    /// What a classic client is told before it is replaced.
    pub classic_note: Option<Arc<str>>,
    /// Which rule a simulation breaks.
    pub sabotaged: Sabotaged,
}

/// Where a session is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// A token is owed.
    Knocking,
    /// Claimed, or about to be; not yet told anything.
    Arriving,
    /// Told `welcome`; `hello` with `have` is owed or being worked off.
    Resuming,
    /// Pushed what comes.
    Live,
    /// Ended.
    Leaving,
}

/// The state of a session.
#[derive(Debug)]
pub struct Machine {
    profile: Profile,
    phase: Phase,
    tracks: Tracks,
    rate: Option<Rate>,
    refusals: Refusals,
    /// The send that is being worked off: one at a time. A page may bring it before its receipt comes.
    sending: Option<ClientId>,
    hello_due: Option<Instant>,
    /// A `hello` that is answered when its gaps are pushed. Boxed, because it is not for long.
    ready_owed: Option<Box<ReadyOwed>>,
    expires: Option<Instant>,
    heard: Instant,
    pinged: Option<Instant>,
    /// What came before `welcome` where nothing is kept.
    early: Vec<Effect>,
}

impl Machine {
    /// A session whose user is not known yet.
    pub fn new(profile: Profile, now: Instant) -> Machine {
        let rate = Rate::new(profile.limits.sends_per_second, profile.limits.sends_burst);
        Machine {
            hello_due: Some(now + profile.limits.hello_timeout),
            tracks: Tracks::new(),
            profile,
            phase: Phase::Knocking,
            rate,
            refusals: Refusals::default(),
            sending: None,
            ready_owed: None,
            expires: None,
            heard: now,
            pinged: None,
            early: Vec::new(),
        }
    }

    /// Where the session is in its life.
    pub fn phase(&self) -> Phase {
        self.phase
    }

    /// How far it has come in a conversation.
    pub fn position(&self, conversation: &ConversationId) -> Option<Seq> {
        self.tracks.position(conversation)
    }

    /// Advances by one event.
    pub fn step(&mut self, event: Event<'_>, now: Instant) -> Effects {
        if self.phase == Phase::Leaving {
            return Effects::new();
        }
        match event {
            Event::Heard => {
                self.heard = now;
                self.pinged = None;
                Effects::new()
            }
            Event::Excused(stalled) => {
                if let Some(rate) = &mut self.rate {
                    rate.excuse(stalled, now);
                }
                Effects::new()
            }
            Event::Incoming(incoming) => self.incoming(incoming, now),
            Event::Broken(fault) => self.close(fault.close_code()),
            Event::Admitted { expires } => {
                self.phase = Phase::Arriving;
                self.hello_due = None;
                self.expires = expires;
                Effects::new()
            }
            Event::Welcomed { welcome, unread } => self.welcomed(&welcome, unread, now),
            Event::Resuming { have, id, expires } => self.resume(have, id, expires),
            Event::Ready { id, expires } => self.ready(id.as_ref(), expires),
            Event::Kept(parcel) => self.kept(parcel),
            Event::Unkept(parcel) => self.unkept(parcel),
            #[cfg(feature = "sabotage")]
            Event::Head(..) if self.profile.sabotaged.is(crate::sabotage::Sabotage::PostWithoutCatchUp) => {
                Effects::new()
            }
            Event::Head(conversation, head) => {
                let live = self.phase == Phase::Live;
                self.tracks.head(conversation, head, live).into_iter().collect()
            }
            Event::Position(conversation, seq) => self.tracks.found(conversation, seq).into_iter().collect(),
            Event::Page(page) => {
                let effects = self.page(page);
                self.or_ready(effects)
            }
            Event::Denied(conversation) => {
                let next = self.tracks.denied(conversation, self.phase == Phase::Live);
                self.or_ready(next.into_iter().collect())
            }
            Event::Left(conversation) => {
                self.tracks.drop_track(conversation);
                self.or_ready(Effects::new())
            }
            Event::Joined(conversation, head) => {
                self.tracks.begin_at(conversation, head);
                Effects::new()
            }
            Event::Behind(conversation, after, head) => self.behind(conversation, after, head),
            Event::Receipt { frame, conversation, seq } => {
                self.sending = None;
                self.tracks.own(conversation, seq, self.phase == Phase::Live);
                self.answer(&frame)
            }
            Event::Answer(frame) => self.answer(&frame),
            Event::Refused(id, refusal) => {
                self.sending = None;
                self.refuse(id, refusal)
            }
            Event::Evict(code) => self.close(code),
            Event::Stalled => self.close(CloseCode::Slow),
            Event::Tick => self.tick(now),
        }
    }

    /// When the next [`Event::Tick`] is due.
    pub fn deadline(&self) -> Instant {
        let limits = &self.profile.limits;
        let pulse = match self.pinged {
            Some(pinged) => pinged + limits.pong_timeout,
            None => self.heard + limits.ping_every,
        };
        [self.hello_due, self.expires].into_iter().flatten().fold(pulse, Instant::min)
    }

    fn welcomed(&mut self, welcome: &Bytes, unread: &[Unread], now: Instant) -> Effects {
        self.tracks.name(unread);
        if self.profile.dialect == Dialect::Classic {
            return self.go_live();
        }
        let mut effects = push(welcome);
        if self.profile.resume && self.profile.keeps {
            self.phase = Phase::Resuming;
            self.hello_due = Some(now + self.profile.limits.hello_timeout);
        } else {
            effects.extend(self.go_live());
        }
        effects
    }

    fn go_live(&mut self) -> Effects {
        self.phase = Phase::Live;
        self.hello_due = None;
        self.ready_owed = None;
        std::mem::take(&mut self.early).into_iter().chain(self.tracks.go_live()).collect()
    }

    /// A classic client is answered nothing.
    fn answer(&self, frame: &Bytes) -> Effects {
        match self.profile.dialect {
            Dialect::V1 => push(frame),
            Dialect::Classic => Effects::new(),
        }
    }

    fn tick(&mut self, now: Instant) -> Effects {
        let limits = &self.profile.limits;
        if self.hello_due.is_some_and(|due| due <= now) {
            return self.close(CloseCode::Silent);
        }
        if self.expires.is_some_and(|at| at <= now) {
            return self.close(CloseCode::TokenExpired);
        }
        match self.pinged {
            Some(pinged) if pinged + limits.pong_timeout <= now => self.close(CloseCode::Silent),
            None if self.heard + limits.ping_every <= now => {
                self.pinged = Some(now);
                smallvec![Effect::Push(ping_frame())]
            }
            _ => Effects::new(),
        }
    }

    /// Ends the session with our own words for it.
    fn close(&mut self, code: CloseCode) -> Effects {
        let mut effects = Effects::new();
        // RFC 6455's own codes speak for themselves; ours come with a `bye` that a page can show.
        let ours = code == CloseCode::Draining || code.number() >= 4000;
        match self.profile.dialect {
            Dialect::V1 if ours => effects.push(Effect::Push(text_frame(&frame::bye(code)))),
            Dialect::Classic if code == CloseCode::Replaced => {
                let note = self.profile.classic_note.as_ref();
                effects.extend(note.map(|note| Effect::Push(text_frame(note.as_bytes()))));
            }
            _ => {}
        }
        self.phase = Phase::Leaving;
        effects.push(Effect::Push(close_frame(Some((code.number(), code.reason())))));
        effects.push(Effect::Close { code, by_client: false });
        effects
    }
}

fn push(payload: &Bytes) -> Effects {
    smallvec![Effect::Push(text_frame(payload))]
}

#[cfg(test)]
mod tests;
