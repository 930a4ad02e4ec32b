//! One session of a device, from its `welcome` to its end.

mod acts;
mod frames;

use std::time::Duration;

use testkit::judge::Fact;
use tokio::time::Instant;

use self::acts::Act;
use super::device::Device;
use super::heard::Heard;
use super::line::{Came, Line, NO_CLOSE};

/// Between two things that a person does, in milliseconds.
const ACT_MS: (u64, u64) = (200, 5_500);
/// A client that has heard nothing for so long takes the line for dead; a node pings every 25 s.
const SILENCE_MAX: Duration = Duration::from_secs(45);
/// How long a client that has vanished keeps the node in the dark, in seconds: longer than ping and pong take.
const VANISHED_SECS: (u64, u64) = (1, 60);

/// How a session ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// The run is over for it.
    Curtain,
    /// The node, or what lies between, ended it.
    Broken,
    /// The client went.
    Gone,
    /// The client went to come back at once, together with another window.
    Races,
    /// Another login has its place.
    Replaced,
}

/// One session.
#[derive(Debug)]
pub struct Sitting<'a> {
    /// Whose.
    pub device: &'a mut Device,
    line: Line,
    session: String,
    /// True once nothing stands between it and live messages.
    pub is_live: bool,
    heard: Instant,
}

