//! The last stretch of a message: from this node to the sessions that it concerns. What local senders commit and what the bus brings take the same road.
//!
//! Whoever brings something steps the sessions in place. A message of a group whose members are known in an older version waits until they are read again.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use edge::Tasks;
use ports::Store;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep, timeout};
use wire::id::{ConversationId, GroupId, SessionId, UserId};

use crate::events::{Event as Told, Events};
use crate::groups::{GroupDelivery, Groups};
use crate::hub::Hub;
use crate::order::{Order, TIDY_EVERY};
use crate::parcel::Parcel;
use crate::session::Session;
use crate::session::event::Event;
use crate::shard::shard_of;

/// So many that two conversations seldom meet at one lock.
const SHARDS: usize = 16;
/// Messages of one group that wait for its members to be read again; more are left to catching up.
const WAITING_MAX: usize = 1_000;
/// What waits for its order is looked at no more often than this.
const TICK_MIN: Duration = Duration::from_millis(5);
/// Between two tries of reading members.
const RELOAD_RETRY: Duration = Duration::from_millis(500);

/// Something that has come to this node, and whom it concerns.
#[derive(Debug, Clone)]
pub struct Arrived {
    /// The frame.
    pub parcel: Arc<Parcel>,
    /// Whom it concerns.
    pub audience: Audience,
    /// The session that sent it: it is never pushed there.
    pub except: Option<SessionId>,
    /// True for a message or signal that is pushed as it comes; false for a kept message, which is checked for order.
    pub unkept: bool,
}

/// Whom something concerns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Audience {
    /// These users.
    Users(Vec<UserId>),
    /// The members of a group, as of this version.
    Group(GroupId, Option<u64>),
    /// The same, and these users, who have just become members: this node may not have taken it in yet.
    Joined(GroupId, Option<u64>, Vec<UserId>),
    /// Everyone on the node.
    Everyone,
}

/// Brings things to sessions.
pub struct Arrivals {
    hub: Arc<Hub>,
    groups: Arc<Groups>,
    store: Option<Arc<dyn Store>>,
    events: Events,
    tasks: Tasks,
    hole_wait: Duration,
    order: Vec<Mutex<Order<Arrived>>>,
    /// Told when something begins to wait for its order.
    held: Notify,
    /// What waits for the members of its group to be read again.
    waiting: Mutex<BTreeMap<GroupId, Vec<Arrived>>>,
}

impl Arrivals {
    /// The road to the sessions in `hub`.
    pub fn new(
        hub: Arc<Hub>,
        groups: Arc<Groups>,
        store: Option<Arc<dyn Store>>,
        events: Events,
        tasks: Tasks,
        hole_wait: Duration,
    ) -> Arc<Arrivals> {
        Arc::new(Arrivals {
            hub,
            groups,
            store,
            events,
            tasks,
            hole_wait,
            order: (0..SHARDS).map(|_| Mutex::new(Order::new(hole_wait))).collect(),
            held: Notify::new(),
            waiting: Mutex::default(),
        })
    }

    /// Brings something to the sessions that it concerns. Returns how many were stepped at once; what waits for its order is not counted.
    pub fn bring(self: &Arc<Self>, arrived: Arrived) -> usize {
        let now = Instant::now();
        let placed = arrived.parcel.conversation().cloned().zip(arrived.parcel.seq());
        let Some((conversation, seq)) = placed.filter(|_| !arrived.unkept) else {
            return self.deliver(&arrived, now);
        };
        // Held while sessions are stepped, so that what goes on together arrives in order.
        let mut order = self.shard(&conversation).lock().unwrap_or_else(PoisonError::into_inner);
        let going_on = order.arrive(&conversation, seq, arrived, now);
        if going_on.is_empty() {
            self.held.notify_one();
        }
        going_on.iter().map(|arrived| self.deliver(arrived, now)).sum()
    }

    /// Tells the sessions of a conversation that its log reaches up to `head`.
    pub fn hint(&self, conversation: &ConversationId, head: u64) {
        let now = Instant::now();
        let each = |session: &Arc<Session>| session.apply(Event::Head(conversation, head), now);
        match (conversation.users(), conversation.group_id()) {
            (Some((one, other)), _) => {
                let both = if one == other { vec![one] } else { vec![one, other] };
                both.iter().flat_map(|user| self.hub.of_user(user)).for_each(|session| each(&session));
            }
            (None, Some(group)) if group.is_everyone() => self.hub.for_each(each),
            (None, Some(group)) => self.groups.sessions(&group).iter().for_each(each),
            (None, None) => {}
        }
    }

