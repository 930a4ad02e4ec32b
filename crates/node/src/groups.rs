//! The groups that have members on this node: who they are, at which version, and that other nodes know of our interest.
//!
//! Changes of interest in one group are serialised, and a withdrawal names the registration that it withdraws.
//! Where nothing is kept, a group's members are the sessions that have joined it.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ports::directory::{Directory, Interest};
use ports::store::{PageQuery, Reader, Roster};
use ports::{PortError, Store};
use tokio::time::Instant;
use wire::frame::Range;
use wire::id::{ConversationId, GroupId, Seq, SessionId, UserId};

use crate::hub::Hub;
use crate::lease::View;
use crate::session::Session;
use crate::session::machine::Event;

/// Interests of one call when they are written again.
const REWRITE_BATCH: usize = 100;

/// The groups of this node's sessions.
pub struct Groups {
    directory: Arc<dyn Directory>,
    view: Arc<View>,
    hub: Arc<Hub>,
    groups: Mutex<BTreeMap<GroupId, Arc<Group>>>,
    of_session: Mutex<HashMap<SessionId, Vec<GroupId>>>,
    registrations: AtomicU64,
    linger: Duration,
    /// Whether anybody is told: with every message broadcast to all nodes, nobody needs to be.
    registers: bool,
}

/// One group, as far as it concerns this node.
#[derive(Debug)]
pub struct Group {
    id: GroupId,
    state: Mutex<GroupState>,
    /// Held while interest is registered or withdrawn.
    interest: tokio::sync::Mutex<()>,
}

#[derive(Debug, Default)]
struct GroupState {
    members: Vec<LocalMember>,
    roster: Option<Arc<Roster>>,
    registration: Option<u64>,
    empty_since: Option<Instant>,
}

#[derive(Debug)]
struct LocalMember {
    session: Arc<Session>,
    /// What it sees lies above; `None` while the roster does not name its user.
    since: Option<Seq>,
}

/// How a delivery to a group's local members went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GroupDelivery {
    /// Every local session that may see it was stepped.
    Done,
    /// The roster here is older than the message: reload it first.
    Stale,
}

impl Groups {
    /// No groups yet.
    pub fn new(
        directory: Arc<dyn Directory>,
        view: Arc<View>,
        hub: Arc<Hub>,
        registers: bool,
        linger: Duration,
        first_registration: u64,
    ) -> Groups {
        Groups {
            directory,
            view,
            hub,
            groups: Mutex::default(),
            of_session: Mutex::default(),
            registrations: AtomicU64::new(first_registration),
            linger,
            registers,
        }
    }

    /// Makes a session one of the group's on this node, and waits until the directory knows of the interest.
    pub async fn enter(
        &self,
        group: &GroupId,
        session: &Arc<Session>,
        joined: bool,
    ) -> Result<(), PortError> {
        let entry = self.groups().entry(group.clone()).or_insert_with(|| Group::new(group)).clone();
        {
            let mut state = entry.state();
            if !state.members.iter().any(|member| member.session.id == session.id) {
                let since = match &state.roster {
                    Some(roster) => roster.members.get(&session.user).copied(),
                    // Without a store, joining is all there is to being a member.
                    None => joined.then_some(0),
                };
                state.members.push(LocalMember { session: session.clone(), since });
                let mut of_session = self.of_session.lock().unwrap_or_else(PoisonError::into_inner);
                of_session.entry(session.id).or_default().push(group.clone());
            }
            state.empty_since = None;
        }
        self.register(&entry).await
    }

    /// Takes a session out of one group.
    pub fn exit(&self, group: &GroupId, session: &Arc<Session>) {
        if let Some(entry) = self.find(group) {
            entry.remove(session.id);
        }
        if let Some(groups) =
            self.of_session.lock().unwrap_or_else(PoisonError::into_inner).get_mut(&session.id)
        {
            groups.retain(|other| other != group);
        }
    }

    /// Takes an ended session out of all its groups.
    pub fn exit_all(&self, session: &Arc<Session>) {
        let groups = self.of_session.lock().unwrap_or_else(PoisonError::into_inner).remove(&session.id);
        for group in groups.unwrap_or_default() {
            if let Some(entry) = self.find(&group) {
                entry.remove(session.id);
            }
        }
    }

