//! What a person does in a session, by the dice.

use testkit::judge::Fact;
use tokio::time::Instant;

use super::{Ended, Sitting};
use crate::client::device::Wish;

/// How long somebody does not read, in seconds.
const DEAF_SECS: (u64, u64) = (2, 40);
/// How many signals a flood has: more than the burst that one session may send.
const FLOOD: usize = 30;

/// What a person does next.
pub(super) enum Act {
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

impl Sitting<'_> {
    pub(super) fn act(&self) -> Act {
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

    pub(super) async fn perform(&mut self, act: Act) -> Option<Ended> {
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
}
