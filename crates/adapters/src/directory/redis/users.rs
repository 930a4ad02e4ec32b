//! Claims, releases and where users are, on Redis.

use std::collections::{BTreeSet, HashMap};

use ::redis::{Cmd, Value, cmd};
use ports::PortError;
use ports::directory::{Binding, Claim, Claimed, DISPLACED_MAX, Released, Restored, Slot};
use wire::id::{Boot, NodeName, SessionId, UserId};

use super::call::Call;
use super::classic::{Expected, Settling};
use super::config::TRACES_LIFE;
use super::keys::user_trace;
use super::record;
use super::scripts::SCRIPTS;
use super::{RedisDirectory, millis};

impl RedisDirectory {
    pub(super) async fn claim_as(&self, call: &Call, claim: &Claim) -> Result<Claimed, PortError> {
        let mut script = SCRIPTS.claim.on(&self.keys.user(&claim.user));
        script.arg(claim.session.to_string()).arg(claim.slot.as_str()).arg(claim.device.as_str());
        script.arg(claim.boot.to_string()).arg(claim.since_ms).arg(claim.deadline_us);
        script.arg(claim.slots_max).arg(DISPLACED_MAX);
        let [note, keep] = self.note_users(&claim.boot, [(claim.session, &claim.user)]);
        let mut replies = self.link.run(call, vec![note, keep, script]).await?;
        let reply: Vec<Value> = call.read(replies.pop().unwrap_or_default())?;
        let mut words = reply.into_iter();
        let word: String = call.read(words.next().unwrap_or_default())?;
        if word != "bound" {
            if call.read::<i64>(words.next().unwrap_or_default())? == 0 {
                self.link.run(call, vec![self.unnote_user(&claim.boot, claim.session, &claim.user)]).await?;
            }
            let full = || call.outage(format!("{DISPLACED_MAX} sessions of the user are not confirmed"));
            return Err(if word == "late" { call.late() } else { full() });
        }
        let generation: String = call.read(words.next().unwrap_or_default())?;
        let generation = generation.parse().map_err(|error| call.outage(error))?;
        let displaced = record::displaced(call.read(words.next().unwrap_or_default())?);
        let node = Some(claim.boot.node.clone());
        self.settle(call, vec![Settling { user: claim.user.clone(), expected: Expected::Anything, node }])
            .await;
        Ok(Claimed { generation, displaced })
    }

    pub(super) async fn restore_as(
        &self,
        call: &Call,
        bindings: &[Binding],
        deadline_us: u64,
    ) -> Result<Vec<Restored>, PortError> {
        let boots: BTreeSet<&Boot> = bindings.iter().map(|binding| &binding.boot).collect();
        let mut notes = Vec::new();
        for boot in boots {
            let of_boot = bindings.iter().filter(|binding| binding.boot == *boot);
            notes.extend(self.note_users(boot, of_boot.map(|binding| (binding.session, &binding.user))));
        }
        let notes_count = notes.len();
        let mut commands = notes;
        commands.extend(bindings.iter().map(|binding| {
            let mut script = SCRIPTS.restore.on(&self.keys.user(&binding.user));
            script.arg(binding.session.to_string()).arg(binding.slot.as_str()).arg(binding.device.as_str());
            script
                .arg(binding.boot.to_string())
                .arg(binding.since_ms)
                .arg(deadline_us)
                .arg(binding.generation);
            script
        }));
        let replies = self.link.run(call, commands).await?;
        let mut restored = Vec::with_capacity(bindings.len());
        let (mut written, mut gone) = (Vec::new(), Vec::new());
        for (binding, reply) in bindings.iter().zip(replies.into_iter().skip(notes_count)) {
            let mut words = call.read::<Vec<Value>>(reply)?.into_iter();
            let word: String = call.read(words.next().unwrap_or_default())?;
            match word.as_str() {
                "late" => return Err(call.late()),
                "superseded" => {
                    restored.push(Restored::Superseded);
                    if call.read::<i64>(words.next().unwrap_or_default())? == 0 {
                        gone.push(self.unnote_user(&binding.boot, binding.session, &binding.user));
                    }
                }
                _ => {
                    let displaced = record::displaced(call.read(words.next().unwrap_or_default())?);
                    restored.push(Restored::Stands { displaced });
                }
            }
            if word == "written" {
                let node = Some(binding.boot.node.clone());
                let user = binding.user.clone();
                written.push(Settling { user, expected: Expected::Anything, node });
            }
        }
        self.link.run(call, gone).await?;
        self.settle(call, written).await;
        Ok(restored)
    }

