//! Leases, names and eviction lists, on Redis.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use ::redis::{Cmd, Value, cmd};
use ports::PortError;
use ports::directory::{EVICTIONS_MAX, Lease, LeaseTaken, Leases, RenewOutcome, Renewed};
use wire::envelope::Eviction;
use wire::id::Boot;

use super::call::Call;
use super::config::{END_BATCHES_MAX, EVICTIONS_LIFE, SCRIPT_ITEMS_MAX, TRACES_LIFE};
use super::scripts::SCRIPTS;
use super::{RedisDirectory, millis};

/// A name that two processes take in turns within one call is left to the next call.
const NAME_ROUNDS_MAX: usize = 3;

impl RedisDirectory {
    pub(super) async fn take_lease_as(
        &self,
        call: &Call,
        lease: &Lease,
        ttl: Duration,
    ) -> Result<LeaseTaken, PortError> {
        let boot = &lease.boot;
        for _ in 0..NAME_ROUNDS_MAX {
            // Nothing is written where the name is held: a lease that others see for a moment would look like a node that came and died.
            let holder = match self.name_holder(call, lease).await? {
                Holder::Nobody => None,
                Holder::Replaceable(other) => Some(other),
                Holder::Held { by, address } => return Ok(LeaseTaken::NameHeld { by, address }),
            };
            let beat = self.own_leases.next_beat(boot).map_or(1, |own| own.beat_sent);
            let (mut write, mut list) = (cmd("SET"), cmd("SADD"));
            write.arg(self.keys.lease(boot)).arg(lease_text(call, beat, lease)?).arg("PX").arg(millis(ttl));
            list.arg(self.keys.boots()).arg(boot.to_string());
            // The lease before the name: whoever finds the name ours finds it alive.
            let commands = vec![write, list, self.hold_name(boot, ttl, holder.as_ref()), cmd("TIME")];
            let replies = self.link.run_somewhere(call, commands).await?;
            let [_written, _listed, held_by, time] = exactly(call, replies.values)?;
            if call.read::<String>(held_by)?.is_empty() {
                self.own_leases.taken(boot, beat, replies.run_id);
                return Ok(LeaseTaken::Taken { now_us: now_us(call, time)? });
            }
            self.own_leases.gone(boot);
            self.link.run(call, vec![self.delete_lease(boot), self.unlist(boot)]).await?;
        }
        Err(call.outage("another process takes the node's name at the same time"))
    }

    pub(super) async fn renew_as(
        &self,
        call: &Call,
        lease: &Lease,
        ttl: Duration,
    ) -> Result<Renewed, PortError> {
        let boot = &lease.boot;
        let Some(own) = self.own_leases.next_beat(boot) else {
            let replies = self.link.run(call, vec![cmd("TIME")]).await?;
            let [time] = exactly(call, replies)?;
            return lost(now_us(call, time)?, "this process holds no such lease, or has lost it before");
        };
        let beat = own.beat_sent;
        let mut renew = SCRIPTS.renew_lease.on(&self.keys.lease(boot));
        renew.arg(own.beat_confirmed).arg(beat).arg(lease_text(call, beat, lease)?).arg(millis(ttl));
        let mut evictions = cmd("LRANGE");
        evictions.arg(self.keys.evictions_of(boot)).arg(0).arg(-1);
        let keep = |key: String| {
            let mut keep = cmd("PEXPIRE");
            keep.arg(key).arg(millis(TRACES_LIFE));
            keep
        };
        let (users, groups) = (keep(self.keys.users_of(boot)), keep(self.keys.groups_of(boot)));
        let name = self.hold_name(boot, ttl, None);
        let commands = vec![renew, name, cmd("TIME"), evictions, users, groups];
        let replies = self.link.run_somewhere(call, commands).await?;
        let [renewed, held_by, time, evictions, _users, _groups] = exactly(call, replies.values)?;
        let (renewed, now_us) = (call.read::<String>(renewed)?, now_us(call, time)?);
        let other_server = own.run_id != replies.run_id;
        if renewed != "kept" || other_server {
            self.own_leases.gone(boot);
            let why = match renewed.as_str() {
                "gone" => "it ran out, or the server has forgotten it",
                "kept" => {
                    "the server is another one than before, or was restarted: it may have forgotten the last claims"
                }
                _ => "it is not what was written last: the server may have forgotten the last claims too",
            };
            return lost(now_us, why);
        }
        self.own_leases.confirmed(boot, beat);
        if let Some(address) = self.name_taken(call, lease, ttl, &call.read::<String>(held_by)?).await? {
            return Ok(Renewed {
                outcome: RenewOutcome::NameTaken { address },
                now_us,
                evictions: Vec::new(),
            });
        }
        let evictions = self.take_evictions(call, boot, call.read(evictions)?).await?;
        self.link.look_at_server(call).await;
        Ok(Renewed { outcome: RenewOutcome::Kept, now_us, evictions })
    }

