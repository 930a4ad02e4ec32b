//! Removing what a dead boot has left, on Redis.

use ::redis::cmd;
use ports::PortError;
use ports::directory::Reaped;
use wire::id::Boot;

use super::RedisDirectory;
use super::boots::exactly;
use super::call::Call;
use super::config::REAP_BATCH_MAX;
use super::keys::{parse_group_trace, parse_user_trace};
use super::scripts::SCRIPTS;

impl RedisDirectory {
    pub(super) async fn reap_as(&self, call: &Call, boot: &Boot) -> Result<Reaped, PortError> {
        let [lease] = exactly(call, self.link.run(call, vec![self.read_lease(boot)]).await?)?;
        if call.read::<Option<String>>(lease)?.is_some() {
            return Ok(Reaped::default());
        }
        self.remove_traces(call, boot).await
    }

    /// Removes some of what a boot has left, and in the end the boot itself.
    pub(super) async fn remove_traces(&self, call: &Call, boot: &Boot) -> Result<Reaped, PortError> {
        let some_of = |key: String| {
            let mut some = cmd("SRANDMEMBER");
            some.arg(key).arg(REAP_BATCH_MAX);
            some
        };
        let commands = vec![some_of(self.keys.users_of(boot)), some_of(self.keys.groups_of(boot))];
        let [users, groups] = exactly(call, self.link.run(call, commands).await?)?;
        let (users, groups): (Vec<String>, Vec<String>) = (call.read(users)?, call.read(groups)?);
        if !users.is_empty() {
            return self.remove_users(call, boot, users).await;
        }
        if !groups.is_empty() {
            return self.remove_interest(call, boot, groups).await;
        }
        let mut delete = cmd("DEL");
        delete.arg(self.keys.evictions_of(boot));
        let mut give_back = SCRIPTS.give_back_name.on(&self.keys.name(&boot.node));
        give_back.arg(boot.to_string());
        self.link.run(call, vec![delete, give_back, self.unlist(boot)]).await?;
        Ok(Reaped::default())
    }

    async fn remove_users(&self, call: &Call, boot: &Boot, traces: Vec<String>) -> Result<Reaped, PortError> {
        let (known, unknown): (Vec<_>, Vec<_>) = traces
            .into_iter()
            .map(|trace| (parse_user_trace(&trace), trace))
            .partition(|(parsed, _)| parsed.is_some());
        if !unknown.is_empty() {
            let mut unnote = cmd("SREM");
            unnote.arg(self.keys.users_of(boot));
            unknown.into_iter().for_each(|(_, trace)| {
                unnote.arg(trace);
            });
            self.link.run(call, vec![unnote]).await?;
        }
        let sessions = known.into_iter().filter_map(|(parsed, _)| parsed).collect();
        Ok(Reaped { offline: self.forget_as(call, boot, sessions).await?, more: true })
    }

    async fn remove_interest(
        &self,
        call: &Call,
        boot: &Boot,
        traces: Vec<String>,
    ) -> Result<Reaped, PortError> {
        let mut commands = Vec::with_capacity(traces.len() + 1);
        for group in traces.iter().filter_map(|trace| parse_group_trace(trace)) {
            let mut remove = cmd("HDEL");
            remove.arg(self.keys.group(&group)).arg(boot.to_string());
            commands.push(remove);
        }
        let mut unnote = cmd("SREM");
        unnote.arg(self.keys.groups_of(boot)).arg(traces);
        commands.push(unnote);
        self.link.run(call, commands).await?;
        Ok(Reaped { offline: Vec::new(), more: true })
    }
}
