//! One session of a device, from its `welcome` to its end.

use std::time::Duration;

use testkit::judge::{Fact, Payload};
use tokio::time::Instant;

use super::device::{Device, Wish};
use super::heard::Heard;
use super::line::{Came, Line, NO_CLOSE};
use super::outbox::Answer;

/// Between two things that a person does, in milliseconds.
const ACT_MS: (u64, u64) = (200, 5_500);
/// A client that has heard nothing for so long takes the line for dead; a node pings every 25 s.
const SILENCE_MAX: Duration = Duration::from_secs(45);
/// How long somebody does not read, in seconds.
const DEAF_SECS: (u64, u64) = (2, 40);
/// How long a client that has vanished keeps the node in the dark, in seconds: longer than ping and pong take.
const VANISHED_SECS: (u64, u64) = (1, 60);
/// How many signals a flood has: more than the burst that one session may send.
const FLOOD: usize = 30;

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

/// What a person does next.
enum Act {
    Talk,
    Read,
    Ping,
    Flood,
    ChangeGroup,
    StopReading,
    Leave,
    Vanish,
    Cut,
    Race,
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

    async fn take_frame(&mut self, text: &str) -> bool {
        let heard = Heard::read(text);
        match heard.kind {
            "message" => self.pushed(&heard),
            "receipt" => self.receipt(&heard),
            "error" => return self.error(&heard).await,
            "page" => return self.page(&heard).await,
            "behind" => {
                let (conversation, after) =
                    (heard.conversation.unwrap_or_default(), heard.after.unwrap_or(0));
                let head = heard.head.unwrap_or(0);
                self.note_behind(conversation, after, head);
                self.device.memory.told_behind(conversation, Some(after), head);
                return self.ask_pages().await;
            }
            "ready" => {
                self.is_live = true;
                return self.ask_pages().await;
            }
            "members" => self.members(&heard),
            _ => {}
        }
        true
    }

    fn pushed(&mut self, heard: &Heard<'_>) {
        let Some((conversation, seq)) = heard.conversation.zip(heard.seq) else { return };
        self.shown(heard, conversation, seq, false);
        self.device.memory.pushed(conversation, seq);
    }

    /// Writes down what has reached the client.
    fn shown(&self, heard: &Heard<'_>, conversation: &str, seq: u64, fetched: bool) {
        let seen = Payload::seen(heard.content.map_or("", |content| content.get()));
        let intact = seen.intact && heard.from == Some(&*seen.from);
        let (user, session) = (self.device.user.clone(), self.session.clone());
        let (conversation, message_id) =
            (conversation.to_owned(), heard.message_id.unwrap_or_default().to_owned());
        let (from, id) = (seen.from, seen.id);
        self.device.note(match fetched {
            true => Fact::Fetched { user, session, conversation, seq, message_id, from, id, intact },
            false => Fact::Push { user, session, conversation, seq, message_id, from, id, intact },
        });
    }

    fn receipt(&mut self, heard: &Heard<'_>) {
        let (Some(id), Some(conversation), Some(seq)) = (heard.id, heard.conversation, heard.seq) else {
            return;
        };
        self.device.note(Fact::Receipt {
            user: self.device.user.clone(),
            session: self.session.clone(),
            id: id.to_owned(),
            conversation: conversation.to_owned(),
            seq,
            message_id: heard.message_id.unwrap_or_default().to_owned(),
        });
        let answer = Answer { id, refused: None, retry_ms: None };
        self.device.outbox.answered(&answer, Instant::now());
        self.device.memory.receipted(conversation, seq);
    }

    async fn error(&mut self, heard: &Heard<'_>) -> bool {
        let (Some(id), code) = (heard.id, heard.error_code()) else { return true };
        let is_passing = heard.retry_ms.is_some();
        match id.split_once('/') {
            _ if id == "hello" => {
                // It cannot resume now: it goes and comes back.
                return !is_passing;
            }
            Some(("page", conversation)) => self.device.memory.page_refused(conversation, !is_passing),
            Some(("group", _)) if is_passing => {
                if let Some(wish) = &mut self.device.wish {
                    wish.is_asked = false;
                }
            }
            // It was done the first time, and the answer was lost.
            Some(("group", _)) => self.wish_granted(),
            _ => {
                let (user, session) = (self.device.user.clone(), self.session.clone());
                let answer = Answer { id, refused: Some(code), retry_ms: heard.retry_ms };
                if self.device.outbox.answered(&answer, Instant::now()) {
                    self.device.note(Fact::Refused {
                        user,
                        session,
                        id: id.to_owned(),
                        code: code.to_owned(),
                    });
                }
            }
        }
        true
    }