    /// True when a session has entered a group here.
    pub fn has_entered(&self, group: &GroupId, session: SessionId) -> bool {
        let of_session = self.of_session.lock().unwrap_or_else(PoisonError::into_inner);
        of_session.get(&session).is_some_and(|groups| groups.contains(group))
    }

    /// Calls `each` for the local sessions of members who may see `seq`. A version that is newer than the roster here is [`GroupDelivery::Stale`].
    pub fn deliver(
        &self,
        group: &GroupId,
        version: Option<u64>,
        seq: Option<Seq>,
        mut each: impl FnMut(&Arc<Session>),
    ) -> GroupDelivery {
        let Some(entry) = self.find(group) else { return GroupDelivery::Done };
        let state = entry.state();
        if state.members.is_empty() {
            return GroupDelivery::Done;
        }
        let known = state.roster.as_ref().map(|roster| roster.version);
        if version.is_some_and(|version| known.is_none_or(|known| known < version)) {
            return GroupDelivery::Stale;
        }
        let sees = |member: &&LocalMember| match (member.since, seq) {
            (Some(since), Some(seq)) => since < seq,
            (Some(_), None) => true,
            (None, _) => false,
        };
        state.members.iter().filter(sees).for_each(|member| each(&member.session));
        GroupDelivery::Done
    }

    /// Takes in the members of a group if they are newer than what is known; ex-members' sessions leave it, new members' sessions enter it.
    pub async fn adopt(&self, roster: &Arc<Roster>) -> Result<(), PortError> {
        let group = &roster.group;
        let conversation = ConversationId::group(group);
        let (left, known): (Vec<Arc<Session>>, Vec<SessionId>) = match self.find(group) {
            Some(entry) => entry.take_roster(roster),
            None => (Vec::new(), Vec::new()),
        };
        let now = Instant::now();
        for session in left {
            self.exit(group, &session);
            session.apply(Event::Left(&conversation), now);
        }
        for (user, since) in &roster.members {
            for session in self.hub.of_user(user) {
                if !known.contains(&session.id) {
                    self.enter(group, &session, false).await?;
                    if let Some(entry) = self.find(group) {
                        let _members = entry.take_roster(roster);
                    }
                    session.apply(Event::Joined(&conversation, *since), Instant::now());
                }
            }
        }
        Ok(())
    }

    /// As [`Groups::adopt`]; then shows the sessions of those who have joined how far the log reaches: what was said between the change
    /// and our interest was posted to other nodes only.
    pub async fn admit(
        &self,
        store: &dyn Store,
        roster: &Arc<Roster>,
        joined: &[UserId],
    ) -> Result<(), PortError> {
        self.adopt(roster).await?;
        let sessions: Vec<Arc<Session>> = joined.iter().flat_map(|user| self.hub.of_user(user)).collect();
        if sessions.is_empty() {
            return Ok(());
        }
        let conversation = ConversationId::group(&roster.group);
        let range = Range::Latest;
        let query = PageQuery { conversation, reader: Reader::All, range, items_max: 1, bytes_max: 1 };
        let pages = store.pages(std::slice::from_ref(&query)).await?;
        // A group that is gone again has no log to show.
        let head = pages.into_iter().flatten().next().map_or(0, |page| page.head);
        for session in sessions {
            session.apply(Event::Head(&query.conversation, head), Instant::now());
        }
        Ok(())
    }

    /// A group is gone: its sessions leave it.
    pub fn dissolve(&self, group: &GroupId) {
        let Some(entry) = self.find(group) else { return };
        let members: Vec<Arc<Session>> = {
            let state = entry.state();
            state.members.iter().map(|member| member.session.clone()).collect()
        };
        let conversation = ConversationId::group(group);
        for session in members {
            self.exit(group, &session);
            session.apply(Event::Left(&conversation), Instant::now());
        }
        entry.state().roster = None;
    }

    /// The local sessions of a group.
    pub fn sessions(&self, group: &GroupId) -> Vec<Arc<Session>> {
        let entry = self.find(group);
        entry.map_or_else(Vec::new, |entry| {
            entry.state().members.iter().map(|member| member.session.clone()).collect()
        })
    }