    pub(super) async fn release_as(
        &self,
        call: &Call,
        user: &UserId,
        slot: &Slot,
        session: SessionId,
    ) -> Result<Released, PortError> {
        let mut script = SCRIPTS.release.on(&self.keys.user(user));
        script.arg(session.to_string()).arg(slot.as_str());
        let mut replies = self.link.run(call, vec![script]).await?;
        let reply: (i64, usize, String, String) = call.read(replies.pop().unwrap_or_default())?;
        let (held, remaining, own_boot, newest_boot) = reply;
        if let Ok(boot) = own_boot.parse::<Boot>() {
            self.link.run(call, vec![self.unnote_user(&boot, session, user)]).await?;
            if held == 1 {
                self.settle(call, vec![left(user.clone(), boot.node, &newest_boot)]).await;
            }
        }
        Ok(Released { held: held == 1, remaining })
    }

    /// Removes what is left of sessions of a dead boot; gives the users whose last session was among them.
    pub(super) async fn forget_as(
        &self,
        call: &Call,
        boot: &Boot,
        sessions: Vec<(SessionId, UserId)>,
    ) -> Result<Vec<UserId>, PortError> {
        let forget = |(session, user): &(SessionId, UserId)| {
            let mut script = SCRIPTS.forget.on(&self.keys.user(user));
            script.arg(session.to_string()).arg(boot.to_string());
            script
        };
        let mut commands: Vec<Cmd> = sessions.iter().map(forget).collect();
        commands.extend(sessions.iter().map(|(session, user)| self.unnote_user(boot, *session, user)));
        let replies = self.link.run(call, commands).await?;
        let (mut offline, mut gone) = (Vec::new(), Vec::new());
        for ((_, user), reply) in sessions.into_iter().zip(replies) {
            let (was_bound, remaining, newest_boot): (i64, usize, String) = call.read(reply)?;
            if was_bound == 1 {
                gone.push(left(user.clone(), boot.node.clone(), &newest_boot));
                if remaining == 0 {
                    offline.push(user);
                }
            }
        }
        self.settle(call, gone).await;
        Ok(offline)
    }

    pub(super) async fn locate_as(
        &self,
        call: &Call,
        users: &[UserId],
    ) -> Result<Vec<Vec<Binding>>, PortError> {
        let replies = self.link.run(call, users.iter().map(|user| self.read_user(user)).collect()).await?;
        let mut located = Vec::with_capacity(users.len());
        for (user, reply) in users.iter().zip(replies) {
            let fields: HashMap<String, String> = call.read(reply)?;
            located.push(record::bindings(user, fields));
        }
        Ok(located)
    }

    pub(super) fn read_user(&self, user: &UserId) -> Cmd {
        let mut read = cmd("HGETALL");
        read.arg(self.keys.user(user));
        read
    }

    /// Notes where a boot is about to have sessions: before it has, so that a reaper finds every one.
    fn note_users<'a>(
        &self,
        boot: &Boot,
        sessions: impl IntoIterator<Item = (SessionId, &'a UserId)>,
    ) -> [Cmd; 2] {
        let (mut note, mut keep) = (cmd("SADD"), cmd("PEXPIRE"));
        note.arg(self.keys.users_of(boot));
        for (session, user) in sessions {
            note.arg(user_trace(session, user));
        }
        keep.arg(self.keys.users_of(boot)).arg(millis(TRACES_LIFE));
        [note, keep]
    }

    fn unnote_user(&self, boot: &Boot, session: SessionId, user: &UserId) -> Cmd {
        let mut unnote = cmd("SREM");
        unnote.arg(self.keys.users_of(boot)).arg(user_trace(session, user));
        unnote
    }
}

/// What the Java original's key is to become when a session has left a node.
fn left(user: UserId, node: NodeName, newest_boot: &str) -> Settling {
    let newest = newest_boot.parse::<Boot>().ok().map(|boot| boot.node);
    Settling { user, expected: Expected::Node(node), node: newest }
}
