//! One user of a run: logs in and stays logged in, writes, and does what people do; one task, which owns the user's sessions.
//!
//! To one conversation a user writes one message after the other: the next one when the last one is answered for good.
//! A message without an answer, or with one that invites to try again, is sent again under its first id, on whatever session is there.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use testkit::judge::{Fact, Payload};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval};

use crate::dice::Dice;
use crate::drafts::Drafts;
use crate::habits::{self, TICK};
use crate::have::Have;
use crate::session::{Command, News, Opening, held};
use crate::wandering::Wandering;
use crate::world::{Phase, Status, World};

/// The pause before a login that follows a failed one.
const LOGIN_PAUSE: (Duration, Duration) = (Duration::from_millis(100), Duration::from_millis(700));
/// For how long a user reads nothing.
pub(crate) const DEAF: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(3));
/// Of 1,000 departures, so many are without a word.
const VANISHES: usize = 500;
/// Of 1,000 other devices that are put away, so many are without a word and without an end of the connection.
const FALLS_SILENT: usize = 300;
/// Of 1,000 second logins, so many are two at once.
const TWO_AT_ONCE: usize = 300;
/// What waits for a session to send it; a session that takes nothing for so long is given up by itself.
const COMMANDS_MAX: usize = 256;
/// What waits for the user to hear it.
const NEWS_MAX: usize = 256;
/// Bytes of a message beside what it must say.
const FILL_BYTES_MAX: usize = 120;
/// The most that a page holds.
const PAGE_ITEMS_MAX: u64 = 200;
/// The device that resumes, and the other one, which does not.
const DEVICES: [&str; 2] = ["web", "ios"];

/// One user.
pub(crate) struct User {
    nth: usize,
    name: String,
    world: World,
    dice: Dice,
    status: Arc<Status>,
    sessions: BTreeMap<u64, Handle>,
    tasks: JoinSet<()>,
    sender: mpsc::Sender<(u64, News)>,
    news: mpsc::Receiver<(u64, News)>,
    next_key: u64,
    written: u64,
    drafts: Drafts,
    wandering: Option<Wandering>,
    groups: Vec<String>,
    login_at: Instant,
    /// The session of the last login, once it was asked for.
    recalled: Option<u64>,
}

struct Handle {
    device: usize,
    commands: mpsc::Sender<Command>,
    /// Its id, once it is open.
    session: Option<String>,
}

impl User {
    /// One of the users, who does nothing yet.
    pub(crate) fn new(nth: usize, seed: u64, world: World) -> (Self, Arc<Status>) {
        let name = habits::user(nth);
        let groups = habits::groups();
        let wandering = groups.iter().find(|group| group.wanderers.contains(&name));
        let wandering = wandering.map(|group| Wandering::outside(&group.name));
        let groups = groups.into_iter().filter(|group| group.settled.contains(&name));
        let groups: Vec<String> = groups.map(|group| group.name).collect();
        // A group that somebody is no member of does not count in `have`; it may be one when it does.
        let wanders = wandering.as_ref().map(Wandering::conversation);
        let conversations = groups.iter().map(|group| format!("g:{group}")).chain(wanders);
        let have = Have::of(habits::direct_conversations(nth).into_iter().chain(conversations));
        let status = Arc::new(Status {
            user: name.clone(),
            waiting: AtomicUsize::new(0),
            online: AtomicBool::new(false),
            caught_up: AtomicBool::new(false),
            have: Arc::new(Mutex::new(have)),
        });
        let (sender, news) = mpsc::channel(NEWS_MAX);
        let user = Self {
            nth,
            name,
            world,
            dice: Dice::of(seed, nth as u64 + 1),
            status: Arc::clone(&status),
            sessions: BTreeMap::new(),
            tasks: JoinSet::new(),
            sender,
            news,
            next_key: 0,
            written: 0,
            drafts: Drafts::default(),
            wandering,
            groups,
            login_at: Instant::now(),
            recalled: None,
        };
        (user, status)
    }

