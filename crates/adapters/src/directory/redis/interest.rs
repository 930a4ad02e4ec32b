//! Which boots are interested in which groups, on Redis.

use std::collections::HashMap;

use ::redis::{Cmd, cmd};
use ports::PortError;
use ports::directory::Interest;
use wire::id::{Boot, GroupId};

use super::call::Call;
use super::config::TRACES_LIFE;
use super::keys::group_trace;
use super::scripts::SCRIPTS;
use super::{RedisDirectory, millis};

/// Commands for one registration: note it, keep the note, write it.
const COMMANDS_EACH: usize = 3;

impl RedisDirectory {
    pub(super) async fn add_interest_as(&self, call: &Call, interests: &[Interest]) -> Result<(), PortError> {
        let mut commands = Vec::with_capacity(interests.len() * COMMANDS_EACH);
        for interest in interests {
            let Interest { group, boot, registration } = interest;
            let (mut note, mut keep) = (cmd("SADD"), cmd("PEXPIRE"));
            // Noted before it is written, so that a reaper finds every one.
            note.arg(self.keys.groups_of(boot)).arg(group_trace(*registration, group));
            keep.arg(self.keys.groups_of(boot)).arg(millis(TRACES_LIFE));
            let mut add = SCRIPTS.add_interest.on(&self.keys.group(group));
            add.arg(boot.to_string()).arg(*registration);
            commands.extend([note, keep, add]);
        }
        let replies = self.link.run(call, commands).await?;
        let mut unnotes = Vec::new();
        for (interest, reply) in interests.iter().zip(replies.into_iter().skip(2).step_by(COMMANDS_EACH)) {
            if let Ok(replaced) = call.read::<String>(reply)?.parse() {
                unnotes.push(self.unnote_group(&interest.boot, replaced, &interest.group));
            }
        }
        self.link.run(call, unnotes).await.map(|_replies| ())
    }

    pub(super) async fn drop_interest_as(
        &self,
        call: &Call,
        interests: &[Interest],
    ) -> Result<(), PortError> {
        let mut commands = Vec::with_capacity(interests.len() * 2);
        for Interest { group, boot, registration } in interests {
            let mut drop_it = SCRIPTS.drop_interest.on(&self.keys.group(group));
            drop_it.arg(boot.to_string()).arg(*registration);
            commands.extend([drop_it, self.unnote_group(boot, *registration, group)]);
        }
        self.link.run(call, commands).await.map(|_replies| ())
    }

    pub(super) async fn interested_as(
        &self,
        call: &Call,
        groups: &[GroupId],
    ) -> Result<Vec<Vec<Boot>>, PortError> {
        let read = |group: &GroupId| {
            let mut read = cmd("HGETALL");
            read.arg(self.keys.group(group));
            read
        };
        let replies = self.link.run(call, groups.iter().map(read).collect()).await?;
        let mut interested = Vec::with_capacity(groups.len());
        for reply in replies {
            let fields: HashMap<String, String> = call.read(reply)?;
            let mut boots: Vec<Boot> = fields.keys().filter_map(|boot| boot.parse().ok()).collect();
            boots.sort();
            interested.push(boots);
        }
        Ok(interested)
    }

    fn unnote_group(&self, boot: &Boot, registration: u64, group: &GroupId) -> Cmd {
        let mut unnote = cmd("SREM");
        unnote.arg(self.keys.groups_of(boot)).arg(group_trace(registration, group));
        unnote
    }
}
