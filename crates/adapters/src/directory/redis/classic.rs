//! The Java original's keys: for each user whose id it knows, the name of the node of the newest live session.
//!
//! Such a key and the user's bindings cannot be changed together. So whoever writes the key reads the bindings after it and writes again where they differ:
//! of two that race, the one that writes last has read last. A key that was written by somebody else, a Java node, is left alone when our session leaves.
//! A key that could not be written is logged and does not fail the call: the binding is what counts.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, PoisonError};

use ::redis::cmd;
use ports::PortError;
use wire::id::{Boot, NodeName, UserId};

use super::RedisDirectory;
use super::boots::exactly;
use super::call::Call;
use super::config::{CLASSIC_ROUNDS_MAX, REFRESH_BATCH_MAX, REFRESH_STEPS_MAX};
use super::keys::parse_user_trace;
use super::record;
use super::scripts::SCRIPTS;

/// That the keys are to be kept, and how.
#[derive(Debug)]
pub(super) struct Classic {
    prefix: String,
    /// Where looking for absent keys goes on at the next call.
    cursors: Mutex<BTreeMap<NodeName, u64>>,
}

/// What a user's key is to become.
#[derive(Debug, Clone)]
pub(super) struct Settling {
    pub(super) user: UserId,
    /// Only if it holds this.
    pub(super) expected: Expected,
    /// The node to write, or none: then it is deleted.
    pub(super) node: Option<NodeName>,
}

/// What a key must hold to be changed.
#[derive(Debug, Clone)]
pub(super) enum Expected {
    Anything,
    Nothing,
    Node(NodeName),
}

impl Classic {
    pub(super) fn new(prefix: String) -> Classic {
        Classic { prefix, cursors: Mutex::default() }
    }

    fn key(&self, user: &UserId) -> String {
        format!("{}{user}", self.prefix)
    }

    fn cursor(&self, node: &NodeName) -> u64 {
        self.lock().get(node).copied().unwrap_or(0)
    }

    fn go_on_at(&self, node: &NodeName, cursor: u64) {
        self.lock().insert(node.clone(), cursor);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<NodeName, u64>> {
        self.cursors.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl RedisDirectory {
    /// Writes the keys of users, if they are kept and the Java original knows such ids.
    pub(super) async fn settle(&self, call: &Call, settlings: Vec<Settling>) {
        let Some(classic) = &self.classic else { return };
        if let Err(error) = self.settle_all(call, classic, settlings).await {
            tracing::warn!(error = %error.chain(), "keys of the Java service could not be written");
        }
    }

    pub(super) async fn refresh_classic_keys_as(
        &self,
        call: &Call,
        node: &NodeName,
    ) -> Result<(), PortError> {
        let Some(classic) = &self.classic else { return Ok(()) };
        let mut holder = cmd("GET");
        holder.arg(self.keys.name(node));
        let [holder] = exactly(call, self.link.run(call, vec![holder]).await?)?;
        let Some(boot) = call.read::<Option<String>>(holder)?.and_then(|text| text.parse::<Boot>().ok())
        else {
            return Ok(());
        };
        let mut cursor = classic.cursor(node);
        for _ in 0..REFRESH_STEPS_MAX {
            let mut scan = cmd("SSCAN");
            scan.arg(self.keys.users_of(&boot)).arg(cursor).arg("COUNT").arg(REFRESH_BATCH_MAX);
            let [found] = exactly(call, self.link.run(call, vec![scan]).await?)?;
            let (next, traces): (u64, Vec<String>) = call.read(found)?;
            let users = traces.iter().filter_map(|trace| parse_user_trace(trace)).map(|(_, user)| user);
            self.write_absent(call, classic, users.filter(is_known_to_java).collect()).await?;
            cursor = next;
            classic.go_on_at(node, cursor);
            if cursor == 0 || !call.has_time() {
                break;
            }
        }
        Ok(())
    }

    async fn write_absent(
        &self,
        call: &Call,
        classic: &Classic,
        users: Vec<UserId>,
    ) -> Result<(), PortError> {
        let exists = |user: &UserId| {
            let mut exists = cmd("EXISTS");
            exists.arg(classic.key(user));
            exists
        };
        let replies = self.link.run(call, users.iter().map(exists).collect()).await?;
        let mut absent = Vec::new();
        for (user, reply) in users.into_iter().zip(replies) {
            if call.read::<i64>(reply)? == 0 {
                absent.push(user);
            }
        }
        let located = self.locate_as(call, &absent).await?;
        let settlings = absent.into_iter().zip(located).map(|(user, bindings)| {
            let newest = bindings.into_iter().max_by_key(|binding| binding.generation);
            Settling { user, expected: Expected::Nothing, node: newest.map(|binding| binding.boot.node) }
        });
        self.settle_all(call, classic, settlings.filter(|settling| settling.node.is_some()).collect()).await
    }

    async fn settle_all(
        &self,
        call: &Call,
        classic: &Classic,
        mut settlings: Vec<Settling>,
    ) -> Result<(), PortError> {
        settlings.retain(|settling| is_known_to_java(&settling.user));
        for _ in 0..=CLASSIC_ROUNDS_MAX {
            if settlings.is_empty() {
                return Ok(());
            }
            let mut commands = Vec::with_capacity(settlings.len() * 2);
            for Settling { user, expected, node } in &settlings {
                let (word, expected) = match expected {
                    Expected::Anything => ("anything", ""),
                    Expected::Nothing => ("nothing", ""),
                    Expected::Node(node) => ("node", node.as_str()),
                };
                let mut settle = SCRIPTS.settle_classic.on(&classic.key(user));
                settle.arg(word).arg(expected).arg(node.as_ref().map_or("", NodeName::as_str));
                commands.extend([settle, self.read_user(user)]);
            }
            let replies = self.link.run(call, commands).await?;
            let mut again = Vec::new();
            for (settling, reply) in settlings.into_iter().zip(replies.into_iter().skip(1).step_by(2)) {
                let fields: HashMap<String, String> = call.read(reply)?;
                let bindings = record::bindings(&settling.user, fields);
                let newest = bindings.into_iter().max_by_key(|binding| binding.generation);
                let node = newest.map(|binding| binding.boot.node);
                if node != settling.node {
                    // What we wrote is not the newest any more; what somebody else wrote meanwhile is.
                    let expected = settling.node.map_or(Expected::Nothing, Expected::Node);
                    again.push(Settling { user: settling.user, expected, node });
                }
            }
            settlings = again;
        }
        Err(call.outage("others log in and out too fast"))
    }
}

fn is_known_to_java(user: &UserId) -> bool {
    user.as_integer().is_some()
}
