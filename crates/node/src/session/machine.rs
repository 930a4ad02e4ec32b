//! The decisions of a session, as a pure state machine: `step(event, now)` gives effects. No I/O, no clock, no randomness, and it cannot fail.
//!
//! It promises that a session is pushed every kept message of its conversations once and in order (`position`), that nothing but `welcome` comes
//! before it is live, and that what reaches it on its way there is read from the store later.
//! It does not know the directory, the bus or the store: whoever performs the effects does.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use smallvec::smallvec;
use tokio::time::Instant;
use wire::classic::{self, ClassicFrame};
use wire::error_code::Refusal;
use wire::frame::{self, BadFrame, ClientFrame, Unread};
use wire::id::{ClientId, ConversationId, Seq, UserId};
use wire::limits::Limits;
use wire::policy::Dialect;
use wire::{CloseCode, ErrorCode};

use super::codec::{Incoming, close_frame, ping_frame, pong_frame, text_frame};
#[cfg(feature = "echo")]
use super::echo;
use super::event::{CaughtUp, Effect, Effects, Event};
use super::rate::Rate;
use super::tracks::{Arrival, Tracks};
use crate::parcel::Parcel;
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

/// Messages that wait for `welcome` where nothing is kept, at most: half of what a send queue holds by default.
const EARLY_MAX: usize = 128;

#[derive(Debug)]
struct ReadyOwed {
    id: Option<ClientId>,
    expires: Option<(Instant, u64)>,
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

    fn incoming(&mut self, incoming: Incoming, now: Instant) -> Effects {
        match incoming {
            #[cfg(feature = "echo")]
            Incoming::Text(_) | Incoming::Binary(_) if echo::is_on() => echo::answer(&incoming),
            Incoming::Text(text) => match self.profile.dialect {
                Dialect::V1 => self.frame(&text, now),
                Dialect::Classic => self.classic_frame(&text, now),
            },
            Incoming::Binary(_) | Incoming::Fragment { binary: true } => match self.profile.dialect {
                Dialect::V1 => self.close(CloseCode::Unsupported),
                // The original kept silent.
                Dialect::Classic => Effects::new(),
            },
            Incoming::Fragment { binary: false } => Effects::new(),
            Incoming::Ping(payload) => smallvec![Effect::Push(pong_frame(&payload))],
            Incoming::Pong => Effects::new(),
            Incoming::Close(code) => {
                self.phase = Phase::Leaving;
                let answer = close_frame(code.map(|code| (code, "")));
                smallvec![Effect::Push(answer), Effect::Close { code: CloseCode::Normal, by_client: true }]
            }
        }
    }

    fn frame(&mut self, text: &str, now: Instant) -> Effects {
        let limits = &self.profile.limits;
        let request = match ClientFrame::parse(text, limits.json_depth_max, limits.content_bytes_max) {
            Ok(request) => request,
            Err(BadFrame::Alien { .. }) => return self.close(CloseCode::BadFrame),
            Err(BadFrame::Faulty { id, code, reason }) => {
                return self.refuse(id.as_ref(), &Refusal::new(code, reason));
            }
        };
        match &request {
            ClientFrame::Ping { id } => push(&frame::pong(id.as_ref())),
            ClientFrame::Hello { id, have, .. } => self.hello(id.clone().as_ref(), have.is_some(), request),
            ClientFrame::Send { id, .. } => {
                let id = id.clone();
                let effects = self.send(Some(&id), request, now);
                if matches!(effects.as_slice(), [Effect::Work(_)]) {
                    self.sending = Some(id);
                }
                effects
            }
            ClientFrame::Signal { id, .. } => self.send(id.clone().as_ref(), request, now),
            ClientFrame::Read { id, .. }
            | ClientFrame::Conversations { id, .. }
            | ClientFrame::History { id, .. }
            | ClientFrame::Join { id, .. }
            | ClientFrame::Leave { id, .. } => match self.owes_token(id.as_ref()) {
                Some(refused) => refused,
                None => smallvec![Effect::Work(request)],
            },
        }
    }

    fn owes_token(&self, id: Option<&ClientId>) -> Option<Effects> {
        let knocking = self.phase == Phase::Knocking;
        knocking.then(|| {
            let refusal = Refusal::new(ErrorCode::Unauthorized, "say hello with a token first");
            push(&frame::error(id, &refusal))
        })
    }