    /// Lives until the phase of leaving.
    pub(crate) async fn live(mut self) {
        let mut ticks = interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                Some((key, news)) = self.news.recv() => self.hear(key, news),
                Some(ended) = self.tasks.join_next(), if !self.tasks.is_empty() => {
                    if let Err(failed) = ended {
                        std::panic::resume_unwind(failed.into_panic());
                    }
                }
                _ = ticks.tick() => {
                    let phase = *self.world.phase.borrow();
                    if phase == Phase::Leaving {
                        break;
                    }
                    self.act(phase);
                    self.show();
                }
            }
        }
        for handle in self.sessions.values() {
            // One that takes nothing is dropped with its task.
            handle.commands.try_send(Command::Leave).ok();
        }
        self.sessions.clear();
        while let Some(ended) = self.tasks.join_next().await {
            if let Err(failed) = ended {
                std::panic::resume_unwind(failed.into_panic());
            }
            while self.news.try_recv().is_ok() {}
        }
    }

    fn act(&mut self, phase: Phase) {
        match phase {
            Phase::Arriving | Phase::Leaving => {}
            Phase::Traffic => self.do_what_people_do(),
            Phase::Finishing => {}
            Phase::Recalling => self.come_back_once(),
        }
        self.stay_logged_in();
        self.send_what_is_due();
        self.wander(phase);
    }

    fn do_what_people_do(&mut self) {
        if self
            .comes_to_mind(Duration::from_secs(1) * habits::USERS as u32 / habits::MESSAGES_PER_SECOND as u32)
        {
            self.write();
        }
        if self.comes_to_mind(habits::READ_EVERY) {
            self.mark_read();
        }
        if self.comes_to_mind(habits::LOOK_BACK_EVERY) {
            self.look_back();
        }
        if self.comes_to_mind(habits::RECONNECT_EVERY)
            && let Some(key) = self.open_on(0)
        {
            let command = if self.dice.chance(VANISHES) { Command::Vanish } else { Command::Leave };
            self.tell(key, command);
        }
        if self.comes_to_mind(habits::LOG_IN_AGAIN_EVERY) && self.open_on(0).is_some() {
            self.open(0);
            if self.dice.chance(TWO_AT_ONCE) {
                self.open(0);
            }
        }
        if self.comes_to_mind(habits::OTHER_DEVICE_EVERY) {
            let other = self.sessions.iter().find(|(_, handle)| handle.device == 1).map(|(key, _)| *key);
            match other {
                Some(key) if self.dice.chance(FALLS_SILENT) => self.tell(key, Command::FallSilent),
                Some(key) => self.tell(key, Command::Leave),
                None => self.open(1),
            }
        }
        if self.comes_to_mind(habits::BE_DEAF_EVERY)
            && let Some(key) = self.open_on(0)
        {
            let time = self.dice.between(DEAF.0, DEAF.1);
            self.tell(key, Command::BeDeaf(time));
        }
    }

    /// True once in this time, on average.
    fn comes_to_mind(&mut self, every: Duration) -> bool {
        let of = (every.as_millis() / TICK.as_millis()).max(1) as usize;
        self.dice.below(of) == 0
    }

    /// Logs in where no session of the first device is open or on its way.
    fn stay_logged_in(&mut self) {
        let is_there = self.sessions.values().any(|handle| handle.device == 0);
        if !is_there && Instant::now() >= self.login_at {
            self.open(0);
        }
    }

    /// Ends all sessions once, so that the next login is the last.
    fn come_back_once(&mut self) {
        if self.recalled.is_some() {
            return;
        }
        let keys: Vec<u64> = self.sessions.keys().copied().collect();
        for key in &keys {
            self.tell(*key, Command::Leave);
        }
        self.recalled = Some(self.next_key);
    }

    fn open(&mut self, device: usize) {
        let key = self.next_key;
        self.next_key += 1;
        let (sender, commands) = mpsc::channel(COMMANDS_MAX);
        let door = self.world.doors[self.dice.below(self.world.doors.len())];
        let opening = Opening {
            key,
            user: self.name.clone(),
            device: DEVICES[device],
            door,
            have: (device == 0).then(|| Arc::clone(&self.status.have)),
            facts: Arc::clone(&self.world.facts),
            heads: Arc::clone(&self.world.heads),
            news: self.sender.clone(),
            commands,
        };
        self.sessions.insert(key, Handle { device, commands: sender, session: None });
        self.tasks.spawn(opening.live());
    }

    fn hear(&mut self, key: u64, news: News) {
        match news {
            News::Opened { session } => {
                if let Some(handle) = self.sessions.get_mut(&key) {
                    handle.session = Some(session);
                }
            }
            News::Came(frame) => self.hear_frame(key, &frame),
            News::Ended => {
                self.sessions.remove(&key);
                self.drafts.lost(key, &self.name, &self.world.facts);
                if let Some(wandering) = &mut self.wandering {
                    wandering.lost(key);
                }
                self.login_at = Instant::now() + self.dice.between(LOGIN_PAUSE.0, LOGIN_PAUSE.1);
            }
        }
    }

    fn hear_frame(&mut self, key: u64, frame: &Value) {
        let id = frame["id"].as_str().unwrap_or_default();
        match frame["type"].as_str() {
            Some("receipt") => self.drafts.receipted(id),
            Some("error") => {
                let retry = frame["retry_ms"].as_u64().map(Duration::from_millis);
                self.drafts.refused(id, retry);
                if let Some(wandering) = &mut self.wandering {
                    wandering.refused(id, retry.is_some(), &self.name, &self.world.facts);
                }
            }
            Some("members") => {
                if let Some(wandering) = &mut self.wandering {
                    wandering.answered(id, &self.name, &self.world.facts);
                }
            }
            Some("behind") => self.fetch(key),
            Some("page") => self.took_page(key, frame),
            Some("ready") => self.is_back(key),
            _ => {}
        }
    }

    /// Writes to somebody to whom nothing is under way.
    fn write(&mut self) {
        let (conversation, to) = self.somebody();
        if self.drafts.has(&conversation) {
            return;
        }
        self.written += 1;
        let fill = self.dice.below(FILL_BYTES_MAX);
        let payload = Payload::filled(&self.world.run, &self.name, self.written, fill);
        self.drafts.add(conversation, to, payload);
    }

    fn somebody(&mut self) -> (String, Value) {
        let mut groups = self.groups.clone();
        groups.extend(self.wandering.as_ref().and_then(Wandering::may_write_to));
        if self.dice.chance(habits::TO_GROUP)
            && let Some(group) = self.dice.one_of(&groups)
        {
            return (format!("g:{group}"), json!({ "group": group }));
        }
        let partners = habits::partners(self.nth);
        let partner = &partners[self.dice.below(partners.len())];
        (habits::direct(&self.name, partner), json!({ "user": partner }))
    }

    fn send_what_is_due(&mut self) {
        let Some(key) = self.open_on(0) else { return };
        let Some(Handle { session: Some(session), commands, .. }) = self.sessions.get(&key) else { return };
        self.drafts.send((key, session), commands, &self.name, &self.world.facts);
    }

    fn mark_read(&mut self) {
        let Some(key) = self.open_on(0) else { return };
        let conversations = habits::direct_conversations(self.nth);
        let conversation = conversations[self.dice.below(conversations.len())].clone();
        let seq = held(&self.status.have).upto(&conversation);
        if seq > 0 {
            let frame = json!({ "type": "read", "conversation": conversation, "seq": seq });
            self.world.facts.record(Fact::Read { user: self.name.clone(), conversation, seq });
            self.tell(key, Command::Say(frame.to_string()));
        }
    }

    fn look_back(&mut self) {
        let Some(key) = self.open_on(1).or_else(|| self.open_on(0)) else { return };
        let conversations = habits::direct_conversations(self.nth);
        let conversation = &conversations[self.dice.below(conversations.len())];
        let frame = json!({ "type": "history", "id": "look", "conversation": conversation, "limit": 20 });
        self.tell(key, Command::Say(frame.to_string()));
    }

    /// Asks for what `behind` named.
    fn fetch(&mut self, key: u64) {
        let to_fetch = held(&self.status.have).to_fetch();
        for conversation in to_fetch {
            let after = held(&self.status.have).upto(&conversation);
            let frame = json!({
                "type": "history", "id": "fetch", "conversation": conversation, "after": after, "limit": PAGE_ITEMS_MAX,
            });
            self.tell(key, Command::Say(frame.to_string()));
        }
    }

    fn took_page(&mut self, key: u64, page: &Value) {
        let last = page["messages"].as_array().and_then(|messages| messages.last());
        let (Some(conversation), Some(seq)) =
            (page["conversation"].as_str(), last.and_then(|last| last["seq"].as_u64()))
        else {
            return;
        };
        if page["id"] == "fetch" && !held(&self.status.have).fetched(conversation, seq) {
            self.fetch(key);
        }
        self.is_back(key);
    }

    /// Whether the last login of all is over: it is ready, and there is nothing to fetch.
    fn is_back(&mut self, key: u64) {
        let is_last = self.recalled.is_some_and(|first| key >= first);
        if !is_last || self.status.caught_up.load(Relaxed) {
            return;
        }
        if held(&self.status.have).to_fetch().is_empty() {
            self.world.facts.record(Fact::CaughtUp { user: self.name.clone() });
            self.status.caught_up.store(true, Relaxed);
        } else {
            self.fetch(key);
        }
    }

    fn wander(&mut self, phase: Phase) {
        let comes_to_mind = phase == Phase::Traffic && self.comes_to_mind(habits::WANDER_EVERY);
        let main = self.open_on(0);
        let Some(wandering) = &mut self.wandering else { return };
        let is_writing = self.drafts.has(&wandering.conversation());
        if comes_to_mind && !is_writing {
            wandering.decide(&self.name, &self.world.facts);
        }
        let Some(key) = main else { return };
        if let Some(frame) = wandering.due(key) {
            self.tell(key, Command::Say(frame));
        }
    }

    fn show(&self) {
        let asking = self.wandering.as_ref().is_some_and(Wandering::is_asking);
        self.status.waiting.store(self.drafts.len() + usize::from(asking), Relaxed);
        self.status.online.store(self.open_on(0).is_some(), Relaxed);
    }

    /// The newest open session of a device.
    fn open_on(&self, device: usize) -> Option<u64> {
        let open = |handle: &Handle| handle.device == device && handle.session.is_some();
        self.sessions.iter().rev().find(|(_, handle)| open(handle)).map(|(key, _)| *key)
    }

    /// A session that does not take it is as good as gone, and will say so.
    fn tell(&self, key: u64, command: Command) {
        if let Some(handle) = self.sessions.get(&key) {
            handle.commands.try_send(command).ok();
        }
    }
}