    /// Lets go of what has waited for its order long enough, for as long as the caller runs it. Asleep while nothing waits.
    pub async fn run(self: &Arc<Self>) {
        let tick = (self.hole_wait / 2).max(TICK_MIN);
        loop {
            // Though nothing waits, what is idle is to be forgotten.
            let _waits = timeout(TIDY_EVERY, self.held.notified()).await;
            loop {
                sleep(tick).await;
                if !self.let_go(Instant::now()) {
                    break;
                }
            }
        }
    }

    /// True when something still waits.
    fn let_go(self: &Arc<Self>, now: Instant) -> bool {
        let mut is_holding = false;
        for shard in &self.order {
            let mut order = shard.lock().unwrap_or_else(PoisonError::into_inner);
            for arrived in order.due(now) {
                self.deliver(&arrived, now);
            }
            is_holding |= order.is_holding();
        }
        is_holding
    }

    fn deliver(self: &Arc<Self>, arrived: &Arrived, now: Instant) -> usize {
        let mut stepped = 0;
        let mut each = |session: &Arc<Session>| {
            if arrived.except == Some(session.id) {
                return;
            }
            stepped += 1;
            let event = match arrived.unkept {
                true => Event::Unkept(&arrived.parcel),
                false => Event::Kept(&arrived.parcel),
            };
            session.apply(event, now);
        };
        match &arrived.audience {
            Audience::Users(users) => {
                users.iter().flat_map(|user| self.hub.of_user(user)).for_each(|session| each(&session));
            }
            Audience::Everyone => self.hub.for_each(each),
            Audience::Group(group, version) => self.deliver_to_group(group, *version, &[], arrived, each),
            Audience::Joined(group, version, joined) => {
                self.deliver_to_group(group, *version, joined, arrived, each);
            }
        }
        if stepped > 0 {
            self.events.tell(Told::Pushed { sessions: stepped });
        }
        stepped
    }

    fn deliver_to_group(
        self: &Arc<Self>,
        group: &GroupId,
        version: Option<u64>,
        joined: &[UserId],
        arrived: &Arrived,
        mut each: impl FnMut(&Arc<Session>),
    ) {
        let sessions = joined.iter().flat_map(|user| self.hub.of_user(user));
        let newcomers: Vec<Arc<Session>> =
            sessions.filter(|session| !self.groups.has_entered(group, session.id)).collect();
        match self.groups.deliver(group, version, arrived.parcel.seq(), &mut each) {
            GroupDelivery::Done => newcomers.iter().for_each(each),
            GroupDelivery::Stale => self.wait_for_members(group, arrived.clone()),
        }
    }

    /// Puts something aside until the members of its group are read again, and sees to it that they are.
    fn wait_for_members(self: &Arc<Self>, group: &GroupId, arrived: Arrived) {
        let first = {
            let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
            let queue = waiting.entry(group.clone()).or_default();
            if queue.len() < WAITING_MAX {
                queue.push(arrived);
            } else if let Some(last) = queue.last_mut().filter(|_| !arrived.unkept) {
                // The latest stays, so that its hole has the store read.
                *last = arrived;
            }
            queue.len() == 1
        };
        if first {
            let (this, group) = (self.clone(), group.clone());
            self.tasks.spawn(async move { this.reload(group).await });
        }
    }

    async fn reload(self: Arc<Self>, group: GroupId) {
        let Some(store) = &self.store else { return };
        loop {
            match self.groups.read_again(&**store, &group, &[]).await {
                Ok(()) => break,
                Err(error) => {
                    self.events.tell(Told::PortFailed { error: &error });
                    sleep(RELOAD_RETRY).await;
                }
            }
        }
        let waited = self.waiting.lock().unwrap_or_else(PoisonError::into_inner).remove(&group);
        let now = Instant::now();
        for arrived in waited.unwrap_or_default() {
            self.deliver(&arrived, now);
        }
    }

    fn shard(&self, conversation: &ConversationId) -> &Mutex<Order<Arrived>> {
        &self.order[shard_of(conversation.as_str(), self.order.len())]
    }
}

impl std::fmt::Debug for Arrivals {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Arrivals").finish_non_exhaustive()
    }
}
