//! What a client asks for: what is refused at once, and what is worked off outside.

use smallvec::smallvec;
use tokio::time::Instant;
use wire::classic::{self, ClassicFrame};
use wire::error_code::Refusal;
use wire::frame::{self, BadFrame, ClientFrame};
use wire::id::ClientId;
use wire::policy::Dialect;
use wire::{CloseCode, ErrorCode};

use super::{Machine, Phase, push};
use crate::session::codec::{Incoming, close_frame, pong_frame};
#[cfg(feature = "echo")]
use crate::session::echo;
use crate::session::event::{Effect, Effects};

impl Machine {
    pub(super) fn incoming(&mut self, incoming: Incoming, now: Instant) -> Effects {
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

    pub(super) fn refuse(&mut self, id: Option<&ClientId>, refusal: &Refusal) -> Effects {
        match self.profile.dialect {
            Dialect::V1 => push(&frame::error(id, refusal)),
            Dialect::Classic if self.profile.classic_errors => push(&classic::error(refusal)),
            Dialect::Classic => Effects::new(),
        }
    }
}