    fn hello(&mut self, id: Option<&ClientId>, has_have: bool, request: ClientFrame) -> Effects {
        if has_have && self.profile.keeps && !self.profile.resume {
            let reason = "have: connect with ?resume=1 to resume";
            return self.refuse(id, &Refusal::new(ErrorCode::BadField, reason));
        }
        let resumed = self.phase == Phase::Live || self.ready_owed.is_some();
        if has_have && self.profile.keeps && resumed {
            return self
                .refuse(id, &Refusal::new(ErrorCode::BadField, "have: this session has resumed already"));
        }
        smallvec![Effect::Work(request)]
    }

    fn send(&mut self, id: Option<&ClientId>, request: ClientFrame, now: Instant) -> Effects {
        if let Some(refused) = self.owes_token(id) {
            return refused;
        }
        let Some(Err(wait)) = self.rate.as_mut().map(|rate| rate.take(now)) else {
            return smallvec![Effect::Work(request)];
        };
        if self.refusals.is_one_too_many(now, self.profile.limits.refusals_max) {
            return self.close(CloseCode::TooManyRequests);
        }
        let reason = "slow down: too many sends a second";
        self.refuse(id, &Refusal::retry_after(ErrorCode::TooManyRequests, reason, wait))
    }

    fn classic_frame(&mut self, text: &str, now: Instant) -> Effects {
        let limits = &self.profile.limits;
        match ClassicFrame::parse(text, limits.json_depth_max, limits.content_bytes_max) {
            Ok(request) => {
                let mut effects: Effects = smallvec![Effect::ClassicSend(request)];
                // Nothing can be refused aloud here, so the client is read no faster than the rate.
                if let Some(Err(wait)) = self.rate.as_mut().map(|rate| rate.take(now)) {
                    effects.insert(0, Effect::Pause(wait));
                    let _paid = self.rate.as_mut().map(|rate| rate.take(now + wait));
                }
                effects
            }
            Err(refusal) => self.refuse(None, &refusal),
        }
    }

    fn refuse(&mut self, id: Option<&ClientId>, refusal: &Refusal) -> Effects {
        match self.profile.dialect {
            Dialect::V1 => push(&frame::error(id, refusal)),
            Dialect::Classic if self.profile.classic_errors => push(&classic::error(refusal)),
            Dialect::Classic => Effects::new(),
        }
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

    fn resume(
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
    fn or_ready(&mut self, mut effects: Effects) -> Effects {
        if self.phase != Phase::Resuming || self.tracks.is_reading() {
            return effects;
        }
        if let Some(owed) = self.ready_owed.take() {
            effects.extend(self.ready(owed.id.as_ref(), owed.expires));
        }
        effects
    }

    fn ready(&mut self, id: Option<&ClientId>, expires: Option<(Instant, u64)>) -> Effects {
        if let Some((at, _)) = expires {
            self.expires = Some(at);
        }
        let mut effects = push(&frame::ready(id, expires.map(|(_, ms)| ms)));
        if self.phase == Phase::Resuming {
            effects.extend(self.go_live());
        }
        effects
    }

    fn kept(&mut self, parcel: &Parcel) -> Effects {
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

    fn unkept(&mut self, parcel: &Parcel) -> Effects {
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

    /// A classic client is answered nothing.
    fn answer(&self, frame: &Bytes) -> Effects {
        match self.profile.dialect {
            Dialect::V1 => push(frame),
            Dialect::Classic => Effects::new(),
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

    fn page(&mut self, page: &CaughtUp) -> Effects {
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

    fn behind(&mut self, conversation: &ConversationId, after: Seq, head: Seq) -> Effects {
        let mut effects = push(&frame::behind(conversation, after, head));
        effects.extend(self.tracks.reset(conversation, head, self.phase == Phase::Live));
        effects
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

/// Refused sends in a window.
#[derive(Debug, Default)]
struct Refusals {
    since: Option<Instant>,
    count: u32,
}

/// The window in which `refusals_max` are counted.
const REFUSALS_WINDOW: Duration = Duration::from_secs(10);

impl Refusals {
    fn is_one_too_many(&mut self, now: Instant, max: u32) -> bool {
        if self.since.is_none_or(|since| now.saturating_duration_since(since) > REFUSALS_WINDOW) {
            *self = Refusals { since: Some(now), count: 0 };
        }
        self.count += 1;
        max > 0 && self.count >= max
    }
}

#[cfg(test)]
#[path = "machine_tests.rs"]
mod tests;