    pub(super) async fn end_lease_as(&self, call: &Call, boot: &Boot) -> Result<(), PortError> {
        self.own_leases.gone(boot);
        let mut give_back = SCRIPTS.give_back_name.on(&self.keys.name(&boot.node));
        give_back.arg(boot.to_string());
        self.link.run(call, vec![self.delete_lease(boot), give_back]).await?;
        for _ in 0..END_BATCHES_MAX {
            if !self.remove_traces(call, boot).await?.more {
                break;
            }
        }
        Ok(())
    }

    pub(super) async fn leases_as(&self, call: &Call) -> Result<Leases, PortError> {
        let mut list = cmd("SMEMBERS");
        list.arg(self.keys.boots());
        let [members] = exactly(call, self.link.run(call, vec![list]).await?)?;
        // In order, so that two lists can be compared.
        let members: BTreeSet<String> = call.read(members)?;
        let boots: Vec<Boot> = members.iter().filter_map(|member| member.parse().ok()).collect();
        let replies = self.link.run(call, boots.iter().map(|boot| self.read_lease(boot)).collect()).await?;
        let mut leases = Leases::default();
        for (boot, reply) in boots.into_iter().zip(replies) {
            match call.read::<Option<String>>(reply)? {
                None => leases.dead.push(boot),
                Some(text) => match parse_lease(&text) {
                    Some(lease) => leases.live.push(lease),
                    // It lives, so nobody may reap it; what it says of itself is for those who understand it.
                    None => {
                        tracing::warn!(%boot, "the lease of a boot cannot be read; is it a newer version?")
                    }
                },
            }
        }
        Ok(leases)
    }

    pub(super) async fn lease_as(&self, call: &Call, boot: &Boot) -> Result<Option<Lease>, PortError> {
        let [reply] = exactly(call, self.link.run(call, vec![self.read_lease(boot)]).await?)?;
        let Some(text) = call.read::<Option<String>>(reply)? else { return Ok(None) };
        let lease =
            parse_lease(&text).ok_or_else(|| call.outage(format!("the lease of {boot} cannot be read")))?;
        Ok(Some(lease))
    }

    pub(super) async fn request_evictions_as(
        &self,
        call: &Call,
        evictions: &[(Boot, Eviction)],
    ) -> Result<(), PortError> {
        let mut by_boot: BTreeMap<&Boot, Vec<String>> = BTreeMap::new();
        for (boot, eviction) in evictions {
            let text = serde_json::to_string(eviction).map_err(|error| call.outage(error))?;
            by_boot.entry(boot).or_default().push(text);
        }
        let mut commands = Vec::new();
        for (boot, texts) in &by_boot {
            for texts in texts.chunks(SCRIPT_ITEMS_MAX) {
                let mut push = SCRIPTS.push_evictions.on(&self.keys.evictions_of(boot));
                push.arg(EVICTIONS_MAX).arg(millis(EVICTIONS_LIFE)).arg(texts);
                commands.push(push);
            }
        }
        self.link.run(call, commands).await.map(|_replies| ())
    }