    async fn page(&mut self, heard: &Heard<'_>) -> bool {
        let conversation = heard.conversation.unwrap_or_default();
        for message in &heard.messages {
            if let Some(seq) = message.seq {
                self.shown(message, conversation, seq, true);
            }
        }
        let last = heard.messages.last().and_then(|message| message.seq);
        self.device.memory.page(conversation, last, heard.more);
        self.ask_pages().await
    }

    fn members(&mut self, heard: &Heard<'_>) {
        if heard.id.is_some_and(|id| id.starts_with("group/")) {
            self.wish_granted();
        }
    }

    fn wish_granted(&mut self) {
        let Some(Wish { group, joins, .. }) = self.device.wish.take() else { return };
        let user = self.device.user.clone();
        if joins {
            self.device.member_of.insert(group.clone());
            self.device.note(Fact::Joined { group, user });
        } else {
            self.device.member_of.remove(&group);
            self.device.memory.forget(&format!("g:{group}"));
            self.device.note(Fact::Left { group, user });
        }
    }

    fn note_behind(&self, conversation: &str, after: u64, head: u64) {
        self.device.note(Fact::Behind {
            user: self.device.user.clone(),
            session: self.session.clone(),
            conversation: conversation.to_owned(),
            after,
            head,
        });
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

    fn act(&self) -> Act {
        let device = &self.device;
        match device.dice.below(200) {
            0..100 => Act::Talk,
            100..135 => Act::Read,
            135..150 => Act::Ping,
            150..153 => Act::Flood,
            153..163 if !device.groups.is_empty() => Act::ChangeGroup,
            163..167 => Act::StopReading,
            167..172 => Act::Leave,
            172..176 => Act::Vanish,
            176..180 => Act::Cut,
            180..183 if !device.groups.is_empty() => Act::Race,
            _ => Act::Talk,
        }
    }

    async fn perform(&mut self, act: Act) -> Option<Ended> {
        let said = match act {
            Act::Talk => self.talk(),
            Act::Read => self.mark_read().await,
            Act::Ping => self.line.say(r#"{"type":"ping"}"#).await,
            Act::Flood => self.flood().await,
            Act::ChangeGroup => self.change_group(),
            Act::StopReading => {
                let (user, session) = (self.device.user.clone(), self.session.clone());
                self.device.note(Fact::Deaf { user, session });
                tokio::time::sleep(self.device.dice.secs(DEAF_SECS.0, DEAF_SECS.1)).await;
                self.heard = Instant::now();
                true
            }
            Act::Leave | Act::Vanish | Act::Cut | Act::Race => true,
        };
        if said && self.upkeep().await { None } else { Some(self.cut()) }
    }

    fn talk(&mut self) -> bool {
        if !self.device.stage.is_talking() {
            return true;
        }
        let device = &mut *self.device;
        let mut addresses = device.addresses();
        addresses.retain(|address| !device.outbox.is_busy(&address.conversation));
        let times = if device.dice.percent(10) { 3 } else { 1 };
        for _ in 0..times {
            let Some(address) = device.dice.pick(&addresses).cloned() else { return true };
            addresses.retain(|other| *other != address);
            let payload = device.payload();
            device.outbox.say(&address, &payload, Instant::now());
        }
        true
    }

    async fn mark_read(&mut self) -> bool {
        let held: Vec<(String, u64)> =
            self.device.memory.have().into_iter().map(|(name, seq)| (name.to_owned(), seq)).collect();
        let Some((conversation, seq)) = self.device.dice.pick(&held).cloned() else { return true };
        let user = self.device.user.clone();
        self.device.note(Fact::Read { user, conversation: conversation.clone(), seq });
        let frame = format!(r#"{{"type":"read","conversation":"{conversation}","seq":{seq}}}"#);
        self.line.say(&frame).await
    }

    async fn flood(&mut self) -> bool {
        let addresses = self.device.addresses();
        let Some(address) = self.device.dice.pick(&addresses) else { return true };
        let frame = format!(r#"{{"type":"send","signal":true,"to":{},"content":"typing"}}"#, address.to);
        for _ in 0..FLOOD {
            if !self.line.say(&frame).await {
                return false;
            }
        }
        true
    }

    fn change_group(&mut self) -> bool {
        let device = &mut *self.device;
        if device.wish.is_some() || !device.stage.is_talking() {
            return true;
        }
        let groups: Vec<String> = device.groups.iter().cloned().collect();
        let Some(group) = device.dice.pick(&groups).cloned() else { return true };
        // What it has said there has an answer before it leaves.
        if device.outbox.is_busy(&format!("g:{group}")) {
            return true;
        }
        let joins = !device.member_of.contains(&group);
        let (of, user) = (group.clone(), device.user.clone());
        device.note(if joins {
            Fact::Joining { group: of, user }
        } else {
            Fact::Leaving { group: of, user }
        });
        device.wish = Some(Wish { group, joins, is_asked: false });
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