    /// The groups that have sessions here.
    pub fn present(&self) -> Vec<GroupId> {
        self.groups()
            .iter()
            .filter(|(_, group)| !group.state().members.is_empty())
            .map(|(id, _)| id.clone())
            .collect()
    }

    /// Tells the directory of all interest again, under the present boot.
    pub async fn register_again(&self) -> Result<(), PortError> {
        let all: Vec<Arc<Group>> = self.groups().values().cloned().collect();
        for group in &all {
            group.state().registration = None;
        }
        for batch in all.chunks(REWRITE_BATCH) {
            for group in batch {
                if !group.state().members.is_empty() {
                    self.register(group).await?;
                }
            }
        }
        Ok(())
    }

    /// Withdraws interest in the groups that have been empty for long enough.
    pub async fn withdraw_idle(&self, now: Instant) -> Result<(), PortError> {
        let idle: Vec<Arc<Group>> =
            self.groups().values().filter(|group| group.is_idle(now, self.linger)).cloned().collect();
        for group in idle {
            let _interest = group.interest.lock().await;
            if !group.is_idle(now, self.linger) {
                continue;
            }
            let registration = group.state().registration;
            if let Some(registration) = registration {
                let interest = Interest { group: group.id.clone(), boot: self.view.boot(), registration };
                self.directory.drop_interest(&[interest]).await?;
                group.state().registration = None;
            }
            let mut groups = self.groups();
            if group.is_idle(now, self.linger) {
                groups.remove(&group.id);
            }
        }
        Ok(())
    }

    async fn register(&self, group: &Arc<Group>) -> Result<(), PortError> {
        if !self.registers {
            return Ok(());
        }
        let _interest = group.interest.lock().await;
        if group.state().registration.is_some() {
            return Ok(());
        }
        let registration = self.registrations.fetch_add(1, Ordering::Relaxed);
        let interest = Interest { group: group.id.clone(), boot: self.view.boot(), registration };
        self.directory.add_interest(&[interest]).await?;
        group.state().registration = Some(registration);
        // An idle group may have been taken out meanwhile.
        self.groups().entry(group.id.clone()).or_insert_with(|| group.clone());
        Ok(())
    }

    fn find(&self, group: &GroupId) -> Option<Arc<Group>> {
        self.groups().get(group).cloned()
    }

    fn groups(&self) -> MutexGuard<'_, BTreeMap<GroupId, Arc<Group>>> {
        self.groups.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for Groups {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Groups").field("groups", &self.groups().len()).finish_non_exhaustive()
    }
}

impl Group {
    fn new(id: &GroupId) -> Arc<Group> {
        Arc::new(Group { id: id.clone(), state: Mutex::default(), interest: tokio::sync::Mutex::default() })
    }

    fn remove(&self, session: SessionId) {
        let mut state = self.state();
        state.members.retain(|member| member.session.id != session);
        if state.members.is_empty() {
            state.empty_since = Some(Instant::now());
        }
    }

    /// Takes the roster if it is not older, and gives the sessions of ex-members, and the names of those that stay.
    fn take_roster(&self, roster: &Arc<Roster>) -> (Vec<Arc<Session>>, Vec<SessionId>) {
        let mut state = self.state();
        let newer = state.roster.as_ref().is_none_or(|known| known.version <= roster.version);
        if newer {
            state.roster = Some(roster.clone());
            for member in &mut state.members {
                member.since = roster.members.get(&member.session.user).copied();
            }
        }
        let gone = |member: &&LocalMember| newer && member.since.is_none();
        let left = state.members.iter().filter(gone).map(|member| member.session.clone()).collect();
        let stay =
            state.members.iter().filter(|member| !gone(member)).map(|member| member.session.id).collect();
        (left, stay)
    }

    fn is_idle(&self, now: Instant, linger: Duration) -> bool {
        let state = self.state();
        state.members.is_empty()
            && state.empty_since.is_some_and(|since| now.saturating_duration_since(since) >= linger)
    }

    fn state(&self) -> MutexGuard<'_, GroupState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