    /// Takes what has arrived off the list, only now that it has.
    async fn take_evictions(
        &self,
        call: &Call,
        boot: &Boot,
        texts: Vec<String>,
    ) -> Result<Vec<Eviction>, PortError> {
        let drop_those = |texts: &[String]| {
            let mut drop_them = SCRIPTS.drop_evictions.on(&self.keys.evictions_of(boot));
            drop_them.arg(texts);
            drop_them
        };
        let commands: Vec<Cmd> = texts.chunks(SCRIPT_ITEMS_MAX).map(drop_those).collect();
        if let Err(error) = self.link.run(call, commands).await {
            tracing::debug!(%boot, error = %error.chain(), "evictions will be told again");
        }
        let mut seen = BTreeSet::new();
        let mut evictions = Vec::with_capacity(texts.len());
        for text in &texts {
            match serde_json::from_str::<Eviction>(text) {
                Ok(eviction) if seen.insert(eviction.session) => evictions.push(eviction),
                Ok(_) => {}
                Err(error) => tracing::warn!(%boot, %error, "an eviction cannot be read and is dropped"),
            }
        }
        Ok(evictions)
    }

    /// The address under which another live boot has our name; where its lease is gone, the name is taken back.
    async fn name_taken(
        &self,
        call: &Call,
        lease: &Lease,
        ttl: Duration,
        held_by: &str,
    ) -> Result<Option<String>, PortError> {
        let Ok(other) = held_by.parse::<Boot>() else { return Ok(None) };
        if let Some(other) = self.lease_as(call, &other).await? {
            return Ok(Some(other.address));
        }
        // Whoever was quicker is met at the next renewal.
        self.link.run(call, vec![self.hold_name(&lease.boot, ttl, Some(&other))]).await?;
        Ok(None)
    }

    async fn name_holder(&self, call: &Call, lease: &Lease) -> Result<Holder, PortError> {
        let mut read = cmd("GET");
        read.arg(self.keys.name(&lease.boot.node));
        let [reply] = exactly(call, self.link.run(call, vec![read]).await?)?;
        let Some(text) = call.read::<Option<String>>(reply)? else { return Ok(Holder::Nobody) };
        let other: Boot = text.parse().map_err(|_| call.outage("the name's holder cannot be read"))?;
        if other == lease.boot {
            return Ok(Holder::Nobody);
        }
        Ok(match self.lease_as(call, &other).await? {
            Some(held) if held.address != lease.address => Holder::Held { by: other, address: held.address },
            Some(_) | None => Holder::Replaceable(other),
        })
    }

    fn hold_name(&self, boot: &Boot, ttl: Duration, replaceable: Option<&Boot>) -> Cmd {
        let mut hold = SCRIPTS.hold_name.on(&self.keys.name(&boot.node));
        let replaceable = replaceable.map(ToString::to_string).unwrap_or_default();
        hold.arg(boot.to_string()).arg(millis(ttl)).arg(replaceable);
        hold
    }

    pub(super) fn read_lease(&self, boot: &Boot) -> Cmd {
        let mut read = cmd("GET");
        read.arg(self.keys.lease(boot));
        read
    }

    pub(super) fn unlist(&self, boot: &Boot) -> Cmd {
        let mut unlist = cmd("SREM");
        unlist.arg(self.keys.boots()).arg(boot.to_string());
        unlist
    }

    fn delete_lease(&self, boot: &Boot) -> Cmd {
        let mut delete = cmd("DEL");
        delete.arg(self.keys.lease(boot));
        delete
    }
}

enum Holder {
    Nobody,
    Replaceable(Boot),
    Held { by: Boot, address: String },
}

fn lease_text(call: &Call, beat: u64, lease: &Lease) -> Result<String, PortError> {
    let json = serde_json::to_string(lease).map_err(|error| call.outage(error))?;
    Ok(format!("{beat} {json}"))
}

fn parse_lease(text: &str) -> Option<Lease> {
    serde_json::from_str(text.split_once(' ')?.1).ok()
}

fn now_us(call: &Call, time: Value) -> Result<u64, PortError> {
    let (seconds, micros): (u64, u64) = call.read(time)?;
    Ok(seconds.saturating_mul(1_000_000).saturating_add(micros))
}

fn lost(now_us: u64, why: &str) -> Result<Renewed, PortError> {
    let outcome = RenewOutcome::Lost { why: why.to_owned() };
    Ok(Renewed { outcome, now_us, evictions: Vec::new() })
}

/// As many replies as commands.
pub(super) fn exactly<const N: usize>(call: &Call, replies: Vec<Value>) -> Result<[Value; N], PortError> {
    let count = replies.len();
    replies.try_into().map_err(|_| call.outage(format!("{count} replies to {N} commands")))
}