impl<'a> Sitting<'a> {
    /// A session that has said `welcome`.
    pub fn begin(device: &'a mut Device, line: Line, welcome: &str, resumes: bool) -> Sitting<'a> {
        let heard = Heard::read(welcome);
        assert_eq!(heard.kind, "welcome", "the first frame is {welcome}");
        let session = heard.session.unwrap_or_default().to_owned();
        device.note(Fact::Opened {
            user: device.user.clone(),
            session: session.clone(),
            device: device.name.clone(),
            node: heard.node.map(str::to_owned),
            resumed: resumes,
        });
        for (conversation, head) in heard.unread_heads() {
            let holds = device.memory.held(&conversation);
            // What it says that it holds is pushed from there on.
            if !resumes || holds == 0 {
                device.note(Fact::Behind {
                    user: device.user.clone(),
                    session: session.clone(),
                    conversation: conversation.clone(),
                    // 0 would tell the judge that the node has it forget everything.
                    after: holds.max(1),
                    head,
                });
                device.memory.told_behind(&conversation, None, head);
            }
        }
        Sitting { device, line, session, is_live: !resumes, heard: Instant::now() }
    }

    /// Talks, reads, and does what people do, until the session ends.
    pub async fn run(mut self) -> Ended {
        let curtain = self.device.stage.curtain.clone();
        let mut ended = if self.hello().await { None } else { Some(self.cut()) };
        let mut act_at = Instant::now();
        while ended.is_none() {
            ended = tokio::select! {
                biased;
                () = curtain.cancelled() => return self.leave(Ended::Curtain).await,
                came = self.line.next() => self.take(came).await,
                () = tokio::time::sleep_until(act_at) => {
                    act_at = Instant::now() + self.device.dice.ms(ACT_MS.0, ACT_MS.1);
                    match self.act() {
                        Act::Leave => return self.leave(Ended::Gone).await,
                        Act::Race => return self.leave(Ended::Races).await,
                        Act::Vanish => return self.vanish(),
                        Act::Cut => Some(self.cut_by_client()),
                        act => self.perform(act).await,
                    }
                }
            };
        }
        self.over(ended.unwrap_or(Ended::Broken))
    }

    /// Listens for a while and goes.
    pub async fn listen(mut self, stays: Duration) {
        let until = Instant::now() + stays;
        let curtain = self.device.stage.curtain.clone();
        if self.hello().await {
            loop {
                let ended = tokio::select! {
                    biased;
                    () = curtain.cancelled() => break,
                    came = self.line.next() => self.take(came).await,
                    () = tokio::time::sleep_until(until) => break,
                };
                if let Some(ended) = ended {
                    self.over(ended);
                    return;
                }
            }
        }
        self.leave(Ended::Gone).await;
    }

    /// Does what is due without any wish of its own, until `is_done` or the time is over. False when the session ended before.
    pub async fn settle(&mut self, until: Instant, is_done: impl Fn(&Device) -> bool) -> bool {
        loop {
            if !self.upkeep().await {
                return false;
            }
            if self.is_live && is_done(self.device) {
                return true;
            }
            let now = Instant::now();
            if now >= until {
                return true;
            }
            let ended = tokio::select! {
                biased;
                came = self.line.next() => self.take(came).await,
                () = tokio::time::sleep_until(until.min(now + Duration::from_secs(1))) => None,
            };
            if ended.is_some() {
                return false;
            }
        }
    }

    /// Says what it holds, where it resumes.
    pub async fn hello(&mut self) -> bool {
        if self.is_live {
            return self.upkeep().await;
        }
        let have = self.device.memory.have().into_iter().map(|(name, seq)| format!(r#""{name}":{seq}"#));
        let have = have.collect::<Vec<_>>().join(",");
        let epoch = self.device.stage.epoch();
        let hello = format!(r#"{{"type":"hello","id":"hello","epoch":"{epoch}","have":{{{have}}}}}"#);
        self.line.say(&hello).await && self.upkeep().await
    }

    /// Goes politely.
    pub async fn leave(self, ended: Ended) -> Ended {
        let Sitting { device, line, session, .. } = self;
        line.leave().await;
        over(device, &session, 1000);
        ended
    }

    /// Gives up: the line goes, and nobody is told.
    pub fn cut_off(mut self) {
        self.cut();
    }

    /// Takes in what came. `Some` when the session is over by it.
    async fn take(&mut self, came: Came) -> Option<Ended> {
        self.heard = Instant::now();
        match came {
            Came::Text(text) => {
                if !self.take_frame(&text).await {
                    return Some(self.cut());
                }
                None
            }
            Came::Ping(payload) => match self.line.pong(&payload).await {
                true => None,
                false => Some(self.cut()),
            },
            Came::Closed(code) => {
                over(self.device, &self.session, code);
                self.line.echo_close(code).await;
                Some(if code == 4500 { Ended::Replaced } else { Ended::Broken })
            }
            Came::Cut => Some(self.cut()),
        }
    }

    /// What is due whatever the person does: sends again, pages, a change of membership. False when the line is gone.
    async fn upkeep(&mut self) -> bool {
        let now = Instant::now();
        if self.heard + SILENCE_MAX <= now {
            return false;
        }
        for (facts, frame) in self.device.outbox.due(&self.device.user, &self.session, now) {
            for fact in facts {
                self.device.note(fact);
            }
            if !self.line.say(&frame).await {
                return false;
            }
        }
        if let Some(wish) = self.device.wish.as_mut().filter(|wish| !wish.is_asked) {
            wish.is_asked = true;
            let (verb, group) = (if wish.joins { "join" } else { "leave" }, wish.group.clone());
            let frame = format!(r#"{{"type":"{verb}","id":"group/{group}","group":"{group}"}}"#);
            if !self.line.say(&frame).await {
                return false;
            }
        }
        self.ask_pages().await
    }

    async fn ask_pages(&mut self) -> bool {
        for (conversation, after) in self.device.memory.pages_due(Instant::now()) {
            let frame = format!(
                r#"{{"type":"history","id":"page/{conversation}","conversation":"{conversation}","after":{after},"limit":100}}"#
            );
            if !self.line.say(&frame).await {
                return false;
            }
        }
        true
    }

    /// The line goes silent: the node is not told.
    fn vanish(self) -> Ended {
        let Sitting { device, line, session, .. } = self;
        let keeps = device.dice.secs(VANISHED_SECS.0, VANISHED_SECS.1);
        device.stage.crowd.spawn(async move {
            tokio::time::sleep(keeps).await;
            drop(line);
        });
        over(device, &session, NO_CLOSE);
        Ended::Gone
    }

    fn cut_by_client(&mut self) -> Ended {
        over(self.device, &self.session, NO_CLOSE);
        Ended::Gone
    }

    fn cut(&mut self) -> Ended {
        over(self.device, &self.session, NO_CLOSE);
        Ended::Broken
    }

    /// The line goes with it.
    fn over(self, ended: Ended) -> Ended {
        ended
    }
}

/// The session is over: what was under way in it is no longer.
fn over(device: &mut Device, session: &str, code: u16) {
    for fact in device.outbox.session_ended(&device.user, session, Instant::now()) {
        device.note(fact);
    }
    device.note(Fact::Closed { user: device.user.clone(), session: session.to_owned(), code });
    device.memory.session_ended();
    if let Some(wish) = &mut device.wish {
        wish.is_asked = false;
    }
}
