//! A device of a user over all its sessions: logs in on some node, sits there, goes away in some way, and comes back elsewhere.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use testkit::judge::{Fact, Payload};
use tokio::time::Instant;

use super::line::Line;
use super::memory::Memory;
use super::outbox::{Address, Outbox};
use super::sitting::{Ended, Sitting};
use crate::dice::Dice;
use crate::stage::Stage;

/// How soon a client comes back after its session ended without its doing, in milliseconds.
const RETURN_MS: (u64, u64) = (50, 3_000);
/// How soon somebody comes back who went himself, in milliseconds.
const RETURN_LATER_MS: (u64, u64) = (100, 20_000);
/// How soon somebody comes back who was replaced by his own other login, in milliseconds.
const RETURN_REPLACED_MS: (u64, u64) = (3_000, 25_000);
/// How long a second window of a device stays open, in seconds.
const WINDOW_SECS: (u64, u64) = (3, 60);

/// A device of a user.
#[derive(Debug)]
pub struct Device {
    /// Where it is.
    pub stage: Arc<Stage>,
    /// Whose.
    pub user: String,
    /// Which.
    pub name: String,
    /// What it holds.
    pub memory: Memory,
    /// What it has said and has no answer to.
    pub outbox: Outbox,
    /// Its luck.
    pub dice: Dice,
    /// To whom it speaks, beside the groups.
    pub friends: Vec<Address>,
    /// The groups that it may join and leave for its user; empty where that is another device's affair.
    pub groups: BTreeSet<String>,
    /// Those of them that its user is in.
    pub member_of: BTreeSet<String>,
    /// A change of membership that is under way.
    pub wish: Option<Wish>,
    /// How many messages the user has said on all devices.
    pub said: Arc<AtomicU64>,
}

/// A change of membership: asked again until it is answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wish {
    /// Which group.
    pub group: String,
    /// To join it, or to leave it.
    pub joins: bool,
    /// True while an answer of the present session is awaited.
    pub is_asked: bool,
}

impl Device {
    /// Comes and goes until the curtain falls.
    pub async fn live(mut self) -> Device {
        tokio::time::sleep(self.dice.ms(0, 5_000)).await;
        while !self.stage.curtain.is_cancelled() {
            let node = self.dice.below(self.stage.plan.nodes);
            let resume = self.dice.percent(80);
            let ended = match self.sit_down(node, resume).await {
                Some(sitting) => sitting.run().await,
                None => Ended::Broken,
            };
            let wait = match ended {
                Ended::Curtain => break,
                Ended::Broken => RETURN_MS,
                Ended::Gone => RETURN_LATER_MS,
                Ended::Replaced => RETURN_REPLACED_MS,
                Ended::Races => {
                    self.open_window();
                    (0, 0)
                }
            };
            let wait = self.dice.ms(wait.0, wait.1);
            tokio::select! {
                biased;
                () = self.stage.curtain.cancelled() => {}
                () = tokio::time::sleep(wait) => {}
            }
        }
        self
    }

    /// Logs in on a node.
    pub async fn sit_down(&mut self, node: usize, resume: bool) -> Option<Sitting<'_>> {
        let resumes = resume && !self.memory.have().is_empty();
        let resume = if resumes { "&resume=1" } else { "" };
        let path = format!("/ws/{}?device={}{resume}", self.user, self.name);
        self.note(Fact::Arriving { user: self.user.clone(), device: self.name.clone() });
        let began = Instant::now();
        let Some((line, welcome)) = Line::open(&self.stage, node, &path, "trunkline.v1").await else {
            let waited_ms = began.elapsed().as_millis() as u64;
            self.note(Fact::InVain { user: self.user.clone(), device: self.name.clone(), waited_ms });
            return None;
        };
        Some(Sitting::begin(self, line, &welcome, resumes))
    }

    /// Where it may speak now.
    pub fn addresses(&self) -> Vec<Address> {
        let leaving = self.wish.as_ref().map(|wish| &wish.group);
        let groups = self.member_of.iter().filter(|group| Some(*group) != leaving);
        let groups = groups.map(|group| Address {
            conversation: format!("g:{group}"),
            to: format!(r#"{{"group":"{group}"}}"#),
        });
        self.friends.iter().cloned().chain(groups).collect()
    }

    /// The next content that the user says.
    pub fn payload(&self) -> Payload {
        let n = self.said.fetch_add(1, Ordering::Relaxed) + 1;
        let fill = if self.dice.percent(3) { self.dice.below(5_000) } else { self.dice.below(80) };
        Payload::filled(&self.stage.run, &self.user, n, fill)
    }

    /// Writes a fact down.
    pub fn note(&self, fact: Fact) {
        self.stage.facts.record(fact);
    }

    /// A second window of the same device, which logs in elsewhere at the same moment, listens, and goes again.
    fn open_window(&self) {
        let window = Device {
            stage: self.stage.clone(),
            user: self.user.clone(),
            name: self.name.clone(),
            memory: Memory::default(),
            outbox: Outbox::default(),
            dice: self.dice.clone(),
            friends: Vec::new(),
            groups: BTreeSet::new(),
            member_of: BTreeSet::new(),
            wish: None,
            said: self.said.clone(),
        };
        let node = self.dice.below(self.stage.plan.nodes);
        let stays = self.dice.secs(WINDOW_SECS.0, WINDOW_SECS.1);
        self.stage.crowd.spawn(window.look(node, stays));
    }

    /// Listens for a while.
    async fn look(mut self, node: usize, stays: Duration) {
        if let Some(sitting) = self.sit_down(node, false).await {
            sitting.listen(stays).await;
        }
    }
}
