//! Who is here: the sessions of this node, by user. It knows nothing of other nodes.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use smallvec::SmallVec;
use wire::id::{SessionId, UserId};

use crate::session::Session;
use crate::shard::shard_of;

/// The sessions of one user on this node; seldom more than one.
pub type UserSessions = SmallVec<[Arc<Session>; 1]>;

/// The sessions of this node.
#[derive(Debug)]
pub struct Hub {
    shards: Vec<Mutex<Shard>>,
    count: AtomicUsize,
}

/// Hashed with keys of its own: nobody can choose users that crowd it.
type Shard = HashMap<UserId, UserSessions>;

/// So many that two workers seldom meet at one lock.
const SHARDS: usize = 64;

impl Default for Hub {
    fn default() -> Self {
        Hub { shards: (0..SHARDS).map(|_| Mutex::default()).collect(), count: AtomicUsize::new(0) }
    }
}

impl Hub {
    /// Adds a session.
    pub fn insert(&self, session: &Arc<Session>) {
        self.shard(&session.user).entry(session.user.clone()).or_default().push(session.clone());
        self.count.fetch_add(1, Ordering::Relaxed);
    }

    /// Takes a session out; false when it was not in.
    pub fn remove(&self, session: &Arc<Session>) -> bool {
        let mut shard = self.shard(&session.user);
        let Some(sessions) = shard.get_mut(&session.user) else { return false };
        let Some(idx) = sessions.iter().position(|other| other.id == session.id) else { return false };
        sessions.swap_remove(idx);
        if sessions.is_empty() {
            shard.remove(&session.user);
        }
        self.count.fetch_sub(1, Ordering::Relaxed);
        true
    }

    /// The sessions of a user.
    pub fn of_user(&self, user: &UserId) -> UserSessions {
        self.shard(user).get(user).cloned().unwrap_or_default()
    }

    /// One session, by user and name.
    pub fn find(&self, user: &UserId, session: SessionId) -> Option<Arc<Session>> {
        self.shard(user).get(user)?.iter().find(|other| other.id == session).cloned()
    }

    /// How many sessions there are.
    pub fn len(&self) -> usize {
        self.count.load(Ordering::Relaxed)
    }

    /// True when nobody is here.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// All sessions as they are now, sorted by name, so that whoever walks them does so in one order.
    pub fn all(&self) -> Vec<Arc<Session>> {
        let mut all = Vec::with_capacity(self.len());
        for shard in &self.shards {
            let shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
            all.extend(shard.values().flatten().cloned());
        }
        all.sort_unstable_by_key(|session| session.id);
        all
    }

    /// Calls `each` with every session, without a copy of them all, and in an order that does not depend on the keys of the hashers.
    pub fn for_each(&self, mut each: impl FnMut(&Arc<Session>)) {
        for shard in &self.shards {
            let mut sessions: Vec<Arc<Session>> = {
                let shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
                shard.values().flatten().cloned().collect()
            };
            sessions.sort_unstable_by_key(|session| session.id);
            sessions.iter().for_each(&mut each);
        }
    }

    fn shard(&self, user: &UserId) -> MutexGuard<'_, Shard> {
        let idx = shard_of(user.as_str(), self.shards.len());
        self.shards[idx].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Sessions go in one order with it: with the last of a session its socket closes, and clients of a crashed node notice one after the other.
impl Drop for Hub {
    fn drop(&mut self) {
        let all = self.all();
        for shard in &self.shards {
            shard.lock().unwrap_or_else(PoisonError::into_inner).clear();
        }
        drop(all);
    }
}
